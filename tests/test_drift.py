"""Changes in the vendors' fields are named, once, with what to do where a rule table uses the field."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from conftest import PROJECT
from loop import findings, port_of, run

from pipelines import warehouse
from pipelines.drift import record_drift
from pipelines.extract import COMPLETE, STALE, SourceOutcome
from pipelines.rules import load_rules
from pipelines.sources.raw import create_missing_tables

NOW = datetime(2026, 11, 16, 9, tzinfo=UTC)
RULES = load_rules(PROJECT / "dbt/seeds/default")
STATUS_CHOICES = {"choices": [{"id": "sel1", "name": "Planned"}, {"id": "sel2", "name": "Done"}]}
FIELDS = (("fldEngStatus00000", "Status", "singleSelect", STATUS_CHOICES), ("fldNote", "Note", "singleLineText", None))


def snapshot(path, fields=FIELDS, *, is_sandbox=True, github=(("1", "Status"),)):
    with duckdb.connect(str(path)) as connection:
        create_missing_tables(connection)
        connection.execute("insert into raw_airtable.tables by name select 'app' as base_id, 'tblE' as id, 'Engagements' as name")
        for field_id, name, kind, options in fields:
            connection.execute(
                "insert into raw_airtable.fields by name "
                "select 'app' as base_id, 'tblE' as table_id, ? as id, ? as name, ? as type, ? as options_json",
                [field_id, name, kind, json.dumps(options) if options else None],
            )
        for field_id, name in github:
            connection.execute(
                "insert into raw_github.project_fields by name select 60 as project_number, ? as id, ? as name, 'text' as data_type",
                [field_id, name],
            )
        for source in ("airtable", "github"):
            connection.execute(
                "insert into ops.source_status by name select ? as source, 'complete' as status, ? as is_sandbox, ? as last_complete_at",
                [source, is_sandbox, NOW],
            )
    return path


def drift(path):
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute("select field, kind, before, after, is_mapped, what_to_do from ops.drift order by all")
        return found.fetchall()


def recorded(tmp_path, *, status=COMPLETE, is_sandbox=True, seen_at=NOW, **after):
    previous, building = snapshot(tmp_path / "previous.duckdb"), snapshot(tmp_path / "building.duckdb", **after)
    outcomes = [SourceOutcome(source, is_sandbox, NOW, status=status, load_id="7") for source in ("airtable", "github")]
    record_drift(building, previous, outcomes, RULES, seen_at)
    return drift(building)


def test_equal_fields_are_no_news(tmp_path):
    assert recorded(tmp_path) == []


def test_every_kind_of_change_is_a_row_of_its_own(tmp_path):
    choices = {"choices": [{"id": "sel2", "name": "Finished"}, {"id": "sel3", "name": "Late"}]}
    after = (("fldEngStatus00000", "State", "multipleSelects", choices), ("fldNew", "New", "number", None))
    rows = recorded(tmp_path, fields=after)
    assert {row[:5] for row in rows} == {
        ("fldEngStatus00000", "renamed", "Status", "State", True),
        ("fldEngStatus00000", "type_changed", "singleSelect", "multipleSelects", True),
        ("fldEngStatus00000", "options_removed", "Planned", None, True),
        ("fldEngStatus00000", "options_added", None, "Late", True),
        ("fldEngStatus00000", "option_renamed", "Done", "Finished", True),
        ("fldNew", "added", None, "New (number)", False),
        ("fldNote", "removed", "Note (singleLineText)", None, False),
    }
    advice = {row[1]: row[5] for row in rows}
    assert "engagements.status" in advice["renamed"]
    assert "nothing breaks" in advice["renamed"]
    assert advice["added"] is None


def test_a_removed_field_that_a_rule_table_uses_says_what_to_do(tmp_path):
    [row] = recorded(tmp_path, fields=FIELDS[1:])
    assert row[:2] == ("fldEngStatus00000", "removed")
    assert "map_fields.csv takes engagements.status" in row[5]


def test_a_renamed_github_field_is_lost_because_it_is_found_by_name(tmp_path):
    [row] = recorded(tmp_path, github=(("1", "Stage"),))
    assert row[:5] == ("1", "renamed", "Status", "Stage", True)
    assert "reads as empty" in row[5]


@pytest.mark.parametrize("how", [{"status": STALE}, {"is_sandbox": False}], ids=str)
def test_a_stale_source_or_another_organisation_is_not_compared(tmp_path, how):
    assert recorded(tmp_path, fields=FIELDS[1:], **how) == []


def test_the_first_load_is_no_change(tmp_path):
    building = snapshot(tmp_path / "building.duckdb")
    record_drift(building, None, [SourceOutcome("airtable", True, NOW, status=COMPLETE)], RULES, NOW)
    assert drift(building) == []


def test_rows_stay_for_ninety_days(tmp_path):
    building = snapshot(tmp_path / "building.duckdb")
    with duckdb.connect(str(building)) as connection:
        for days in (89, 91):
            connection.execute(
                "insert into ops.drift by name select ? as field, 'added' as kind, ? as seen_at",
                [f"{days} days", NOW - timedelta(days=days)],
            )
    record_drift(building, None, [], RULES, NOW)
    assert [row[0] for row in drift(building)] == ["89 days"]


@pytest.mark.thorough
def test_a_renamed_airtable_field_breaks_nothing_and_is_named(copy_of_demo):
    from pipelines.sandbox.server import running
    from pipelines.sandbox.story import build_state

    state = build_state()
    field = next(item for item in state.airtable.tables[0]["fields"] if item["id"] == "fldEngStatus00000")
    field["name"] = "Where we stand"
    state.airtable.tables[0]["name"] = "Work in hand"
    before = findings(copy_of_demo)
    with running(state) as sandbox:
        done = run(copy_of_demo, "sync", SANDBOX_PORT=port_of(sandbox))
    assert done.returncode == 0, done.stdout + done.stderr
    assert findings(copy_of_demo).keys() == before.keys()
    rows = warehouse.open_current(copy_of_demo).rows("select field, kind, before, after from marts.rpt_drift order by field")
    assert [tuple(row.values()) for row in rows] == [
        ("fldEngStatus00000", "renamed", "Status", "Where we stand"),
        ("tblEngagements000", "renamed", "Engagements", "Work in hand"),
    ]
