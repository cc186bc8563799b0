"""``handoff rollback``: the pointer goes to an earlier snapshot, the ledger says so, and the next sync goes on from there."""

from __future__ import annotations

from datetime import date

import pytest
from small_home import AT, publish

from pipelines import warehouse
from pipelines.errors import ConfigurationError
from pipelines.ledger import Ledger
from pipelines.rollbacks import roll_back


def run_in(home):
    return warehouse.open_current(home).rows("select run_id from marts.run")[0]["run_id"]


@pytest.fixture
def three(home):
    for run_id in ("r1", "r2", "r3"):
        publish(home, run_id)
    return home


def test_without_a_name_it_goes_back_by_one_and_the_next_run_starts_from_there(three):
    said = roll_back(three, None, at=AT)
    assert said.startswith("r2 is the published snapshot again; before it was r3")
    assert run_in(three) == "r2"
    publish(three, "r4", lambda connection: connection.execute("create table marts.came_from as select 'r2' as run_id"))
    assert run_in(three) == "r4"


def test_the_ledger_says_who_went_back_from_where_to_where(three):
    roll_back(three, "r1", at=AT, by="Ana")
    with Ledger.open(three) as ledger:
        [event] = ledger.event_rows()
    assert (event["kind"], event["subject"], event["actor"]) == ("rollback", "r1", "Ana")
    assert event["sentence"] == "The pointer is turned from r3 to r1."


def test_a_withdrawn_snapshot_no_longer_answers_for_its_day_until_somebody_goes_forward_again(three):
    roll_back(three, "r1", at=AT)
    assert warehouse.open_as_of(three, date(2026, 11, 16)).run_id == "r1"
    roll_back(three, "r3", at=AT)
    assert run_in(three) == "r3"
    assert warehouse.open_as_of(three, date(2026, 11, 16)).run_id == "r3"


def test_a_damaged_snapshot_is_passed_over_and_never_pointed_to(three):
    file = three / "warehouse/versions/r2" / warehouse.FILE_NAME
    file.write_bytes(file.read_bytes()[:-1])
    roll_back(three, None, at=AT)
    assert run_in(three) == "r1"
    with pytest.raises(ConfigurationError, match="r2 was changed after it was published"):
        roll_back(three, "r2", at=AT)
    assert run_in(three) == "r1"


def test_what_cannot_be_gone_back_to_is_named(three):
    with pytest.raises(ConfigurationError, match="Kept are r3, r2, r1"):
        roll_back(three, "r9", at=AT)
    with pytest.raises(ConfigurationError, match="already"):
        roll_back(three, "r3", at=AT)
    roll_back(three, "r1", at=AT)
    with pytest.raises(ConfigurationError, match="No sound snapshot is kept from before r1"):
        roll_back(three, None, at=AT)


def test_while_a_run_holds_the_home_nothing_is_turned(three):
    with warehouse.run_lock(three, what="handoff sync", started_at=AT), pytest.raises(warehouse.Locked):
        roll_back(three, None, at=AT)
    assert run_in(three) == "r3"
