"""Each page over a small invented snapshot: what it shows, how the address filters it, and what an empty list means."""

from __future__ import annotations

import copy
import importlib
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import invented
import opened_pages
import pytest
from opened_pages import grid, markdown, open_page, said

import dashboards
from dashboards.grids import Column
from dashboards.pages import PAGES, SECTIONS
from pipelines.catalogue import REPORTS


@pytest.fixture
def tables():
    return invented.rows()


@pytest.fixture
def published(home, tables):
    return invented.publish(home, tables)


@pytest.mark.parametrize("name", PAGES)
def test_every_page_says_its_question_whose_data_it_is_and_as_of_when(published, name):
    text = said(open_page(name))
    assert PAGES[name].QUESTION in text
    assert "SANDBOX: invented organisation" in text
    assert "As of Monday, 16 November 2026" in text
    assert "HubSpot complete 16 Nov 2026 06:02 UTC" in text


def test_the_summary_shows_each_number_with_what_to_do_and_the_worst_finding_first(published):
    page = open_page("summary")
    assert [metric.label for metric in page.metric][:2] == ["Deals past handoff", r"Handoff gaps, blockers"]
    text = said(page)
    assert "Create the engagement today" in text
    cards = [value for value in markdown(page) if "What to do:" in value]
    assert "◆ Blocker" in cards[0]
    assert "Hollowcrag Speleology hub" in cards[0]


def test_each_number_of_the_summary_leads_to_the_page_that_has_its_findings(published):
    page = open_page("summary")
    links = [label for link in page.get("page_link") if (label := link.proto.label) != "Print view"]
    assert links[:5] == ["Handoff", "Handoff", "Intake", "Renewals", "Budget"]


def test_every_page_stands_once_in_the_menu_and_no_two_show_the_findings_of_the_same_report():
    assert sorted(PAGES) == sorted(name for pages in SECTIONS.values() for name in pages)
    reports = [report for page in PAGES.values() for report in page.REPORTS]
    assert len(reports) == len(set(reports))
    assert set(reports) <= set(REPORTS)


def test_a_number_that_says_more_than_itself_is_not_cut(home, tables):
    tables["marts.rpt_summary"][1]["value_text"] = "9, 1 rule not evaluated"
    invented.publish(home, tables)
    page = open_page("summary")
    assert page.metric[1].value == "9"
    assert "1 rule not evaluated" in [element.value for element in page.caption]


def tables_of_columns():
    """Return the columns that a module of the dashboard shows as one table, by module and name."""
    # app.py is what Streamlit serves, and refuses to be loaded by anything that would listen elsewhere
    names = {path.stem for path in Path(dashboards.__file__).parent.glob("*.py")} - {"app"}
    modules = [importlib.import_module(f"dashboards.{name}") for name in sorted(names)]
    return {
        f"{module.__name__}.{name}": value
        for module in [*modules, *PAGES.values()]
        for name, value in vars(module).items()
        if isinstance(value, tuple) and value and all(isinstance(column, Column) for column in value)
    }


@pytest.mark.parametrize(("name", "columns"), tables_of_columns().items())
def test_a_table_fits_a_laptop_without_scrolling_sideways(name, columns):
    """What a window of 1440 pixels leaves beside the margins."""
    assert sum(column.config["width"] for column in columns) <= 1366, name


def test_the_handoff_page_lists_findings_by_severity_with_why_and_what_to_do(published):
    findings = grid(open_page("handoff"), "What to do")
    assert [severity[0] for severity in findings["Severity"]] == ["◆ Blocker", "▲ High", "? Unknown", "○ Low"]
    assert findings["Why"].str.len().min() > 0
    assert findings["What to do"].str.len().min() > 0
    assert findings["Record"][0] == "https://app-na2.hubspot.com/contacts/4400001/record/0-3/1021"


def test_the_handoff_page_shows_the_steps_in_words_and_a_range_where_something_is_unknown(published):
    deals = grid(open_page("handoff"), "Score").set_index("Deal")
    assert list(deals.loc["Hollowcrag Speleology hub", ["Agreement", "Engagement", "Started"]]) == [
        "✓ done",
        "✗ missing",
        "! late",
    ]
    assert deals.loc["Emptybench Ecology forest hub", "Score"] == "80% to 100%"
    assert deals.index[0] == "Hollowcrag Speleology hub"


def test_the_intake_page_says_what_to_ask_in_one_call(published):
    page = open_page("intake")
    assert grid(page, "What to ask")["What to ask"][0] == "Community id, Logo"
    assert 'Blankslate Fisheries hub, as of 16 Nov 2026:\n- Community id (now "TBD")\n- Logo' in [
        code.value for code in page.code
    ]
    assert list(grid(page, "Required since")["State"]) == ["✗ placeholder", "✗ missing", "✓ ok"]


def test_the_renewals_page_counts_each_window_and_says_how_far_the_end_is(published):
    page = open_page("renewals")
    assert [metric.label for metric in page.metric] == [
        "Overdue",
        "31 to 90 days",
        "91 to 180 days",
        "More than 180 days",
        "No end date",
    ]
    chains = grid(page, "Renewal deal").set_index("Agreement")
    assert chains.loc["Afterglow Astrochemistry comet hub", "That is"] == "5 days ago"
    assert chains.loc["Silentharbor Acoustics whale hub", "Renewal deal"] == "▲ engaging, 1 stage behind"


def test_the_budget_page_shows_the_month_that_the_address_names(published):
    november = grid(open_page("budget"), "Expected USD")
    assert november["Deal or account"][0] == "Steepgrade Genomics exome hub"
    october = grid(open_page("budget", month="October 2026"), "Expected USD")
    assert list(october["Deal or account"]) == ["Brimful Bathymetry sonar hub"]
    assert list(october["Over (under) USD"]) == [140.0]


def test_the_budget_page_names_spend_that_belongs_to_no_deal(published):
    assert list(grid(open_page("budget"), "Payer")["Cost"]) == [90.0]


def test_the_fixes_page_shows_before_and_after_and_what_is_held_back(published):
    page = open_page("fixes")
    changes = grid(page, "Before").set_index("Finding")
    held = changes.loc["missing_intake:deal-1028:community_id"]
    assert (held["Before"], held["After"], held["State"]) == ("TBD", "blankslate", "! held back")
    assert "HubSpot is stale" in held["Why"]
    assert "`handoff apply latest`" in said(page)


def test_sync_health_shows_sources_what_was_set_aside_and_the_snapshot(published):
    page = open_page("sync_health")
    assert list(grid(page, "Last complete")["State"]) == ["✓ complete"] * 5
    paid = grid(page, "Last complete")
    assert dict(zip(paid["Source"], paid["Paid calls"], strict=True))["AWS (SANDBOX)"] == "14, $0.14"
    assert sorted(paid["Paid calls"])[:4] == [""] * 4
    assert grid(page, "Why it was set aside")["Record id"][0] == "recBroken"
    assert f"Snapshot {invented.RUN_ID}, rules profile default" in said(page)


# Filters -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["handoff", "intake", "renewals", "budget"])
@pytest.mark.parametrize(("team", "owner"), [("BD", "Rosa Lindqvist"), ("PS", "Tomas Okafor")])
def test_an_address_with_an_owner_or_a_team_shows_only_theirs(published, name, team, owner):
    for query in ({"owner": owner}, {"team": team}):
        page = open_page(name, **query)
        shown = [found.value for found in page.dataframe if "What to do" in found.value.columns]
        if shown:
            assert set(shown[0]["Owner"]) == {f"{owner} ({team})"}
        else:
            assert f"for {next(iter(query))} {next(iter(query.values()))} as of" in said(page)


def test_choosing_an_owner_leaves_only_what_is_theirs(published):
    page = open_page("handoff")
    page.selectbox(key="owner").set_value("Tomas Okafor")
    opened_pages.run(page, "handoff")
    assert set(grid(page, "What to do")["Owner"]) == {"Tomas Okafor (PS)"}


def test_a_link_to_somebody_who_owns_nothing_says_so_instead_of_showing_everything(published):
    page = open_page("handoff", owner="Long Gone")
    assert page.query_params["owner"] == "Long Gone"
    assert "No handoff gaps for owner Long Gone as of Monday, 16 November 2026" in said(page)
    assert "No deal in handoff fits the filters." in said(page)


def test_a_community_filter_reaches_every_table_of_the_budget_page_that_has_one(published):
    page = open_page("budget", community="Brimful Bathymetry")
    assert list(grid(page, "What to do")["Subject"]) == ["Brimful Bathymetry sonar hub"]
    assert list(grid(page, "Expected USD")["Deal or account"]) == ["Brimful Bathymetry sonar hub"]


def test_an_address_with_a_finding_shows_its_evidence(published):
    page = open_page("handoff", finding="HG01:deal-1021")
    evidence = grid(page, "Seen at")
    assert dict(evidence.iloc[0]) == {
        "Field": "start_on",
        "Value": "2026-11-02",
        "Source": "hubspot",
        "Seen at": "16 Nov 2026 06:00 UTC",
    }


def test_a_page_counts_what_is_set_aside_and_shows_it_when_its_state_is_chosen(home, tables):
    rows = invented.all_findings(tables)
    [blocker] = [row for row in rows if row["finding_id"] == "HG01:deal-1021"]
    blocker.update(
        state="snoozed", snoozed_until_on=date(2026, 12, 1), decided_by="Rosa Lindqvist", decision_reason="They are on leave"
    )
    tables["marts.fct_findings"] = rows
    invented.publish(home, tables)
    page = open_page("handoff")
    assert blocker["subject"] not in set(grid(page, "What to do")["Subject"])
    assert "1 finding set aside." in said(page)
    page = open_page("handoff", state="snoozed", finding="HG01:deal-1021")
    [row] = grid(page, "What to do").to_dict("records")
    assert (row["Subject"], row["State"], row["Since"]) == (blocker["subject"], "snoozed until 1 Dec 2026", "16 Nov 2026")
    assert "State: snoozed until 1 Dec 2026, by Rosa Lindqvist: They are on leave" in said(page)
    page = open_page("handoff", state="waived")
    assert "No finding is waived." in [element.value for element in page.info]


def test_many_findings_are_shown_as_far_as_a_browser_bears_and_each_can_still_be_linked_to(home, tables):
    pattern = tables["marts.fct_handoff_gaps"][0]
    tables["marts.fct_handoff_gaps"] = [{**pattern, "finding_id": f"HG02:deal-{number:05}"} for number in range(1_200)]
    tables["marts.rpt_handoff_deals"] = [
        {**tables["marts.rpt_handoff_deals"][0], "deal_id": str(number)} for number in range(1_200)
    ]
    invented.publish(home, tables)
    page = open_page("handoff", finding="HG02:deal-01199")
    assert len(grid(page, "What to do")) == 1_000
    assert "The first 1,000 of 1,200, the most severe." in said(page)
    assert "Finding HG02:deal-01199;" in said(page)
    assert len(grid(page, "Score")) == 1_200


# Empty lists and missing sources --------------------------------------------------------------------------------------------


REPORT_TABLES = {
    "handoff": "marts.fct_handoff_gaps",
    "intake": "marts.fct_missing_intake",
    "renewals": "marts.fct_renewal_findings",
    "budget": "marts.fct_budget_overruns",
    "pipeline": "marts.rpt_stage_gates",
    "summary": "marts.fct_findings",
}


@pytest.mark.parametrize("name", REPORT_TABLES)
def test_nothing_found_in_complete_data_is_good_news_with_its_date(home, tables, name):
    tables[REPORT_TABLES[name]] = []
    invented.publish(home, tables)
    good = [element.value for element in open_page(name).success]
    assert any("as of Monday, 16 November 2026" in text and "evaluated on complete data" in text for text in good), good


@pytest.mark.parametrize("name", REPORT_TABLES)
def test_nothing_found_is_no_good_news_where_a_rule_could_not_be_evaluated(home, tables, name):
    tables[REPORT_TABLES[name]] = []
    for row in tables["marts.rpt_rule_evaluations"]:
        row.update(gate="not_evaluated", gate_reason="Airtable never loaded")
    invented.publish(home, tables)
    page = open_page(name)
    assert not any("evaluated on complete data" in element.value for element in page.success)
    assert any("**Not known:**" in element.value for element in page.info)
    assert any(
        element.value.startswith("**NOT EVALUATED:") and "Airtable never loaded" in element.value for element in page.warning
    )


@pytest.mark.parametrize("name", PAGES)
def test_a_stale_source_is_named_on_every_page_with_the_time_since_when(home, tables, name):
    stale = next(row for row in tables["marts.rpt_sources"] if row["source"] == "hubspot")
    stale.update(status="stale", last_complete_at=datetime(2026, 11, 14, 6, tzinfo=UTC), error="HubSpot answered 503 five times.")
    invented.publish(home, tables)
    page = open_page(name)
    assert any("HubSpot STALE since 14 Nov 2026 06:00 UTC" in text for text in markdown(page))
    warning = next(element.value for element in page.warning if "HubSpot" in element.value)
    assert "503 five times" in warning


def test_a_source_that_never_loaded_is_not_taken_for_an_empty_one(home, tables):
    never = next(row for row in tables["marts.rpt_sources"] if row["source"] == "airtable")
    never.update(status="never", last_complete_at=None, error="AIRTABLE_TOKEN is refused.")
    invented.publish(home, tables)
    page = open_page("sync_health")
    assert "✗ never loaded" in set(grid(page, "Last complete")["State"])
    assert any("does not mean that nothing is missing" in element.value for element in page.warning)


def test_records_of_both_kinds_are_marked_source_by_source(home, tables):
    for row in tables["marts.rpt_sources"]:
        row["is_sandbox"] = row["source"] == "aws"
    invented.publish(home, tables)
    text = said(open_page())
    assert "SANDBOX: invented records" in text
    assert "AWS (SANDBOX) complete" in text
    assert "HubSpot complete" in text


# Snapshots ------------------------------------------------------------------------------------------------------------------


def test_without_a_snapshot_the_page_says_what_to_run(home):
    assert "handoff sync" in open_page().warning[0].value


def test_a_snapshot_of_another_version_is_said_in_one_sentence(home, tables, monkeypatch):
    monkeypatch.setattr(
        invented, "TABLES", {name: ddl for name, ddl in invented.TABLES.items() if name != "marts.fct_budget_months"}
    )
    invented.publish(home, tables)
    assert "another version of handoff" in open_page("handoff").warning[0].value


def test_a_page_shows_the_next_snapshot_when_it_runs_again_and_the_old_one_may_be_gone(home, tables):
    first = invented.publish(home, tables)
    page = open_page("handoff")
    later = copy.deepcopy(tables)
    later["marts.fct_handoff_gaps"] = later["marts.fct_handoff_gaps"][:1]
    invented.publish(home, later, run_id="20261117T060200000000Z-bbbb")
    shutil.rmtree(first)
    opened_pages.run(page, "handoff")
    assert len(grid(page, "What to do")) == 1
