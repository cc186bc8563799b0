"""The pictures in the documentation show what the pages say now; `docs/screenshots.py` makes them again."""

from __future__ import annotations

import importlib.util
import json

import pytest
import test_dashboard_in_browser as tabs
from conftest import PROJECT

pytestmark = [pytest.mark.browser, pytest.mark.thorough]

browser, demo, port = tabs.browser, tabs.demo, tabs.port

_SPECIFICATION = importlib.util.spec_from_file_location("screenshots", PROJECT / "docs/screenshots.py")
screenshots = importlib.util.module_from_spec(_SPECIFICATION)
_SPECIFICATION.loader.exec_module(screenshots)
PICTURES = {name: (path, {"width": width, "height": height}) for name, path, width, height in screenshots.PICTURES}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_shows_what_its_page_says(browser, port, name):
    path, size = PICTURES[name]
    context = browser.new_context(viewport=size)
    shown = tabs.Watched(context.new_page(), port).open(path)
    pictured = json.loads(screenshots.WORDS.read_text(encoding="utf-8"))[name]
    for _ in range(10):  # a busy machine draws a page in parts
        shown.wait_for_timeout(1500)
        said = screenshots.words_of(shown)
        if said == pictured:
            break
    context.close()
    assert said == pictured, "make the pictures again with docs/screenshots.py, look at them, and commit them"


def test_every_picture_is_shown_somewhere():
    pages = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "README.md", PROJECT / "docs/dashboard.md"))
    assert {path.name for path in screenshots.IMAGES.glob("*.png")} == set(PICTURES)
    assert [name for name in PICTURES if f"images/{name})" not in pages] == []
