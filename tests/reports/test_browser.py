"""The page as a browser shows it: nothing fails, nothing overflows, no text lies on another."""

import json
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nasbench_suite.campaigns.examining import Learned, Proportional
from nasbench_suite.campaigns.fidelity import Agreement
from nasbench_suite.experiments.experiment import open_experiment
from nasbench_suite.reports.fidelity import Study
from nasbench_suite.reports.page import render
from nasbench_suite.reports.surrogate import write_surrogate
from nasbench_suite.scoring.summary import summarise

pytestmark = pytest.mark.browser

BROWSING = runpy.run_path(str(Path(__file__).parents[1] / "browsing.py"))
opened, wait_until = BROWSING["opened"], BROWSING["wait_until"]
requests, violations = BROWSING["requests"], BROWSING["violations"]

# Boxes of all texts that are shown, with what they say; lines of a paragraph count apart.
TEXTS = """
() => {
  const found = [];
  const add = (box, text) => {
    if (box.width > 0 && box.height > 0)
      found.push([text, box.left, box.top + scrollY, box.right, box.bottom + scrollY]);
  };
  for (const text of document.querySelectorAll("figure svg text"))
    if (text.textContent.trim()) add(text.getBoundingClientRect(), text.textContent);
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (!node.textContent.trim() || node.parentElement.closest("svg, noscript")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) add(box, node.textContent.trim());
  }
  return found;
}
"""


def of(folder):
    return summarise(open_experiment(folder))


@pytest.fixture(scope="module")
def pages(make, thirteen, ten, tmp_path_factory):
    """Reports of several shapes, by name: the page, and how many strategies and seeds it has."""
    shapes = {
        "many": {"strategies": 3, "seeds": 10, "evaluations": 40},
        "one": {"strategies": 1, "seeds": 1, "evaluations": 40},
        "tasks": {"benchmarks": 3, "strategies": 2, "seeds": 3},
        "seconds": {"strategies": 3, "seeds": 3, "evaluations": None, "seconds": 3000.0},
        "epochs": {
            "strategies": 3,
            "seeds": 3,
            "evaluations": None,
            "epochs": 3000,
            "protocol": "multi_fidelity",
        },
        "single evaluation": {"strategies": 2, "seeds": 3, "evaluations": 1},
    }
    made = {name: (of(make(**shape)), shape) for name, shape in shapes.items()}
    made["thirteen"] = of(thirteen), {"strategies": 13, "seeds": 12}
    made["ten tasks"] = ten, {"strategies": 13, "seeds": 3}
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for name, (summary, shape) in made.items():
        found[name] = folder / f"{name}.html", shape
        found[name][0].write_text(render(summary), encoding="utf-8")
    return found


def overlaps(boxes):
    """Pairs of texts that share more than the edge of their boxes."""
    slack = 2.0
    found = []
    boxes = sorted(boxes, key=lambda box: box[2])
    for number, (text, left, _, right, bottom) in enumerate(boxes):
        for other, left2, top2, right2, bottom2 in boxes[number + 1 :]:
            if top2 >= bottom - slack:
                break
            across = min(right, right2) - max(left, left2)
            if across > slack and min(bottom, bottom2) - top2 > slack:
                found.append((text, other))
    return found


WAYS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
"""Of looking at a page."""
FEW = [WAYS[0], WAYS[3]]
"""Of a large one, which takes long."""


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [
        *((name, *way) for name in ("one", "seconds", "epochs", "thirteen") for way in WAYS),
        *((name, *way) for name in ("many", "tasks", "single evaluation") for way in FEW),
        *(("ten tasks", *way) for way in FEW),
    ],
)
def test_page(browser, pages, name, width, scheme):
    path, shape = pages[name]
    page, wrong = opened(browser, path, width, scheme)
    scroll, client = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert scroll <= client
    assert overlaps(page.evaluate(TEXTS)) == []
    strategies = shape["strategies"]
    interval = shape["seeds"] > 1 and shape.get("evaluations") != 1
    assert page.locator("#b0-evaluations .scatterlayer .trace").count() == strategies * (
        1 + interval
    )
    assert page.locator("#b0-finals .scatterlayer .trace").count() == strategies * (
        1 + (shape["seeds"] > 1)
    )
    boxes = strategies if shape["seeds"] >= 10 else 0
    assert page.locator("#b0-finals .boxlayer .trace").count() == boxes
    over_epochs = page.locator("#b0-epochs .scatterlayer .trace").count()
    assert over_epochs == (2 * strategies if "epochs" in shape else 0)
    drawn = page.locator("#b0-evaluations .scatterlayer .trace path").count()
    assert drawn >= strategies
    # A name beside a line is tied to it by another line.
    beside = 2 if width > 760 else 1
    ranks = page.locator("#ranks .scatterlayer .trace").count()
    assert ranks == (strategies * beside if strategies > 1 else 0)
    diagram = name in ("thirteen", "ten tasks")
    names = page.locator("#difference .annotation").count()
    assert names == (strategies + 1 if diagram else 0)
    assert wrong == []


# Large pages take axe long.
@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [*(("epochs", *way) for way in FEW), ("thirteen", *FEW[1])],
)
def test_everybody_can_use_the_page(browser, pages, name, width, scheme):
    page, _ = opened(browser, pages[name][0], width, scheme)
    assert violations(page) == []


@pytest.mark.parametrize("name", ["one", "thirteen"])
def test_page_asks_for_nothing_from_elsewhere(browser, pages, name):
    asked = requests(browser, pages[name][0])
    assert asked
    assert [address for address in asked if not address.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("name", ["thirteen", "tasks", "epochs"])
def test_tables_of_results_need_no_scrolling_on_a_desk(browser, pages, name):
    page, wrong = opened(browser, pages[name][0], 1280)
    hidden = page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth)"
        ".map(e => e.ariaLabel)"
    )
    assert hidden == []
    assert wrong == []


def test_names_stay_in_sight_on_a_phone(browser, pages):
    page, wrong = opened(browser, pages["thirteen"][0], 390)
    table = page.locator("#b0 .scroll").first
    table.evaluate("e => { e.scrollLeft = 300 }")
    name = table.locator("tbody th").first
    assert name.bounding_box()["x"] == table.bounding_box()["x"]
    assert table.evaluate("e => e.scrollLeft") == 300
    assert wrong == []


def test_ranks_can_be_hidden_on_a_phone(browser, pages):
    page, wrong = opened(browser, pages["thirteen"][0], 390)
    first = page.locator("#together .legend button").first
    first.click()
    wait_until(page, "() => document.querySelectorAll('#ranks .scatterlayer .trace').length === 12")
    assert wrong == []


def test_scheme_changes_while_open(browser, pages):
    page, wrong = opened(browser, pages["many"][0], 1280)
    title = page.locator("#b0-evaluations .xtitle")
    assert title.evaluate("e => getComputedStyle(e).fill") == "rgb(27, 29, 32)"
    page.emulate_media(color_scheme="dark")
    wait_until(
        page,
        "() => getComputedStyle(document.querySelector('#b0-evaluations .xtitle'))"
        ".fill === 'rgb(231, 233, 236)'",
    )
    assert wrong == []


def test_buttons(browser, pages):
    page, wrong = opened(browser, pages["many"][0], 1280)
    traces = page.locator("#b0-time .scatterlayer .trace")
    before = traces.count()
    first = page.locator(".legend button").first
    first.click()
    assert first.get_attribute("aria-pressed") == "false"
    assert traces.count() == before - 2
    first.click()
    assert traces.count() == before
    low = "document.getElementById('b0-evaluations')._fullLayout.yaxis.range[0]"
    cut = page.evaluate(low)
    page.locator(".all").click()
    assert page.evaluate(low) < cut
    page.locator(".all").click()
    assert page.evaluate(low) == cut
    with page.expect_download() as download:
        page.locator(".save").first.click()
    assert download.value.suggested_filename == "b0-evaluations.svg"
    assert wrong == []


def test_hover(browser, pages):
    page, wrong = opened(browser, pages["many"][0], 1280)
    plot = page.locator("#b0-evaluations")
    plot.scroll_into_view_if_needed()
    plot.hover()
    label = page.locator("#b0-evaluations .hoverlayer")
    label.get_by_text("regularized_evolution").wait_for()
    text = label.text_content()
    assert "evaluations" in text
    assert "%{" not in text
    assert wrong == []


def test_hostile_text_stays_text(browser, make):
    folder = make()
    path = folder / "experiment.json"
    described = json.loads(path.read_text())
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    described["strategies"]["random_search"] = {"starts": evil}
    path.write_text(json.dumps(described))
    for log in folder.rglob("random_search/*.jsonl"):
        settings = json.dumps({"starts": evil})
        log.write_text(log.read_text().replace('"settings":{}', f'"settings":{settings}', 1))
    path = folder / "report.html"
    path.write_text(render(of(folder)), encoding="utf-8")
    page, wrong = opened(browser, path, 1280)
    assert evil in page.locator("#run").inner_text()
    assert wrong == []


# The page of a fitted surrogate.


def study():
    """Numbers of a study on three benchmarks, made up."""

    def values(size, trial):
        if size is None:
            return 0.9, 0.8, 0.0123, None
        off = 0.07 * trial + 10 / size
        return 0.8 - off, 0.1 - off, 0.1 + off, 0.6 - off

    names = ("nasbench201/cifar10", "nasbench_macro/cifar10", "transbench101_micro/class_scene")
    return Study(
        tuple(
            Agreement(name, size, trial, length, *values(size, trial))
            for name in names
            for length in (100, 200)
            for size, trial in ((None, None), (100, 0), (100, 1), (1000, 0), (1000, 1))
        ),
        "stacked",
        10,
        200,
    )


def thirty(examined):
    """The surrogate as one of thirty metrics with long names, huge and tiny values, many dots."""
    first, second = examined.metrics
    rng = np.random.default_rng(0)
    found = []
    for number in range(28):
        size, scale = (4000, 500)[number % 2], 10.0 ** (number % 10 - 5)
        true = first.true[rng.integers(0, len(first.true), size)] * scale
        mean = true + rng.normal(0, 0.5 * scale, size)
        name = f"cluster_of_{number}_rtx2080ti_energy_of_a_whole_epoch_kwh"
        found.append(
            replace(
                first,
                metric=first.metric._replace(name=name, unit=("kWh", "")[number % 2]),
                epochs=(None, 108)[number % 2],
                settings={"teacher": "stacked", "settings": {"members": ["gp", "xgboost"] * 6}},
                not_measured="37: " + ", ".join([f"e{'0123' * 7}"] * 3) + ", …",
                learning=tuple(Learned(4**at * 37, 0.5 + at / 20, 0.9, 1.0) for at in range(3)),
                true=true,
                mean=mean,
                reach=np.full(size, scale),
                held=np.abs(true - mean) < scale,
            )
        )
    more = [Proportional(found[1].metric, 12, 108, 1 / 9), second]
    return replace(examined, metrics=(*found, *more))


@pytest.fixture(scope="module")
def surrogates(examined, tmp_path_factory):
    folder = tmp_path_factory.mktemp("surrogates")
    return {
        "two": (write_surrogate(examined, folder / "two", study=study()), 2, 3),
        "thirty": (write_surrogate(thirty(examined), folder / "thirty"), 29, 0),
    }


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [
        *(("two", width, scheme) for width in (1280, 800, 390) for scheme in ("light", "dark")),
        *(("thirty", *way) for way in ((1280, "dark"), (800, "light"), (390, "dark"))),
    ],
)
def test_surrogate(browser, surrogates, name, width, scheme):
    path, metrics, rankings = surrogates[name]
    page, wrong = opened(browser, path, width, scheme)
    scroll, client = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert scroll <= client
    assert overlaps(page.evaluate(TEXTS)) == []
    assert page.locator(".drawn svg").count() == 3 * metrics + rankings
    # Texts lie within their figure, and are large enough to be read.
    outside, least = page.evaluate(
        """() => {
          const texts = [...document.querySelectorAll(".drawn svg text")];
          const beyond = text => {
            const box = text.getBoundingClientRect();
            const around = text.ownerSVGElement.getBoundingClientRect();
            return box.left < around.left - 1 || box.right > around.right + 1;
          };
          const height = text => text.getBoundingClientRect().height;
          const level = texts.filter(text => !text.getAttribute("transform")?.includes("-90"));
          const least = Math.min(...level.map(height));
          return [texts.filter(beyond).map(text => text.textContent), least];
        }"""
    )
    assert outside == []
    assert least > 9
    # In the colours of the page, which has dark ones.
    ink = {"light": "rgb(27, 29, 32)", "dark": "rgb(231, 233, 236)"}[scheme]
    number = page.locator("#m0 .drawn text").first
    assert number.evaluate("e => getComputedStyle(e).fill") == ink
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "width", "scheme"), [*(("two", *way) for way in FEW), ("thirty", *FEW[1])]
)
def test_everybody_can_use_the_page_of_a_surrogate(browser, surrogates, name, width, scheme):
    page, _ = opened(browser, surrogates[name][0], width, scheme)
    assert violations(page) == []


def test_page_of_a_surrogate_asks_for_nothing_from_elsewhere(browser, surrogates):
    asked = requests(browser, surrogates["two"][0])
    assert asked
    assert [address for address in asked if not address.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("name", ["two", "thirty"])
def test_tables_of_a_surrogate_need_no_scrolling_on_a_desk(browser, surrogates, name):
    page, wrong = opened(browser, surrogates[name][0], 1280)
    hidden = page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth)"
        ".map(e => e.ariaLabel)"
    )
    assert hidden == []
    assert wrong == []


def test_the_table_of_all_metrics_leads_to_each(browser, surrogates):
    page, wrong = opened(browser, surrogates["thirty"][0], 1280)
    links = page.locator("#overview tbody a")
    assert links.count() == 30
    links.nth(17).click()
    assert page.url.endswith("#m17")
    top = page.locator("#m17").bounding_box()["y"]
    assert 0 <= top < 100
    page.locator("#m17 .back").click()
    assert page.url.endswith("#overview")
    assert wrong == []
