"""``sync`` as it is, over one small invented vendor and without dbt: about a second, so that it can be killed at every point.

What is left out (dbt, the four vendors) is killed in tests/test_killed_sync.py. Data has a version: every row of every table holds it,
so that a reader can tell a whole snapshot from a mixed one.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from datetime import date

import duckdb

from pipelines import rules, transform, warehouse
from pipelines import sync as syncing
from pipelines.ledger import Ledger
from pipelines.rules import load_rules
from pipelines.settings import PROJECT_ROOT, load_settings
from pipelines.sources import registry
from pipelines.sources.landing import Landing
from pipelines.sources.spill import Earlier

ROWS = 40
TABLES = ("deals", "contacts", "companies")
AS_OF = date(2026, 11, 16)
RULES = load_rules(PROJECT_ROOT / "dbt/seeds/default")


class Silent:
    """A progress that nobody sees."""

    def step(self, text):
        """Say nothing."""

    detail = done = step


class Answers:
    """Stands for a transport: tells whoever counts when an answer has come."""

    request_count = retry_count = 0

    def close(self):
        """Nothing is open."""


def answered():
    """Mark a point at which the vendor's answer has arrived; a killer replaces this."""


def vendor_version(home):
    file = home.parent / "vendor_version"
    return int(file.read_text()) if file.exists() else 1


def set_vendor_version(home, version):
    (home.parent / "vendor_version").write_text(str(version))


def _open(errand):
    landing = Landing("hubspot", errand.folder, earlier=Earlier("hubspot", errand.building_file))
    version = vendor_version(errand.settings.handoff_home)

    def read():
        for table in TABLES:
            rows = [{"id": str(number), "properties_json": {"version": version}} for number in range(ROWS)]
            sys.modules[__name__].answered()
            landing.add(table, rows)
        landing.add("owners", [{"id": "1", "email": None, "first_name": str(version), "last_name": "x"}])

    return registry.SourceRun(landing, Answers(), read)


def _build(*, building_file, **_):
    with duckdb.connect(str(building_file)) as connection:
        connection.execute("create schema if not exists marts")
        unions = " union all ".join(
            f"select properties_json ->> 'version' as version from raw_hubspot.{table}" for table in TABLES
        )
        connection.execute(f"create or replace table marts.versions as {unions}")
        # what the run itself looks at after it has published
        connection.execute(
            "create or replace table marts.fct_write_checks (status varchar, change_id varchar, written_at timestamptz)"
        )
        connection.execute("create schema if not exists actions")
        connection.execute("create or replace table actions.act_changes (change_id varchar)")
    return transform.BuildResult(models=1)


def install():
    """Let ``sync`` read the small vendor only, and build one mart."""
    rules.VENDORS = ("hubspot",)
    registry.SOURCES["hubspot"] = _open
    transform.build = _build
    syncing.transform.build = _build


def run(home, *, run_lines=None):
    """Sync once in this process and return its result."""
    return syncing.sync(load_settings(handoff_home=home), RULES, as_of=AS_OF, progress=run_lines or Silent())


def view(home):
    """Return the versions that a reader sees and the rows of each table, or None when nothing was ever published. Raises on what is torn."""
    try:
        snapshot = warehouse.open_current(home)
    except warehouse.NoSnapshot:
        return None
    try:
        versions = {int(row["version"]) for row in snapshot.rows("select distinct version from marts.versions")}
        counts = {
            (row["n"], row["ids"])
            for table in TABLES
            for row in snapshot.rows(f"select count(*) as n, count(distinct id) as ids from raw_hubspot.{table}")
        }
    finally:
        snapshot.close()
    return versions, counts


def in_a_child(work):
    """Do ``work`` in a forked process and return how that ended: an exit code, or minus the signal that killed it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException:  # noqa: BLE001 - it is printed, and the parent sees the code
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def sound_ledger(home):
    with Ledger.open(home) as ledger:
        return ledger.verify()


def kill_self():
    os.kill(os.getpid(), signal.SIGKILL)
