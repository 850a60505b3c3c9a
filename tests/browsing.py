"""Chromium, as tests drive it: pages are opened from file paths, and asked what is wrong."""

import os
import shutil
from contextlib import contextmanager
from functools import cache
from importlib.resources import files

import pytest

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
GRAVE = ("serious", "critical")
"""How axe calls what keeps people from using a page."""

# All curves are drawn, by plotly or by a page itself.
DRAWN = """
() => [...document.querySelectorAll(".plot")].every(
  plot => plot._fullLayout || plot.querySelector(":scope > svg"))
"""

# Texts of drawings that stand out too little from the page; axe does not judge these.
PALE = """
() => {
  const numbers = colour => colour.match(/[\\d.]+/g)?.map(Number);
  const light = colour => {
    const [r, g, b] = colour.slice(0, 3).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const under = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour && (colour[3] ?? 1) === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const text of document.querySelectorAll("svg text, svg tspan")) {
    const box = text.getBoundingClientRect(), style = getComputedStyle(text);
    const fill = numbers(style.fill);
    if (!fill || !text.textContent.trim() || !box.width) continue;
    let seen = (fill[3] ?? 1) * Number(style.fillOpacity);
    for (let at = text; at; at = at.parentElement) seen *= Number(getComputedStyle(at).opacity);
    const page = under(text);
    const both = [0, 1, 2].map(n => fill[n] * seen + page[n] * (1 - seen));
    const [dark, bright] = [light(both), light(page)].sort((a, b) => a - b);
    if (bright / dark < 4.5) found.push(`${text.textContent}: ${(bright / dark).toFixed(2)}`);
  }
  return found;
}
"""


def unavailable(why):
    if os.environ.get("NASBENCH_REQUIRE_BROWSER") == "1":
        pytest.fail(why)
    pytest.skip(why)


@contextmanager
def chromium():
    path = os.environ.get("NASBENCH_CHROMIUM") or shutil.which("chromium")
    if path is None:
        unavailable("no Chromium: install it, or set NASBENCH_CHROMIUM to its path")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unavailable("playwright is not installed")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield launched
        launched.close()


TABS = {}


def tab(browser):
    """The one tab of a browser, and a list that gathers what goes wrong in it.

    A new window takes Chromium twice as long as a page does, and a process that has run the
    scripts of a page need not compile them again.
    """
    if browser in TABS and not TABS[browser][0].is_closed():
        return TABS[browser]
    page, wrong = TABS[browser] = browser.new_page(), []
    page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(request.url))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))

    def requested(request):
        if not request.url.startswith(("file:", "data:", "blob:", "about:")):
            wrong.append(request.url)

    page.on("request", requested)
    return page, wrong


def opened(browser, path, width, scheme="light"):
    """The page, and a list that gathers what goes wrong in it until the next one is opened."""
    page, wrong = tab(browser)
    page.goto("about:blank")
    page.mouse.move(0, 0)
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    wrong.clear()
    page.goto(path.as_uri())
    wait_until(page, DRAWN)
    return page, wrong


def wait_until(page, condition, seconds=20):
    """Wait for a condition; playwright's own way needs what the page's policy forbids."""
    for _ in range(seconds * 20):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"after {seconds} s it is not so: {condition}")


@cache
def axe():
    """The text of axe-core, which tells what of a page not everybody can use."""
    try:
        return (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
    except ImportError:
        return unavailable("axe-playwright-python is not installed")


def violations(page):
    """What not everybody can use or read of a page: a line for each place.

    That is what axe calls grave, and what is pale in drawings.
    """
    # By DevTools, which no policy of the page forbids.
    tools = page.context.new_cdp_session(page)

    def evaluate(expression):
        given = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        answer = tools.send("Runtime.evaluate", given)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    evaluate(f"{axe()}; undefined")
    told = evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")
    assert told["passes"], "axe has looked at nothing"
    tools.detach()
    grave = [
        f"{node['impact']} {rule['id']} at {node['target']}: {node['failureSummary']}"
        for rule in told["violations"]
        for node in rule["nodes"]
        if node["impact"] in GRAVE
    ]
    return [*grave, *(f"pale {text}" for text in page.evaluate(PALE))]


def requests(browser, path):
    """The addresses of all that a page asks for, while it is opened and scrolled through."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    found = []
    tools = page.context.new_cdp_session(page)
    tools.on("Network.requestWillBeSent", lambda event: found.append(event["request"]["url"]))
    tools.on("Network.webSocketCreated", lambda event: found.append(event["url"]))
    tools.send("Network.enable")
    page.goto(path.as_uri(), wait_until="load")
    page.mouse.wheel(0, 100_000)
    page.wait_for_timeout(200)
    page.close()
    return found
