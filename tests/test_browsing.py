"""What tests ask of pages in Chromium could fail."""

import runpy
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

BROWSING = runpy.run_path(str(Path(__file__).with_name("browsing.py")))


def test_what_is_at_fault_is_found(browser, tmp_path):
    faulty = tmp_path / "faulty.html"
    faulty.write_text(
        "<!doctype html><html lang=en><title>a</title><main><button></button>"
        "<p style='color: #999; background: #fff'>pale</p><img alt=a src=http://127.0.0.1:9/a.png>"
        "<svg role=img aria-label=b><text y=20 fill='#999'>drawn</text></svg>"
    )
    page = browser.new_page()
    page.goto(faulty.as_uri())
    found = sorted(" ".join(line.split()[:2]) for line in BROWSING["violations"](page))
    assert found == ["critical button-name", "pale drawn:", "serious color-contrast"]
    page.close()
    assert BROWSING["requests"](browser, faulty) == [faulty.as_uri(), "http://127.0.0.1:9/a.png"]
