"""With a provider set, nobody sees anything before the log-in, and each may do what ``rule_roles.csv`` says of the address or group."""

from __future__ import annotations

import json
import re
import shutil
import stat
import sys
import urllib.error
import urllib.request

import pytest
import test_accessibility as accessibility
import test_dashboard_in_browser as tabs
from conftest import PROJECT
from dashboard_server import serving
from demo import copied
from oidc_provider import CLIENT, SECRET, providing
from ports import free_port

pytestmark = [pytest.mark.browser, pytest.mark.thorough]

browser, demo, axe = tabs.browser, tabs.demo, accessibility.axe

ROLES = """\
person,role,reason
*,viewer,counts only without a log-in
ana@example.org,viewer,reads
group:delivery,viewer,
group:delivery,proposer,
group:delivery,approver,works here
"""


def by_command(port):
    return [sys.executable, "-m", "pipelines.cli", "dashboard", "--port", str(port)]


def answered(port, path, cookie=""):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"cookie": cookie} if cookie else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


@pytest.fixture
def served(demo, tmp_path):
    """Serve a copy of the demo to whom the provider names; yield the port, the provider and the home."""
    home, rules, port = copied(demo, tmp_path / "home"), tmp_path / "rules", free_port()
    shutil.copytree(PROJECT / "dbt/seeds/default", rules)
    (rules / "rule_roles.csv").write_text(ROLES)
    with (
        providing(f"http://127.0.0.1:{port}/oauth2callback") as provider,
        serving(
            home,
            tmp_path,
            by_command,
            port,
            RULES_DIR=str(rules),
            DASHBOARD_URL=f"http://127.0.0.1:{port}",
            OIDC_METADATA_URL=f"{provider.address}/.well-known/openid-configuration",
            OIDC_CLIENT_ID=CLIENT,
            OIDC_CLIENT_SECRET=SECRET,
        ),
    ):
        yield port, provider, home


@pytest.fixture
def tab(browser, served):
    context = browser.new_context(viewport=tabs.LAPTOP)
    yield tabs.Watched(context.new_page(), served[0])
    context.close()


def log_in(tab, provider, **claims):
    provider.claims = claims
    page = tab.open()
    assert page.get_by_role("heading", level=1).inner_text() == "handoff"
    assert page.locator("[data-testid=stMetricValue], [data-testid=stDataFrame]").count() == 0
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(re.compile(rf"127\.0\.0\.1:{tab.port}/"))
    tab.settle()
    return page


def shown(email, words=""):
    """Return what finds an address in a text: it is shown so that no browser makes a link of it."""
    return re.compile(re.escape(email).replace("@", "\u2060?@") + words)


def cookie_of(page):
    return "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in page.context.cookies())


def test_nobody_reads_anything_without_a_log_in(served):
    port, _, home = served
    assert answered(port, "/reports/handoff-gaps.json")[0] == 401
    assert answered(port, "/reports/handoff-gaps.ics")[0] == 401
    assert answered(port, "/reports/handoff-gaps.json", "_streamlit_user=forged.by.hand")[0] == 401
    assert answered(port, "/healthz") == (200, {"status": "ok"})
    assert stat.S_IMODE((home / "login.toml").stat().st_mode) == 0o600


def test_who_is_named_by_no_row_is_told_so_and_sees_nothing(served, tab):
    port, provider, _ = served
    page = log_in(tab, provider, email="stranger@example.org")
    page.get_by_text("names neither your address nor one of your groups").wait_for()
    page.get_by_text("stranger@example.org").wait_for()
    assert answered(port, "/reports/handoff-gaps.json", cookie_of(page))[0] == 401
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="Log in").wait_for(timeout=60_000)
    page = log_in(tab, provider, email="ana@example.org", email_verified=False)
    page.get_by_text("no e-mail address that it has checked").wait_for()


def test_axe_finds_nothing_on_what_is_shown_before_and_instead_of_the_pages(browser, served, axe):
    port, provider, _ = served
    found = {}
    for scheme, size in accessibility.MODES:
        context = browser.new_context(viewport=size, color_scheme=scheme)
        watched = tabs.Watched(context.new_page(), port)
        page = watched.open()
        page.evaluate(axe)
        assert page.get_by_role("button", name="Log in").count() == 1
        found["log-in", scheme, size["width"]] = page.evaluate(accessibility.RUN)
        page = log_in(watched, provider, email="stranger@example.org")
        page.get_by_text("names neither your address nor one of your groups").wait_for()
        page.evaluate(axe)
        found["stranger", scheme, size["width"]] = page.evaluate(accessibility.RUN)
        context.close()
    assert {what: violations for what, violations in found.items() if violations} == {}


def test_a_viewer_reads_and_proposes_nothing(served, tab):
    port, provider, _ = served
    page = log_in(tab, provider, email="Ana@example.org")
    assert page.get_by_role("heading", level=1).inner_text() == "Summary"
    status, content = answered(port, "/reports/handoff-gaps.json", cookie_of(page))
    assert (status, content["report"]) == (200, "handoff-gaps")
    assert content["rows"]
    page = tab.open("fixes")
    page.get_by_role("button", name="Make a plan").click()
    page.get_by_text(shown("ana@example.org", " may not make plans")).wait_for(timeout=60_000)
    page.get_by_role("button", name=shown("ana@example.org")).click()
    page.get_by_role("button", name="Log in").wait_for(timeout=60_000)


def test_an_approver_of_a_group_plans_and_approves_in_the_own_name_and_applies_nothing(served, tab):
    _, provider, _ = served
    log_in(tab, provider, email="bo@example.org", groups=["delivery"])
    page = tab.open("fixes")
    page.get_by_role("button", name="Make a plan").click()
    page.get_by_text("nothing has been written").wait_for(timeout=60_000)
    tab.settle()
    name = page.get_by_role("textbox", name="In the name of")
    assert name.is_disabled()
    assert name.input_value() == "bo@example.org"
    page.get_by_role("button", name=re.compile("^Approve all")).click()
    page.get_by_text(shown("bo@example.org", r" approves \d+ changes")).wait_for(timeout=60_000)
    tab.settle()
    page.get_by_text(re.compile("^I have read the")).click()
    tab.settle()
    page.get_by_role("button", name="Apply to the sandbox").click()
    page.get_by_text(shown("bo@example.org", " may not apply plans")).wait_for(timeout=60_000)
