"""The pages of the leaderboards as a browser shows them: sorted, filtered, and drawn."""

import pytest

from nasbench_suite.leaderboards.standings import build
from nasbench_suite.reports.board_track import render_track
from nasbench_suite.reports.site import write_site

pytestmark = pytest.mark.browser

ENTRIES = ("local_search", "random_search", "regularized_evolution")
LINES = "() => [...document.querySelectorAll('#plot .line')].map(e => e.dataset.entry)"


@pytest.fixture
def site(board, tmp_path, opened):
    """A site with three entries, one that is left out, and a track without any."""
    place = board("small", *ENTRIES)
    opened(place / "random_search").change("A. Author", "B. Writer")
    (place / "empty").mkdir()
    write_site([build("crew"), build("small")], tmp_path / "site")
    return tmp_path / "site"


@pytest.fixture
def shown(browser, site):
    """What opens a page of the site; nothing may go wrong in it, and nothing be loaded."""
    wrong, pages = [], []

    def open_page(name, width=1280, script=True):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, java_script_enabled=script
        )
        page = context.new_page()
        page.on("console", lambda m: wrong.append(m.text) if m.type != "log" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request",
            lambda r: None if r.url.startswith(("file:", "data:")) else wrong.append(r.url),
        )
        path, _, fragment = name.partition("#")
        page.goto((site / path).as_uri() + (f"#{fragment}" if fragment else ""))
        pages.append(context)
        return page

    yield open_page
    for context in pages:
        context.close()
    assert wrong == []


def names(page):
    return page.locator("#entries tbody tr:visible th a").all_inner_texts()


def test_entries_are_sorted_by_another_budget(shown):
    found = build("small")
    page = shown("small/index.html")
    for column, one in ((1, found.together[0]), (2, found.together[1])):
        head = page.locator(f"#entries th[data-column='{column}']")
        page.locator("#entries th[data-column='0'] button").click()
        assert names(page) == sorted(ENTRIES)
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == "ascending"
        assert page.locator("#entries th[aria-sort]").count() == 1
        ranks = {ranked.entry: ranked.rank for ranked in one.ranked}
        assert names(page) == sorted(sorted(ENTRIES), key=ranks.__getitem__)
        head.locator("button").press("Enter")
        assert head.get_attribute("aria-sort") == "descending"
        assert [ranks[name] for name in names(page)] == sorted(ranks.values(), reverse=True)


def test_entries_are_filtered(shown):
    page = shown("small/index.html")
    assert len(names(page)) == 3
    page.locator("#filter").fill("writ RANDOM")
    assert names(page) == ["random_search"]
    assert page.locator("#count").inner_text() == "1 of 3 entries"
    page.locator("#filter").fill("nobody")
    assert names(page) == []
    page.locator("#filter").fill("")
    assert len(names(page)) == 3


def test_chosen_entries_are_drawn_side_by_side(shown):
    page = shown("small/index.html")
    assert set(page.evaluate(LINES)) == set(ENTRIES)
    page.get_by_label("draw the curves of regularized_evolution").uncheck()
    assert set(page.evaluate(LINES)) == set(ENTRIES[:2])
    assert page.locator("#plot .band").count() == 2
    assert page.locator("#reading tbody tr").count() == 2
    page.get_by_role("button", name="remove random_search").click()
    assert page.evaluate(LINES) == ["local_search"]
    assert not page.get_by_label("draw the curves of random_search").is_checked()
    page.locator("#add").select_option(label="regularized_evolution")
    assert set(page.evaluate(LINES)) == {"local_search", "regularized_evolution"}
    # What is shown can be sent to somebody.
    page.locator("#on").select_option("1")
    page.locator("#scale").select_option("regret")
    again = shown(f"small/index.html#{page.url.partition('#')[2]}")
    assert set(again.evaluate(LINES)) == {"local_search", "regularized_evolution"}
    assert again.locator("#on").input_value() == "1"
    assert again.locator("#scale").input_value() == "regret"


def test_the_tables_say_what_the_standings_say(shown):
    found = build("small")
    page = shown("small/index.html#with=random_search")
    (entry,) = (one for one in found.entries if one.folder == "random_search")
    for place in range(2):
        page.locator("#on").select_option(str(place))
        point = entry.results[place].points[-1]
        row = page.locator("#reading tbody tr", has_text="random_search")
        texts = row.locator("td").all_inner_texts()
        assert texts[0] == f"{point.mean:.2f}"
        assert texts[2] == f"{point.regret:.2f}"
        cells = page.locator("#detail tbody tr", has_text="random_search").locator("td")
        for at, one in enumerate(entry.results[place].points):
            text = cells.nth(at).inner_text()
            assert f"{one.mean:.2f}" in text
            assert f"{one.low:.2f} to {one.high:.2f}" in text


def test_values_are_read_at_any_budget_from_the_keyboard(shown):
    page = shown("small/index.html")
    slider = page.locator("#at")
    assert slider.get_attribute("aria-valuetext") == "20 evaluations"
    before = page.locator("#reading tbody").inner_text()
    slider.press("Home")
    assert slider.get_attribute("aria-valuetext") != "20 evaluations"
    assert page.locator("#reading tbody").inner_text() != before
    assert page.locator("#at-text").inner_text().startswith(slider.get_attribute("aria-valuetext"))


def test_no_page_is_wider_than_its_window(shown, site):
    # One entry is as wide as another.
    for path in sorted(
        {*site.glob("*.html"), *site.glob("*/index.html"), *site.glob("*/l*/*.html")}
    ):
        page = shown(path.relative_to(site).as_posix())
        for width in (1280, 768, 360):
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, path


def test_on_a_phone_a_table_shows_what_it_is_sorted_by(shown):
    page = shown("small/index.html", 360)
    around = page.locator("#standings .scroll").bounding_box()
    name = page.locator("#entries tbody th").first.bounding_box()
    assert name["x"] == around["x"]
    last = page.locator("#entries tbody tr").first.locator("td").nth(1).bounding_box()
    assert (
        name["x"] + name["width"] <= last["x"] + last["width"] <= around["x"] + around["width"] + 1
    )


def test_tables_are_there_without_a_script(shown):
    page = shown("small/index.html", script=False)
    assert names(page) == sorted(
        ENTRIES, key={one.entry: one.rank for one in build("small").together[-1].ranked}.__getitem__
    )
    assert page.locator("#filter").is_hidden()
    assert page.locator("#on").is_hidden()
    assert "Curves are drawn by a script" in page.locator("#curves").inner_text()
    assert page.locator("#tasks tbody tr").count() == 3


def test_a_track_without_entries_is_shown_as_one(shown):
    page = shown("crew/index.html")
    assert "No entries yet" in page.locator("#standings").inner_text()
    assert page.locator("#rules li").count() == 1
    assert page.locator("#curves").count() == 0
    front = shown("index.html")
    assert "No entries yet" in front.locator("#tracks").inner_text()
    front.get_by_role("link", name="1 is left out").click()
    assert "file_missing" in front.locator("main").inner_text()


def test_a_page_of_many_benchmarks_is_no_wider_than_a_phone(shown, site, many):
    found = many(build("small"), 12, 29)
    (site / "many.html").write_text(render_track(found, 0), encoding="utf-8")
    page = shown("many.html", 360)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.locator("#tasks tbody tr:not(.group)").count() == 29
    page.locator("#on").select_option("28")
    assert page.locator("#plot .line").count() == 4
