"""A snapshot that an earlier version of handoff made: the next sync builds on it."""

import duckdb
import pytest
from command_line import run


@pytest.mark.slow
@pytest.mark.thorough
def test_a_rule_table_that_gained_a_column_since_the_last_sync_does_not_hold_the_next_one(copy_of_demo):
    [path] = copy_of_demo.glob("warehouse/versions/*/wh.duckdb")
    path.chmod(0o600)
    with duckdb.connect(str(path)) as connection:
        connection.execute("drop table rules.rule_compared_fields cascade")
        connection.execute("create table rules.rule_compared_fields (field_key varchar)")
    synced = run(copy_of_demo, "sync")
    assert synced.returncode == 0, synced.stdout + synced.stderr
