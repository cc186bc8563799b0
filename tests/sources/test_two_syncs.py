"""Two syncs with no change at the vendors in between leave identical raw tables; how and when they were read is no part of it."""

from __future__ import annotations

import duckdb
import pytest
from demo import copied, run_command
from loop import port_of

from pipelines.sandbox.server import running
from pipelines.sandbox.story import build_state
from pipelines.settings import VENDORS
from pipelines.sources.raw import RAW_TABLES

# three syncs before the first of them
pytestmark = pytest.mark.thorough

TABLES = [
    (vendor, table)
    for vendor in VENDORS
    for table in RAW_TABLES[vendor]
    if table != "readings"  # says when and how a source was read
]
FILLED = {
    "hubspot": {"deals", "associations"},
    "airtable": {"records", "fields"},
    "asana": set(),  # the shipped rules do not read it
    "github": {"issues", "item_values"},
    "aws": {"costs"},
    "sheets": set(),  # likewise
    "intacct": set(),  # likewise
    "prometheus": set(),  # likewise
}


@pytest.fixture(scope="module")
def homes(demo_home, tmp_path_factory):
    """Return the demo's home, and one that was synced two more times: in full, and for what changed alone."""
    home = copied(demo_home, tmp_path_factory.mktemp("two-syncs") / "home")
    with running(build_state()) as sandbox:
        # processes of their own: sets come in another order in each
        for records in ("100000", "0"):
            settings = {"SANDBOX_PORT": port_of(sandbox), "HUBSPOT_FULL_LIST_RECORDS": records, "PYTHONHASHSEED": records}
            run_command("sync", home, **settings)
    return demo_home, home


def rows(home, vendor, table):
    names = ", ".join(f'"{name}"' for name in RAW_TABLES[vendor][table])
    with duckdb.connect(str(home / "warehouse" / "CURRENT" / "wh.duckdb"), read_only=True) as connection:
        return connection.execute(f'select {names} from raw_{vendor}."{table}" order by all').fetchall()


@pytest.mark.parametrize(("vendor", "table"), TABLES, ids=lambda part: part)
def test_a_table_is_the_same_after_two_more_syncs(homes, vendor, table):
    before, after = (rows(home, vendor, table) for home in homes)
    assert after == before
    assert after or table not in FILLED[vendor], "an empty table proves nothing"


@pytest.mark.parametrize("vendor", VENDORS)
def test_no_row_is_there_twice(homes, vendor):
    for table in RAW_TABLES[vendor]:
        found = rows(homes[1], vendor, table)
        assert len(found) == len({repr(row) for row in found}), table


def test_the_second_sync_read_what_changed_alone_and_the_first_everything(homes):
    modes = [{row[1] for row in rows(home, "hubspot", "readings")} for home in homes]
    assert modes == [{"full"}, {"incremental"}]
