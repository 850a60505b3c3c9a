"""The site of the leaderboards: what is in it, and that it says what the standings say."""

import csv
import json
import math
import re
import shlex
from dataclasses import replace
from html.parser import HTMLParser
from importlib.util import find_spec
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

from nasbench_suite.cli import leaderboard, words
from nasbench_suite.core import DamagedInput
from nasbench_suite.leaderboards.standings import build
from nasbench_suite.leaderboards.submitting import runs_of
from nasbench_suite.reports import board_curves, board_entry
from nasbench_suite.reports.board_track import render_track
from nasbench_suite.reports.site import write_site

ENTRIES = ("local_search", "random_search", "regularized_evolution")
FILES = {"nasbench201-cifar10.jsonl.gz", "nasbench201-cifar100.jsonl.gz", "submission.toml"}
LARGEST = 2_000_000
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)> $(touch x) `x` 'y' {{ 7 }}"


class Page(HTMLParser):
    """Links, places and texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.places, self.loads, self.tags, self.text = [], set(), [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append(tag)
        self.places.add(given.get("id"))
        if tag == "a":
            self.links.append(given["href"])
        elif "src" in given or (tag == "link" and not given["href"].startswith("data:")):
            self.loads.append(given)

    def handle_data(self, data):
        self.text += data


def pages(site):
    return {path: Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}


def embedded(path):
    found = re.search(
        r'<script type="application/json" id="board">(.*?)</script>', path.read_text("utf-8"), re.S
    )
    return json.loads(found[1])


@pytest.fixture
def site(board, nasbench, tmp_path):
    """What builds the site with the command, and returns its folder."""

    def made(*tracks):
        out = tmp_path / "site"
        on = [word for track in tracks for word in ("--track", track)]
        done = nasbench("leaderboard", "build", *on, "--out", out, "--json")
        assert done.code == 0, done.err
        written = done.json["written"]
        assert len(set(written)) == len(written)
        return out

    return made


def test_its_files_and_links(board, site):
    place = board("small", *ENTRIES)
    out = site("small", "crew")
    standings = {"standings.json", "standings.csv", "standings.md"}
    expected = {"index.html", "scoring.html", "left_out.html"}
    expected |= {f"{track}/{name}" for track in ("small", "crew") for name in standings}
    expected |= {f"{track}/{name}" for track in ("small", "crew") for name in ("index.html",)}
    own = {"index.html", "finals.csv", *FILES}
    expected |= {f"small/{entry}/{name}" for entry in ENTRIES for name in own}
    there = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert {path for path in there if not path.endswith((".entries.json", ".own.json"))} == expected
    for entry in ENTRIES:
        for name in FILES:
            assert (out / "small" / entry / name).read_bytes() == (
                place / entry / name
            ).read_bytes()
    found = pages(out)
    reached = set()
    for path, page in found.items():
        assert page.loads == []
        assert page.tags.count("h1") == 1
        assert page.tags.count("main") == 1
        assert "default-src 'none'" in path.read_text()
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                assert link == "https://example.org/a"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file(), (path, link)
            reached.add(target)
            if parts.fragment and "=" not in parts.fragment:
                assert parts.fragment in found[target].places, (path, link)
    assert {path.resolve() for path in found} <= reached
    assert "No entries yet" in found[out / "crew" / "index.html"].text


def test_the_page_of_a_track_says_what_the_standings_say(board, site):
    board("small", *ENTRIES)
    path = site("small") / "small" / "index.html"
    found, data, text = build("small"), embedded(path), path.read_text()
    assert [entry["name"] for entry in data["entries"]] == list(ENTRIES)
    assert set(data["chosen"]) == {0, 1, 2}
    for place, task in enumerate(found.tasks):
        told = data["tasks"][place]
        assert told["budgets"] == list(task.budgets)
        assert told["optimum"] == pytest.approx(task.optimum, rel=1e-5)
        for entry, shown in zip(found.entries, data["entries"], strict=True):
            result, of = entry.results[place], shown["results"][place]
            curve = result.curve
            assert told["grid"] == curve.grid.tolist()
            mean = np.array(of["mean"], dtype=float)
            half = np.array(of["half"], dtype=float)
            np.testing.assert_allclose(mean, curve.mean, rtol=1e-5)
            np.testing.assert_allclose(mean - half, curve.low, rtol=1e-4)
            np.testing.assert_allclose(mean + half, curve.high, rtol=1e-4)
            for point, (*numbers, best) in zip(result.points, of["points"], strict=True):
                assert numbers == pytest.approx([point.mean, point.low, point.high], rel=1e-7)
                assert best == point.place
    for ranked in found.together[-1].ranked:
        assert f'data-key="{ranked.rank:.10g}"' in text
        assert f'{ranked.rank:.2f}<span class="interval">{ranked.low:.2f} to' in text
    for part in found.track.parts:
        assert part.data in text
    assert all(rule in text for rule in found.track.rules)


def test_the_page_of_an_entry_has_all_of_its_results(board, site):
    board("crew", *ENTRIES)
    out = site("crew")
    found = build("crew")
    for entry in found.entries:
        home = out / "crew" / entry.folder
        rows = list(csv.reader((home / "finals.csv").read_text().splitlines()))
        assert [int(row[0]) for row in rows[1:]] == [0, 1, 2]
        table = np.array([row[1:] for row in rows[1:]], dtype=float)
        finals = np.stack([result.finals for result in entry.results], axis=1)
        np.testing.assert_allclose(table, finals, rtol=1e-9)
        text = (home / "index.html").read_text()
        for result in entry.results:
            for point in result.points:
                assert f'{point.mean:.2f}<span class="interval">{point.low:.2f} to' in text
            # A dot a seed.
            assert all(f'<td class="n">{value:.2f}</td>' in text for value in result.finals)
        assert text.count("h0") >= 3 * len(entry.results)


def test_its_command_makes_the_same_runs(board, site, nasbench, tmp_path, opened):
    place = board("small", *ENTRIES)
    out = site("small")
    (entry,) = (one for one in build("small").entries if one.folder == "local_search")
    command = board_entry.submit_command(entry.about)
    assert command in Page((out / "small" / "local_search" / "index.html").read_text()).text
    program, *given = shlex.split(command.replace("\\\n", " "))
    assert program == "nasbench"
    again = tmp_path / "again"
    assert given[-2:] == ["--out", "local_search"]
    assert nasbench(*given[:-1], again).code == 0
    for name in FILES:
        assert (again / name).read_bytes() == (place / "local_search" / name).read_bytes()
    assert runs_of(again).is_dir()
    program, *given = shlex.split(board_entry.replay_command(entry))
    assert given == [
        "check",
        "leaderboards/small/submissions/local_search",
        "--replay",
        "local_search",
    ]
    assert nasbench("check", place / "local_search", *given[2:]).code == 0


def test_commands_name_files_and_settings_of_any_kind():
    settings = {
        "a": 1.5, "b": "10", "c": "word", "d": [1, "x", None], "e": None, "f": True, "g": EVIL,
        "h": {"k": "v w"}, "i": "null", "j": "",
    }  # fmt: skip
    about = build("small").track
    said = board_entry.Description(
        about, "mine", "mine.Search", "A. Author", "https://example.org/a", {}, "standard",
        settings, code_sha256="0" * 64, suite_version="1",
    )  # fmt: skip
    command = board_entry.submit_command(said)
    given = shlex.split(command.replace("\\\n", " "))
    at = [n for n, word in enumerate(given) if word == "--set"]
    assert words.settings([given[n + 1] for n in at], None, "mine") == {"mine": settings}
    assert given[given.index("--strategy") + 1] == "./mine.py:Search"
    # Another program's runs cannot be made again by the suite.
    other = replace(said, code_sha256=None, suite_version=None)
    assert board_entry.submit_command(other) == ""
    installed = replace(said, strategy="pack/their", code_sha256=None)
    assert "--strategy pack/their" in board_entry.submit_command(installed)


def test_what_a_submission_says_stays_text(board, site, opened):
    place = board("small", *ENTRIES)
    (place / "<img src=x>").mkdir()
    folder = opened(place / "random_search")
    folder.change("A. Author", "'A' & \\\"B\\\" {{ 1 }}")
    folder.change("[settings]", f'[settings]\nevil = "{EVIL}"')
    out = site("small")
    found = pages(out)
    entry = out / "small" / "random_search" / "index.html"
    assert EVIL in found[entry].text
    assert "'A' & \"B\" {{ 1 }}" in found[entry].text
    assert "<img src=x> holds no submission.toml" in found[out / "left_out.html"].text
    for path, page in found.items():
        assert "img" not in page.tags
        assert page.tags.count("script") <= 2
        assert "alert(1)</script>" not in path.read_text()
    shown = re.search(r"nasbench submit small.*?--out random_search", found[entry].text, re.S)
    given = shlex.split(shown[0].replace("\\\n", " "))
    assert f"evil={EVIL}" in given


def test_what_is_left_out_is_told_with_reason_and_cure(board, site, opened):
    place = board("small", *ENTRIES)
    opened(place / "local_search").change('track_version = "1"', 'track_version = "0"')
    (place / "random_search").rename(place / "twin")
    board("small", "random_search")
    out = site("small")
    found = build("small")
    assert len(found.left_out) == 2
    page = pages(out)[out / "left_out.html"]
    for one in found.left_out:
        for text in (one.folder, one.kind, one.failure.code, one.failure.message, one.failure.cure):
            assert text in page.text
    assert "Another submission bears its name too: random_search" in page.text
    assert "Left out (2)" in page.text
    assert not (out / "small" / "twin").exists()
    assert "Left out (2)" in pages(out)[out / "small" / "random_search" / "index.html"].text


def test_the_same_submissions_give_the_same_bytes(board, site):
    board("small", *ENTRIES)
    first = {path: path.read_bytes() for path in sorted(site("small").rglob("*")) if path.is_file()}
    again = {path: path.read_bytes() for path in sorted(site("small").rglob("*")) if path.is_file()}
    assert first == again


def test_pages_of_entries_that_are_no_more_go(board, site, opened):
    place = board("small", *ENTRIES)
    out = site("small", "crew") / "small"
    (out / "local_search" / "notes.txt").write_text("mine")
    (out / "random_search" / "index.html").write_text("changed")
    outside = out.parent / "keep.txt"
    outside.write_text("mine")
    told = out / ".entries.json"
    told.write_text(json.dumps({**json.loads(told.read_text()), "../keep.txt": "0" * 64, "x": 1}))
    for name in ENTRIES:
        (place / name).rename(place / f".{name}")
    site("small")
    left = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert left == {
        ".entries.json", "index.html", "standings.json", "standings.csv", "standings.md",
        "local_search/notes.txt", "random_search/index.html",
    }  # fmt: skip
    assert not (out / "regularized_evolution").exists()
    assert outside.read_text() == "mine"
    # Other tracks stay.
    assert (out.parent / "crew" / "index.html").is_file()


def test_an_entry_may_be_called_like_a_file_of_its_track(board, opened, site):
    place = board("small", "random_search")
    (place / "random_search").rename(place / "standings.json")
    opened(place / "standings.json").change('"random_search"', '"standings.json"')
    out = site("small") / "small"
    assert (out / "standings.json").is_file()
    assert "standings.json" in Page((out / "_standings.json" / "index.html").read_text()).text


def test_one_entry_alone_has_a_page(board, site):
    board("small", "random_search")
    out = site("small")
    text = Page((out / "small" / "index.html").read_text()).text
    assert "Who beats whom" not in text
    assert "1 of 1 entries" in text


def test_a_submission_that_goes_while_the_site_is_written(board, tmp_path):
    place = board("small", "random_search")
    found = build("small")
    (place / "random_search" / "submission.toml").unlink()
    with pytest.raises(DamagedInput, match=r"submission\.toml"):
        write_site([found], tmp_path / "site")


def test_the_extra_is_asked_for_before_anything_is_computed(nasbench, monkeypatch, tmp_path):
    hidden = {"jinja2": None}
    monkeypatch.setattr(leaderboard, "find_spec", lambda name: hidden.get(name, find_spec(name)))
    monkeypatch.setattr(leaderboard, "build", None)
    done = nasbench("leaderboard", "build", "--out", tmp_path / "site")
    assert done.code == 2
    assert "nasbench-suite[report]" in done.err
    assert not (tmp_path / "site").exists()


def test_pages_stay_small(board, many):
    board("small", *ENTRIES)
    found = many(build("small"), 100, 29)
    page = render_track(found, 0)
    assert len(page.encode()) <= LARGEST
    data = board_curves.curves(found, range(100))
    numbers = sum(
        len(result["mean"]) + len(result["half"])
        for entry in data["entries"]
        for result in entry["results"]
    )
    assert numbers <= board_curves.NUMBERS
    grid = found.entries[0].results[0].curve.grid
    assert data["tasks"][0]["grid"][-1] == pytest.approx(grid[-1])
    entry = board_entry.render_entry(found, 0, {}, 0)
    assert len(entry.encode()) <= LARGEST / 4


def test_the_page_of_scoring_says_what_scoring_does(site):
    """The formulae on it, reckoned by hand, give what the functions give."""
    from nasbench_suite.scoring.bootstrap import RESAMPLES
    from nasbench_suite.scoring.ranks import critical_difference, friedman, ranks

    out = site("small")
    text = pages(out)[out / "scoring.html"].text
    assert f"{RESAMPLES:,} such drawings" in text
    values = np.random.default_rng(1).normal(size=(7, 5))
    blocks, k = values.shape
    average = ranks(values).mean(axis=0)
    square = 12 * blocks / (k * (k + 1)) * ((average - (k + 1) / 2) ** 2).sum()
    f = (blocks - 1) * square / (blocks * (k - 1) - square)
    told = friedman(values)
    assert (told.statistic, told.f) == pytest.approx((square, f))
    # Demšar's table 5(a): 2.728 for five.
    assert critical_difference(k, blocks) == pytest.approx(
        2.728 * math.sqrt(k * (k + 1) / (6 * blocks)), rel=1e-3
    )
