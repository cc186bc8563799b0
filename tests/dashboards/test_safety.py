"""Vendor text is shown, never obeyed; CSV cells start no formula; a page writes nowhere but into the sandbox."""

from __future__ import annotations

import ast
import csv
import io
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import hostile
import invented
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opened_pages import markdown, open_page

from dashboards import commands
from dashboards.login import Person, hosts, is_on, write_for_streamlit
from dashboards.pages import PAGES
from dashboards.parts import checked_url, link_md, md_escape
from dashboards.queries import current_reader
from pipelines import clock
from pipelines.actions.plan import save_plan
from pipelines.actions.records import Change, GuardResult, GuardStatus, Place, Plan
from pipelines.actions.roles import Role, has_role
from pipelines.errors import ConfigurationError
from pipelines.overviews import OVERVIEWS
from pipelines.reports import as_csv, printable
from pipelines.rules import load_rules
from pipelines.settings import PROJECT_ROOT, load_settings


@pytest.mark.parametrize("name", PAGES)
def test_hostile_text_in_every_column_breaks_no_page_and_reaches_no_markdown_unescaped(home, name):
    invented.publish(home, hostile.rows())
    for text in markdown(open_page(name)):
        for piece in hostile.CORPUS:
            assert md_escape(piece) == piece or (piece not in text and printable(piece) not in text), text


def test_every_page_that_lists_records_has_hostile_ones_to_list(home):
    invented.publish(home, hostile.rows())
    reader = current_reader(home)
    for name in OVERVIEWS:
        # what people set aside are findings with their decisions, which have tests of their own
        assert reader.records(name) or name == "set-aside", f"{name} proves nothing without rows"


def test_hostile_addresses_become_no_link_in_any_grid(home):
    invented.publish(home, hostile.rows())
    for name in PAGES:
        for found in open_page(name).dataframe:
            if "Record" in found.value.columns:
                assert not [
                    url
                    for url in found.value["Record"]
                    if isinstance(url, str) and not url.startswith("https://app-na2.hubspot.com/")
                ]


@given(st.text(max_size=60))
def test_escaped_text_shows_the_same_characters(text):
    shown = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", md_escape(text)).replace("\u2060", "")
    assert shown == printable(text).replace("\u2060", "")


@pytest.mark.parametrize("text", hostile.CORPUS)
def test_escaped_text_leaves_no_markup_character_bare(text):
    assert not re.search(r"(?<!\\)[`*_{}\[\]()#+!|<>~$&=@]", re.sub(r"\\\\", "", md_escape(text))), md_escape(text)
    assert "://" not in md_escape(text)


@pytest.mark.parametrize(
    "address",
    [
        "http://app.hubspot.com/1",
        "javascript:alert(1)",
        "https://app.hubspot.com/a b",
        "https://user@app.hubspot.com/",
        "https://app.hubspot.com\\@evil.invalid/",
        "https://app.hubspot.com/)](http://evil.invalid",
        "https://app.hubspot.com/>x",
        "https://localhost/",
        "https:///x",
        "HTTPS://app.hubspot.com/",
        "https://app.hubspot.com/\n",
        "",
        None,
        float("nan"),
    ],
)
def test_only_a_plain_https_address_becomes_a_link(address):
    assert checked_url(address) is None
    assert link_md("Open", address) == ""


@pytest.mark.parametrize(
    "address", ["https://app-na2.hubspot.com/contacts/4400001/record/0-3/1021", "https://github.com/a/b/issues/1?x=%20#y"]
)
def test_a_plain_https_address_stays_a_link(address):
    assert checked_url(address) == address


def test_no_cell_of_a_csv_file_starts_a_formula_and_every_value_can_be_read_back(home):
    invented.publish(home, hostile.rows())
    reader = current_reader(home)
    for rows in (
        reader.findings("findings"),
        reader.handoff_deals(),
        reader.intake_deals(),
        reader.renewals(),
        reader.changes(),
        reader.quarantine(),
    ):
        cells = list(csv.reader(io.StringIO(as_csv(rows))))
        assert len(cells) == len(rows) + 1
        for line, row in zip(cells[1:], rows, strict=True):
            for cell, value in zip(line, row.values(), strict=True):
                if isinstance(value, str):
                    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")), cell
                    assert cell in {value, f"'{value}"}


# The elements that render Markdown, and what may be given to them ----------------------------------------------------------


_RENDERING = {
    "markdown", "caption", "header", "subheader", "title", "write", "info", "success", "warning", "error", "metric", "button",
    "download_button", "link_button", "checkbox", "expander", "badge", "tabs", "radio", "toast", "spinner", "progress", "status",
    "pills", "segmented_control",
}  # fmt: skip
_OUR_WORDS = {"counted", "day", "long_day", "instant", "totals", "printable_name"}


def _is_safe(node, safe_names):
    match node:
        case ast.Constant():
            return True
        case ast.JoinedStr():
            return all(_is_safe(part, safe_names) for part in node.values)
        case ast.FormattedValue():
            # only numbers and dates take a format
            return node.format_spec is not None or _is_safe(node.value, safe_names)
        case ast.Call():
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            return name == "md_escape" or name.endswith("_md") or name in _OUR_WORDS or name == "capitalize"
        case ast.Name():
            return node.id.endswith("_md") or node.id in safe_names or node.id.isupper()
        case ast.Attribute():
            return node.attr in {"TITLE", "QUESTION"}
        case ast.IfExp():
            return _is_safe(node.body, safe_names) and _is_safe(node.orelse, safe_names)
        case ast.BinOp():
            return _is_safe(node.left, safe_names) and _is_safe(node.right, safe_names)
    return False


def _safe_names(function):
    """Names that are given our own words: parameters called label, title, what, word, and locals made of safe parts only."""
    names = {"label", "title", "what", "word", "meaning", "alt_text", "complete", "when", "mark"}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _is_safe(node.value, names):
            names.add(node.targets[0].id)
    return names


def test_elements_that_render_markdown_are_given_our_own_words_or_escaped_text():
    unsafe = []
    for path in sorted(PROJECT_ROOT.glob("dashboards/**/*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef):
                continue
            names = _safe_names(function)
            for node in ast.walk(function):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in _RENDERING
                    and node.args
                ):
                    owner = node.func.value
                    if isinstance(owner, ast.Name) and owner.id == "st" and not _is_safe(node.args[0], names):
                        unsafe.append(f"{path.name}:{node.lineno} {ast.unparse(node.args[0])}")
    assert unsafe == []


def test_no_element_allows_html_from_data():
    for path in PROJECT_ROOT.glob("dashboards/**/*.py"):
        text = path.read_text(encoding="utf-8")
        assert "unsafe_allow" not in text, path
        assert "st.html(" not in text, path


# Writing -------------------------------------------------------------------------------------------------------------------


def plan_for(place, *, guard=GuardStatus.passed):
    change = Change(
        "fill:deal-1:engagement_url", "HG09:deal-1", "fill_hubspot_property", "hubspot", "deals", "1", "engagement_url", None,
        "https://airtable.com/x", "if_empty", "because", "low", True, None, None, None, ("hubspot",), "2026-11-16",
    )  # fmt: skip
    now = clock.now()
    return Plan(
        plan_id="plan-20261116T060000Z-aaaa", created_at=now, expires_at=now + timedelta(hours=1), run_id="r", as_of_on="2026-11-16",
        rules_profile="default", sources=[], places=[place], guards=[GuardResult("number of changes", guard, "One change.")],
        changes=[change], proposer="ada",
    )  # fmt: skip


SANDBOX = Place("hubspot", "HubSpot portal", "4400001", is_sandbox=True)
REAL = Place("hubspot", "HubSpot portal", "12345", is_sandbox=False)


def apply_buttons(page):
    return [button for button in page.button if button.label.startswith("Apply")]


def test_a_plan_for_a_real_account_has_no_apply_button_and_says_what_to_run(home):
    invented.publish(home, invented.rows())
    save_plan(plan_for(REAL), home)
    page = open_page("fixes")
    assert apply_buttons(page) == []
    assert any(code.value.endswith("\nhandoff apply plan-20261116T060000Z-aaaa") for code in page.code)
    assert not [button for button in page.button if button.label.startswith("Approve")]
    assert any("no log-in" in element.value for element in page.info)


def test_a_plan_for_the_sandbox_waits_for_a_confirmation(home):
    invented.publish(home, invented.rows())
    save_plan(plan_for(SANDBOX), home)
    page = open_page("fixes")
    assert [button.disabled for button in apply_buttons(page)] == [True]
    page.checkbox[0].check().run()
    assert [button.disabled for button in apply_buttons(page)] == [False]


@pytest.mark.parametrize(("place", "guard", "may", "may_once_logged_in"), [
    (SANDBOX, GuardStatus.passed, True, True), (SANDBOX, GuardStatus.tripped, False, False),
    (SANDBOX, GuardStatus.unevaluable, False, False), (REAL, GuardStatus.passed, False, True),
    (REAL, GuardStatus.tripped, False, False),
])  # fmt: skip
def test_a_page_applies_only_what_goes_to_the_sandbox_and_passed_every_guard(place, guard, may, may_once_logged_in):
    """Whoever logged in may also apply to real accounts, with the role that apply itself asks for."""
    plan = plan_for(place, guard=guard)
    assert commands.may_apply(SimpleNamespace(person=None), plan) is may
    assert commands.may_apply(SimpleNamespace(person=Person("ana@example.org")), plan) is may_once_logged_in


def test_of_the_roles_only_those_of_the_address_or_its_groups_count_and_never_those_for_everybody():
    rows = [
        {"person": "*", "role": "approver"}, {"person": "Ana@Example.org", "role": "viewer"},
        {"person": "group:delivery", "role": "proposer"}, {"person": "group:finance", "role": "operator"},
    ]  # fmt: skip
    rules = load_rules(PROJECT_ROOT / "dbt/seeds/default").with_table("rule_roles", rows)
    ana = Person.of({"email": "ana@example.ORG", "groups": ["delivery"], "email_verified": True})
    assert {role: has_role(ana.narrowed(rules), ana.email, role) for role in Role} == {
        Role.viewer: True, Role.proposer: True, Role.approver: False, Role.operator: False,
    }  # fmt: skip
    assert not Person("stranger@example.org").is_known(rules)
    assert [Person.of(claims) for claims in ({}, {"email": "ana"}, {"email": "a@b.c", "email_verified": False})] == [None] * 3


def test_a_log_in_that_is_set_up_in_part_is_refused_with_what_is_lacking(home):
    metadata = "https://login.example.org/.well-known/openid-configuration"
    for more in ({}, {"oidc_client_id": "handoff", "oidc_client_secret": "s"}):
        with pytest.raises(ConfigurationError, match="or none of the OIDC settings"):
            is_on(load_settings(handoff_home=home, oidc_metadata_url=metadata, _env_file=None, **more))
    whole = {"oidc_metadata_url": metadata, "oidc_client_id": "handoff", "oidc_client_secret": "s"}
    with pytest.raises(ConfigurationError, match="DASHBOARD_URL is not an address"):
        is_on(load_settings(handoff_home=home, dashboard_url="handoff.example.org", _env_file=None, **whole))
    settings = load_settings(handoff_home=home, dashboard_url="https://handoff.example.org", _env_file=None, **whole)
    assert is_on(settings)
    assert hosts(settings) == ["127.0.0.1", "localhost", "handoff.example.org"]
    written = write_for_streamlit(settings).read_text()
    assert 'redirect_uri = "https://handoff.example.org/oauth2callback"' in written
    assert write_for_streamlit(settings).read_text() == written, "the key of the cookies stays, so that nobody is logged out"
    assert not is_on(load_settings(handoff_home=home, _env_file=None))


def test_an_edited_plan_is_listed_as_not_usable(home):
    invented.publish(home, invented.rows())
    path = save_plan(plan_for(SANDBOX), home)
    path.write_text(path.read_text().replace("because", "be cause"))
    page = open_page("fixes")
    assert apply_buttons(page) == []
    plans = next(found.value for found in page.dataframe if "May be applied until" in found.value.columns)
    assert plans["State"][0] == "✗ not usable"


def test_what_was_applied_is_read_from_the_ledger(home):
    from pipelines.ledger import Ledger

    invented.publish(home, invented.rows())
    with Ledger.open(home) as ledger:
        ledger.record_change(
            "plan-1", "c1", "result", at=datetime(2026, 11, 16, 7, tzinfo=UTC), status="conflict", system="hubspot", object="deals",
            record_id="1", field="amount", before="1", after="2", actor="rosa", sentence="Left alone.",
        )  # fmt: skip
    history = next(found.value for found in open_page("fixes").dataframe if "What happened" in found.value.columns)
    assert dict(history.iloc[0])["Result"] == "! left alone"
    assert dict(history.iloc[0])["When"] == "16 Nov 2026 07:00 UTC"
