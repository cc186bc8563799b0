"""Promise 5: a source that loses many records at once is held, and what is published stays as it is, byte for byte."""

from __future__ import annotations

import pytest
import small_sync
from small_home import AT, publish

from pipelines import warehouse
from pipelines.checks import ShrinkGuard
from pipelines.extract import SourceOutcome


@pytest.mark.parametrize("share", [0, 5, 19, 20, 21, 30, 50, 80, 99, 100])
def test_a_loss_above_the_share_is_held_and_one_up_to_it_passes(home, share, record_property):
    before = 1_000

    def fill(connection):
        connection.execute("insert into ops.source_tables values ('hubspot', 'deals', ?, null)", [before])
        connection.execute("insert into ops.source_status (source, status, is_sandbox) values ('hubspot', 'complete', false)")

    version = publish(home, "r1", fill)
    sha = warehouse.sha256_of(version / warehouse.FILE_NAME)
    outcome = SourceOutcome("hubspot", False, AT, status="complete", row_counts={"deals": before - before * share // 100})
    shrunk = ShrinkGuard(home, small_sync.RULES).shrunk_tables(version / warehouse.FILE_NAME, [outcome])
    limit = int(small_sync.RULES.thresholds["mass_change_ratio"] * 100)
    assert bool(shrunk) == (share > limit), shrunk
    assert warehouse.sha256_of(version / warehouse.FILE_NAME) == sha
    record_property("figure", f"{share} % lost: {'held' if shrunk else 'passes'}")
