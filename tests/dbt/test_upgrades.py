"""A snapshot that an earlier version of handoff made: the next sync builds on it."""

import duckdb
import pytest
from command_line import run


@pytest.mark.slow
@pytest.mark.thorough
def test_tables_that_gained_a_column_since_the_last_sync_do_not_hold_the_next_one(copy_of_demo):
    [path] = copy_of_demo.glob("warehouse/versions/*/wh.duckdb")
    path.chmod(0o600)
    with duckdb.connect(str(path)) as connection:
        connection.execute("drop table rules.rule_compared_fields cascade")
        connection.execute("create table rules.rule_compared_fields (field_key varchar)")
        # of what the runs write themselves: a column in the middle of the table
        for table, column in (("writes", "read_status"), ("source_status", "retry_count"), ("quarantine", "payload")):
            connection.execute(f"alter table ops.{table} drop column {column}")
    synced = run(copy_of_demo, "sync")
    assert synced.returncode == 0, synced.stdout + synced.stderr
