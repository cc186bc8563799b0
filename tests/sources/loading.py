"""One vendor, read into a warehouse of its own again and again, as ``sync`` does it; with something that happens in the middle."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, date, datetime

import duckdb
from conftest import PROJECT

from pipelines.extract import COMPLETE, SourceOutcome, land
from pipelines.rules import load_rules
from pipelines.settings import load_settings, prepare_dlt
from pipelines.sources.raw import RAW_TABLES
from pipelines.sources.registry import SOURCES, Errand
from pipelines.transport import Transport

AS_OF = date(2026, 11, 16)
# When something was read, and how, is no part of what was read.
_OF_THE_READING = {"readings"}


class SourceWarehouse:
    """A private copy that holds one vendor."""

    def __init__(self, vendor, sandbox, folder):
        self.vendor, self.sandbox, self.folder, self.count = vendor, sandbox, folder, 0
        self.building = folder / "wh.duckdb"

    def load(self, **settings):
        """Read the vendor once more and load it. It must be complete."""
        self.count += 1
        work = self.folder / f"run-{self.count}"
        prepare_dlt(work)
        chosen = load_settings(handoff_home=self.folder, _env_file=None, email_hash_key="the same in every test", **settings)
        rules = load_rules(PROJECT / "dbt/seeds/default")
        errand = Errand(chosen, rules, AS_OF, self.sandbox.url, self.building, work / "landing")
        outcome = SourceOutcome(self.vendor, True, datetime.now(UTC))
        self.sandbox.world.requests.clear()
        land(outcome, lambda: SOURCES[self.vendor](errand), building_file=self.building, previous_file=None, work=work)
        assert outcome.status == COMPLETE, outcome.error
        return self

    def tables(self):
        """Return the rows of every raw table without dlt's own columns, in a fixed order, as ``Reader.read`` returns them."""
        found = {}
        with duckdb.connect(str(self.building)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            for table in RAW_TABLES[self.vendor].keys() - _OF_THE_READING:
                names = ", ".join(f'"{name}"' for name in RAW_TABLES[self.vendor][table])
                rows = connection.execute(f'select {names} from raw_{self.vendor}."{table}"').to_arrow_table().to_pylist()
                found[table] = sorted(rows, key=repr)
        return found

    def ids(self, table):
        with duckdb.connect(str(self.building)) as connection:
            rows = connection.execute(f'select id from raw_{self.vendor}."{table}"').fetchall()
        assert len(rows) == len(set(rows)), "a record came twice"
        return {row[0] for row in rows}


@contextmanager
def interrupted(number, ending, change):
    """Let ``change`` happen once, after the ``number``-th answer from an address that ends so, with an answer still to come."""
    answers, original = [], Transport.request

    def request(transport, method, url, **more):
        answer = original(transport, method, url, **more)
        if str(url).partition("?")[0].endswith(ending):
            answers.append(url)
            if len(answers) == number:
                change()
        return answer

    Transport.request = request
    try:
        yield
    finally:
        Transport.request = original
    assert len(answers) > number, "nothing came after the change, so it was in the middle of nothing"
