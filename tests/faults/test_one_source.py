"""A sync of one source reads that one, and leaves the others as the last run left them."""

from __future__ import annotations

import pytest
import small_sync
from command_line import run

from pipelines import rules, transform, warehouse
from pipelines import sync as syncing
from pipelines.errors import Unavailable
from pipelines.settings import load_settings
from pipelines.sources import registry
from pipelines.sources.landing import Landing
from pipelines.sources.spill import Earlier


class Answered(small_sync.Answers):
    """A transport that has sent three requests."""

    request_count = 3


class Vendors:
    """HubSpot and Airtable, of one table with one row each and one set aside; ``opened`` are those that a run read."""

    def __init__(self):
        self.opened, self.down = [], set()

    def opener(self, vendor, table):
        def open_vendor(errand):
            self.opened.append(vendor)
            if vendor in self.down:
                raise Unavailable(f"{vendor} does not answer.")
            landing = Landing(vendor, errand.folder, earlier=Earlier(vendor, errand.building_file))
            row = {"id": str(len(self.opened)), "properties_json": {"version": 1}} if vendor == "hubspot" else {}

            def read():
                landing.add(table, [row] if row else [])
                landing.set_aside(table, "7", "It is not readable.", "{}")

            return registry.SourceRun(landing, Answered(), read)

        return open_vendor


@pytest.fixture
def vendors(monkeypatch):
    vendors = Vendors()
    monkeypatch.setattr(rules, "VENDORS", ("hubspot", "airtable"))
    monkeypatch.setitem(registry.SOURCES, "hubspot", vendors.opener("hubspot", "deals"))
    monkeypatch.setitem(registry.SOURCES, "airtable", vendors.opener("airtable", "records"))
    monkeypatch.setattr(transform, "build", small_sync._build)
    return vendors


def synced(home, *only):
    result = syncing.sync(
        load_settings(handoff_home=home, _env_file=None),
        small_sync.RULES,
        as_of=small_sync.AS_OF,
        progress=small_sync.Silent(),
        only=frozenset(only),
    )
    assert result.held is None
    return {outcome.source: outcome for outcome in result.outcomes}


def statuses(home):
    snapshot = warehouse.open_current(home)
    try:
        rows = snapshot.rows(
            "select source, status, last_complete_at, load_id, request_count, quarantined_count, "
            "(select count(*) from ops.quarantine as aside where aside.source = state.source) as aside_count "
            "from ops.source_status as state"
        )
    finally:
        snapshot.close()
    return {row.pop("source"): row for row in rows}


def test_only_the_source_that_is_asked_for_is_read(home, vendors):
    synced(home)
    before = statuses(home)
    vendors.opened.clear()
    outcomes = synced(home, "hubspot")
    after = statuses(home)
    assert vendors.opened == ["hubspot"]
    assert {name for name in after if after[name] != before[name]} == {"hubspot"}
    assert [after["airtable"][name] for name in ("request_count", "quarantined_count", "aside_count")] == [3, 1, 1]
    assert after["hubspot"]["last_complete_at"] > before["hubspot"]["last_complete_at"]
    assert set(outcomes) == {"hubspot", "airtable", "files"}


def test_a_source_that_was_stale_stays_so_while_another_is_read_and_costs_that_run_no_exit_code(home, vendors):
    synced(home)
    vendors.down = {"airtable"}
    assert synced(home)["airtable"].exit_code == Unavailable.exit_code
    assert synced(home, "hubspot")["airtable"].exit_code == 0
    assert statuses(home)["airtable"]["status"] == "stale"


def test_a_first_run_of_one_source_says_that_the_others_were_never_loaded(home, vendors):
    synced(home, "hubspot")
    found = statuses(home)
    assert (found["hubspot"]["status"], found["airtable"]["status"]) == ("complete", "never")


def test_a_source_that_nobody_knows_is_refused_with_those_there_are(home):
    done = run(home, "sync", "--source", "gitlab")
    assert done.returncode == 2
    assert "There is no source 'gitlab' to read. Give one of hubspot, " in done.stderr
