"""The site of the leaderboards as people meet it: from a file path, in Chromium."""

import json
import runpy
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from nasbench_suite import cli
from nasbench_suite.leaderboards.submitting import submit

pytestmark = pytest.mark.browser

TESTS = Path(__file__).parents[1]
BROWSING = runpy.run_path(str(TESTS / "browsing.py"))
opened, violations, requests = (BROWSING[name] for name in ("opened", "violations", "requests"))
MINE = runpy.run_path(str(Path(__file__).with_name("test_submitting.py")))["MINE"]
SAID = {"author": "A. Author", "code": "https://example.org/a"}
ENTRIES = ("local_search", "random_search", "regularized_evolution")
WAYS = [(1280, "light"), (390, "dark")]


@pytest.fixture(scope="module")
def data(tracks, tmp_path_factory):
    """Three tracks: one of entries and one that is left out, one of a single entry, one empty."""
    home = tmp_path_factory.mktemp("data") / "of"
    shutil.copytree(tracks, home)
    boards = home / "leaderboards"
    shutil.copytree(boards / "small", boards / "empty")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NASBENCH_DATA", str(tracks))
        for track, names in (("small", ENTRIES), ("crew", ENTRIES[:1])):
            for name in names:
                made = tmp_path_factory.mktemp("made") / name
                assert submit(track, name, out=made, **SAID).ok
                shutil.copytree(made, boards / track / "submissions" / name)
    entry = boards / "small" / "submissions"
    shutil.copytree(entry / "local_search", entry / "twin")
    return home


@pytest.fixture(scope="module")
def site(data, tmp_path_factory):
    """The site of these tracks."""
    out = tmp_path_factory.mktemp("site")
    tracks = ("--track", "small", "--track", "crew", "--track", "empty")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NASBENCH_DATA", str(data))
        assert cli.main(["leaderboard", "build", *tracks, "--out", str(out)]) == 0
    return out


@pytest.mark.parametrize(("width", "scheme"), WAYS)
def test_everybody_can_use_every_page(browser, site, width, scheme):
    found = {}
    # One entry is as another.
    pages = {*site.glob("*.html"), *site.glob("*/*.html"), *site.glob("*/local_search/*.html")}
    for path in sorted(pages):
        page, wrong = opened(browser, path, width, scheme)
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        found[path.relative_to(site).as_posix()] = violations(page) + wrong
    assert len(found) == 3 + 3 + 2
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_no_page_asks_for_anything_from_elsewhere(browser, site):
    for path in site.rglob("*.html"):
        asked = requests(browser, path)
        assert asked, path
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == [], path


def test_a_newcomer_submits_and_finds_it_on_the_site(
    browser, data, nasbench, tmp_path, monkeypatch
):
    # Submit a strategy of one's own.
    (tmp_path / "mine.py").write_text(MINE)
    said = ["--author", "Ada Müller", "--code", "https://example.org/climb", "--name", "climb"]
    strategy = ("--strategy", f"{tmp_path / 'mine.py'}:Climb")
    done = nasbench("submit", "small", *strategy, *said, "--out", tmp_path / "climb")
    assert done.code == 0, done.err
    # Put it into the track, and build the site.
    home, out = tmp_path / "data", tmp_path / "site"
    shutil.copytree(data, home)
    shutil.copytree(tmp_path / "climb", home / "leaderboards/small/submissions/climb")
    monkeypatch.setenv("NASBENCH_DATA", str(home))
    done = nasbench("leaderboard", "build", "--track", "small", "--out", out)
    assert done.code == 0, done.err
    # Find it, from the front page on.
    page, wrong = opened(browser, out / "index.html", 1280)
    page.locator("main").get_by_role("link", name="For tests").first.click()
    assert page.url == (out / "small" / "index.html").as_uri()
    rows = page.locator("#entries tbody tr")
    assert rows.count() == 4
    # Sort by another budget.
    told = json.loads((out / "small" / "standings.json").read_text())
    names = [entry["name"] for entry in told["entries"]]
    half = {name: told["together"][0]["ranked"][at]["rank"] for at, name in enumerate(names)}
    page.locator("#entries thead").get_by_role("button", name="50 %").click()
    shown = rows.locator("th a").all_text_contents()
    assert sorted(shown) == sorted([*ENTRIES, "climb"])
    assert [half[name] for name in shown] == sorted(half.values())
    # Filter.
    page.get_by_label("Filter").fill("müller climb")
    assert rows.locator("visible=true").locator("th a").all_text_contents() == ["climb"]
    assert page.locator("#count").text_content() == "1 of 4 entries"
    page.get_by_label("Filter").fill("")
    assert rows.locator("visible=true").count() == 4
    # Choose two entries and see their curves.
    for name in (*ENTRIES, "climb"):
        box = page.get_by_label(f"draw the curves of {name}")
        box.set_checked(name in ("climb", "random_search"))
    lines = page.locator("#plot path.line")
    assert sorted(line.get_attribute("data-entry") for line in lines.all()) == [
        "climb",
        "random_search",
    ]
    assert all(line.bounding_box()["width"] > 100 for line in lines.all())
    read = page.locator("#reading tbody th").all_text_contents()
    assert sorted(read) == ["climb", "random_search"]
    # Open its page, take its runs from there, and check them.
    rows.get_by_role("link", name="climb").click()
    assert page.url == (out / "small" / "climb" / "index.html").as_uri()
    assert "Ada Müller" in page.locator("main").inner_text()
    links = page.locator("#files a").evaluate_all("all => all.map(one => one.href)")
    files = [Path(unquote(urlsplit(link).path)) for link in links]
    again = tmp_path / "again" / "climb"
    again.mkdir(parents=True)
    for file in files:
        assert file.is_relative_to(out)
        if file.name.endswith((".toml", ".jsonl.gz")):
            shutil.copy(file, again)
    assert wrong == []
    done = nasbench("check", again)
    assert done.code == 0, done.out
    assert nasbench("check", again, "--replay", strategy[1]).code == 0
