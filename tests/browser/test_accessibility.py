"""Every page for those who see, point or move otherwise: axe in light and dark, wide and narrow, by keyboard, and at 320 pixels."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import test_dashboard_in_browser as tabs

from dashboards.pages import PAGES
from pipelines.settings import PROJECT_ROOT

pytestmark = [pytest.mark.browser, pytest.mark.thorough]

browser, demo, port = tabs.browser, tabs.demo, tabs.port
# axe-core is a package of npm, under a licence of its own, so it is not in the repository; .ci/run installs it
AXE = Path(os.environ.get("AXE_SCRIPT", PROJECT_ROOT / ".axe/node_modules/axe-core/axe.min.js"))
MODES = [("light", tabs.LAPTOP), ("dark", tabs.LAPTOP), ("light", tabs.PHONE), ("dark", tabs.PHONE)]
# what makes these pages show more than a list
FULL = {
    "handoff": "handoff?finding=HG01:deal-1021",
    "deal": "deal?deal=1021",
    "community": "community?community=Hollowcrag+Speleology",
}
RUN = "() => axe.run(document).then(found => found.violations.map(v => [v.id, v.nodes.map(n => [n.target, n.failureSummary])]))"
FOCUS = """() => {
    const e = document.activeElement;
    if (!e || e === document.body) return null;
    const name = e.getAttribute('aria-label') || e.innerText || e.tagName, box = e.getBoundingClientRect();
    const style = getComputedStyle(e), isGrid = e.closest('[data-testid=stDataFrame]') !== null;
    // a grid draws its own ring around a cell
    const isRinged = isGrid || (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0);
    return {name: name.slice(0, 60), isRinged, isSeen: isGrid || (box.bottom > 0 && box.top < innerHeight)};
}"""


def address(name):
    return FULL.get(name, "" if name == "summary" else name.replace("_", "-"))


@pytest.fixture(scope="module")
def axe():
    if not AXE.exists():
        pytest.skip(f"axe-core is not installed ({AXE}): npm install --no-save --prefix .axe axe-core")
    return AXE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_on_any_page_in_light_and_dark_on_a_laptop_and_a_phone(browser, port, axe, name):
    found = {}
    for scheme, size in MODES:
        watched = tabs.tab(browser, port, size, color_scheme=scheme)
        page = next(watched).open(address(name))
        page.evaluate(axe)
        if violations := page.evaluate(RUN):
            found[scheme, size["width"]] = violations
        assert list(watched) == []
    assert found == {}


@pytest.mark.parametrize("name", PAGES)
def test_nothing_scrolls_sideways_at_320_pixels(browser, port, name):
    watched = tabs.tab(browser, port, {"width": 320, "height": 700})
    page = next(watched).open(address(name))
    assert tabs.overflow(page) == 0
    assert list(watched) == []


@pytest.mark.parametrize("name", ["fixes", "meeting", "handoff"])
def test_the_keyboard_reaches_what_can_be_done_and_one_sees_where_it_is(browser, port, name):
    watched = tabs.tab(browser, port, tabs.LAPTOP)
    page = next(watched).open(address(name))
    reached = []
    for _ in range(45):
        page.keyboard.press("Tab")
        page.wait_for_timeout(60)
        reached.append(page.evaluate(FOCUS))
    places = [place for place in reached if place is not None]
    assert [place["name"] for place in places if not place["isRinged"]] == []
    assert [place["name"] for place in places if not place["isSeen"]] == []
    wanted = {"fixes": "Make a plan", "meeting": "CSV", "handoff": "Decide"}[name]
    assert any(wanted in place["name"] for place in places), [place["name"] for place in places]
    assert list(watched) == []
