"""The dashboard over the real demo, in Debian's Chromium: what a person sees, and what the browser may not do."""

from __future__ import annotations

import csv
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import hostile
import invented
import pytest
from dashboard_server import serving
from demo import copied, run_command, shared_demo_home

from dashboards.pages import PAGES, SECTIONS
from pipelines.warehouse import open_current

pytestmark = pytest.mark.browser

# Debian's name, and those of other systems
CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-component-update",
    "--disable-background-networking",
    # an outside request fails at once, and is seen
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
]
LAPTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
SMALLEST = {"width": 320, "height": 640}
READY = "[data-testid=stApp][data-test-script-state=notRunning][data-test-connection-state=CONNECTED]"


@dataclass
class Watched:
    """A browser tab, and everything it did that it should not."""

    page: object
    port: int
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, path=""):
        self.page.goto(f"http://127.0.0.1:{self.port}/{path}")
        self.settle()
        return self.page

    def choose(self, name):
        """Go to a page by the menu, as a person does."""
        section = next(title for title, pages in SECTIONS.items() if name in pages)
        menu = self.page.get_by_role("navigation", name="App pages")
        menu.get_by_role("button", name=section, exact=True).click()
        title = self.page.get_by_text(PAGES[name].TITLE, exact=True)
        self.page.get_by_role("menuitem").filter(has=title).click()
        self.page.get_by_role("heading", level=1, name=PAGES[name].TITLE, exact=True).wait_for()
        self.settle()

    def settle(self):
        self.page.wait_for_timeout(250)  # the script starts after the click
        self.page.wait_for_selector(READY, timeout=30_000)
        self.page.wait_for_selector("h1", timeout=30_000)
        self.page.wait_for_timeout(250)

    def watch(self):
        mine = (f"http://127.0.0.1:{self.port}/", f"ws://127.0.0.1:{self.port}/", "data:", "blob:")
        self.page.on("request", lambda request: None if request.url.startswith(mine) else self.outside.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: self.errors.append(f"dialog: {dialog.message}"))
        self.page.on("console", self._console)

    def _console(self, message):
        if message.type == "error":
            self.errors.append(message.text)


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed; .ci/run installs it")
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return shared_demo_home(tmp_path_factory)


@pytest.fixture(scope="module")
def port(browser, demo, tmp_path_factory):
    with serving(demo, tmp_path_factory.mktemp("dashboard")) as port:
        yield port


def tab(browser, port, size, **options) -> Iterator[Watched]:
    context = browser.new_context(viewport=size, accept_downloads=True, **options)
    watched = Watched(context.new_page(), port)
    watched.watch()
    yield watched
    context.close()
    assert watched.outside == []
    assert watched.errors == []


@pytest.fixture
def laptop(browser, port):
    yield from tab(browser, port, LAPTOP)


@pytest.fixture
def phone(browser, port):
    yield from tab(browser, port, PHONE)


@pytest.fixture
def smallest(browser, port):
    yield from tab(browser, port, SMALLEST)


def findings(home, report):
    return open_current(home).rows(f"select * from marts.fct_findings where report = '{report}'")


def overflow(page):
    return page.evaluate(
        "() => { const m = document.querySelector('[data-testid=stMain]'); return m.scrollWidth - m.clientWidth }"
    )


@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens_by_its_address_without_an_error_or_an_outside_request(laptop, name):
    page = laptop.open("" if name == "summary" else name.replace("_", "-"))
    assert page.get_by_role("heading", level=1).inner_text() == PAGES[name].TITLE
    assert page.title() == f"{PAGES[name].TITLE} - handoff"
    assert page.get_by_text("SANDBOX: invented organisation").is_visible()
    assert page.get_by_text("This page could not be shown").count() == 0
    assert overflow(page) == 0
    levels = page.evaluate("() => [...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    unnamed = page.evaluate(
        "() => [...document.querySelectorAll('button, a')].filter(e => e.offsetParent && !e.innerText.trim()"
        " && !e.getAttribute('aria-label') && !e.querySelector('img[alt]')).length"
    )
    assert unnamed == 0


def test_a_filter_goes_into_the_address_survives_a_change_of_page_and_comes_back_from_the_address(laptop, demo):
    owner = findings(demo, "handoff-gaps")[-1]["owner"]
    expected = {
        report: sum(row["owner"] == owner for row in findings(demo, report)) for report in ("handoff-gaps", "budget-overruns")
    }
    page = laptop.open("handoff")
    page.get_by_role("combobox", name="Owner").fill(owner)
    page.keyboard.press("Enter")
    laptop.settle()
    assert f"owner={owner.split()[0]}" in page.url
    assert page.get_by_text(re.compile(rf"^{expected['handoff-gaps']} findings?: ")).first.is_visible()
    laptop.choose("budget")
    assert f"owner={owner.split()[0]}" in page.url
    address = page.url.split("/", 3)[3]
    page = laptop.open(address)
    assert page.get_by_text(re.compile(rf"^{expected['budget-overruns']} findings?: |^No overrun")).first.is_visible()


def test_an_address_with_a_finding_shows_its_evidence_and_its_record(laptop, demo):
    wanted = findings(demo, "handoff-gaps")[0]
    page = laptop.open(f"handoff?finding={wanted['finding_id']}")
    page.get_by_text(f"Finding {wanted['finding_id']};").wait_for()
    assert page.get_by_role("link", name="Open the record").first.get_attribute("href") == wanted["record_url"]


def test_the_csv_file_holds_the_findings_of_the_page(laptop, demo):
    page = laptop.open("handoff")
    with page.expect_download() as started:
        page.get_by_role("button", name=re.compile("CSV")).first.click()
    assert re.fullmatch(r"handoff-gaps-2026-11-16\.csv", started.value.suggested_filename)
    with Path(started.value.path()).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["finding_id"] for row in rows} == {row["finding_id"] for row in findings(demo, "handoff-gaps")}


@pytest.mark.thorough
def test_on_paper_there_are_tables_and_nothing_to_click(laptop, demo):
    page = laptop.open("handoff?view=print")
    page.locator("table").first.wait_for()
    page.emulate_media(media="print")
    assert page.locator("table tbody tr").count() >= len(findings(demo, "handoff-gaps"))
    for hidden in ("header", "[data-testid=stDownloadButton]", "[data-testid=stSelectbox]"):
        assert not page.locator(hidden).first.is_visible()
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))) > 1


def test_on_a_phone_the_worst_finding_comes_first_and_nothing_scrolls_sideways(phone, demo):
    for path in ("", "handoff", "budget"):
        page = phone.open(path)
        assert overflow(page) == 0
        card = page.get_by_text("What to do:").first
        assert card.bounding_box()["y"] < PHONE["height"]
        if path == "":
            assert card.bounding_box()["y"] < page.locator("[data-testid=stMetric]").first.bounding_box()["y"]


@pytest.mark.parametrize("name", PAGES)
def test_no_page_scrolls_sideways_on_the_smallest_phone_and_the_menu_leads_to_it_there(smallest, name):
    page = smallest.open("")
    page.get_by_test_id("stExpandSidebarButton").click()
    link = page.get_by_test_id("stSidebarNavLink").filter(has=page.get_by_text(PAGES[name].TITLE, exact=True))
    link.click()
    page.get_by_role("heading", level=1, name=PAGES[name].TITLE, exact=True).wait_for()
    smallest.settle()
    assert overflow(page) == 0


def drawn_timeline(browser, port, zone):
    watched = tab(browser, port, LAPTOP, timezone_id=zone, locale="en-US")
    there = next(watched)
    chart = there.open("renewals").locator("[data-testid=stVegaLiteChart]").first
    chart.scroll_into_view_if_needed()
    there.page.wait_for_timeout(1_000)
    picture = chart.screenshot()
    assert list(watched) == []
    return picture


def test_a_chart_shows_the_same_days_east_and_west_of_greenwich(browser, port):
    # zones without summer time, whose lost hour would move bars by a fraction of a pixel
    west, east = (drawn_timeline(browser, port, zone) for zone in ("America/Phoenix", "Pacific/Kiritimati"))
    assert west == east


@pytest.mark.thorough
def test_a_fix_goes_from_plan_to_approval_to_apply_to_verified_and_back_by_clicking(browser, demo, tmp_path):
    home = copied(demo, tmp_path / "home")
    with serving(home, tmp_path) as port:
        watched = tab(browser, port, LAPTOP)
        fixing = next(watched)
        page = fixing.open("fixes")
        page.get_by_role("button", name="Make a plan").click()
        page.get_by_text("nothing has been written").wait_for(timeout=60_000)
        fixing.settle()
        page.get_by_role("button", name="Rehearse").click()
        page.get_by_text(re.compile("^Rehearsed: \\d+ changes would be written")).wait_for(timeout=60_000)
        # the marker of the first row of the plan's grid, which is the second on the page
        fixing.settle()
        grid = page.locator("[data-testid=stDataFrame]").nth(1)
        grid.scroll_into_view_if_needed()
        grid.click(position={"x": 20, "y": 62})
        fixing.settle()
        page.get_by_role("textbox", name="In the name of").fill("Rosa")
        page.keyboard.press("Enter")
        fixing.settle()
        page.get_by_role("button", name="Approve 1 chosen change").click()
        page.get_by_text("Rosa approves 1 change. Nothing has been written yet.").wait_for(timeout=60_000)
        fixing.settle()
        apply = page.get_by_role("button", name="Apply to the sandbox")
        assert apply.is_disabled()
        page.get_by_text(re.compile("^I have read the")).click()
        fixing.settle()
        apply.click()
        page.get_by_text("1 applied and read back").wait_for(timeout=60_000)
        page.get_by_text("○ not verified yet").wait_for()
        run_command("sync", home)
        page = fixing.open(page.url.split("/", 3)[3])
        page.get_by_text("✓ verified").first.wait_for()
        assert page.get_by_text(re.compile(r"^1 change, by load \d+\.\d+$")).is_visible()
        page.get_by_role("button", name="Plan to take it all back").click()
        page.get_by_text(re.compile("nothing has been written|handoff deletes nothing")).first.wait_for(timeout=60_000)
        assert list(watched) == []


def test_a_plan_is_made_and_applied_in_the_sandbox_from_the_page(browser, demo, tmp_path):
    home = copied(demo, tmp_path / "home")
    with serving(home, tmp_path) as port:
        watched = tab(browser, port, LAPTOP)
        sandbox_tab = next(watched)
        page = sandbox_tab.open("fixes")
        page.get_by_role("button", name="Make a plan").click()
        page.get_by_text("nothing has been written").wait_for(timeout=60_000)
        apply = page.get_by_role("button", name="Apply to the sandbox")
        assert apply.is_disabled()
        page.get_by_text(re.compile("^I have read the")).click()
        sandbox_tab.settle()
        apply.click()
        page.get_by_text("reads the vendors again").wait_for(timeout=60_000)
        assert page.get_by_text("applied and read back").count() >= 1
        assert list(watched) == []


def test_hostile_text_in_every_column_is_shown_and_does_nothing(browser, tmp_path):
    home = tmp_path / "home"
    invented.publish(home, hostile.rows())
    with serving(home, tmp_path) as port:
        watched = tab(browser, port, LAPTOP)
        hostile_tab = next(watched)
        page = hostile_tab.open()
        for name in PAGES:
            if name != "summary":
                hostile_tab.choose(name)
            assert page.title() == f"{PAGES[name].TITLE} - handoff"
            addresses = page.evaluate("() => [...document.querySelectorAll('a, img')].map(e => e.href || e.src)")
            leading_out = [address for address in addresses if address and not address.startswith(("data:", "blob:"))]
            assert {urlsplit(address).hostname for address in leading_out} <= {"127.0.0.1", "app-na2.hubspot.com"}
        # nothing was asked of another host, whether the policy would have stopped it or not
        assert list(watched) == []
