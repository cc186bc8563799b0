"""One vendor, read in this process from a running sandbox, as ``sync`` reads it: what came, or the sentence that it failed with."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from datetime import date
from importlib import import_module

import duckdb
import pyarrow as pa
import pytest
from conftest import PROJECT

from pipelines.errors import VendorError
from pipelines.rules import load_rules
from pipelines.sandbox.faults import fault_from
from pipelines.sandbox.server import _settings_env, running
from pipelines.sandbox.story import build_state
from pipelines.settings import load_settings
from pipelines.sources.landing import Landing
from pipelines.sources.raw import RAW_TABLES, create_missing_tables
from pipelines.sources.registry import _OF_THE_SANDBOX
from pipelines.sources.spill import Earlier
from pipelines.wire import RateBudget

AS_OF = date(2026, 11, 16)
NO_LIMIT = (1_000_000, 1.0)
# When something was read, and in how many pages, is no part of what was read.
_OF_THE_READING = {"readings": {"full_at", "paid_call_count", "paid_usd"}}


class Reader:
    """One vendor opened once. Waiting costs nothing; ``waits`` holds what the transport would have waited."""

    def __init__(self, vendor, world, url, folder):
        self.vendor, self.world, self._folder, self.waits = vendor, world, folder, []
        self._module = import_module(f"pipelines.sources.{vendor}")
        self._rules = load_rules(PROJECT / "dbt/seeds/default")
        settings = load_settings(handoff_home=folder, _env_file=None, email_hash_key="the same in every test")
        self.client = getattr(self._module, f"open_{vendor}")(settings, sandbox_url=url, **_OF_THE_SANDBOX.get(vendor, {}))
        self.transport = self.client.transport
        self.transport._sleep = self.waits.append
        self.transport._budget, self.transport._special = RateBudget(NO_LIMIT), []
        self.transport._follows_vendor = False  # the pace is the transport's matter and has tests of its own
        self.deadline(60.0)

    def deadline(self, seconds):
        self.transport._deadline = seconds
        return self

    def read(self, earlier=None):
        """Return {table: rows in a fixed order} and what was set aside. Raises VendorError."""
        folder = self._folder / "landing"
        shutil.rmtree(folder, ignore_errors=True)
        self.waits.clear()
        self.world.requests.clear()
        landing = Landing(self.vendor, folder, earlier=earlier)
        getattr(self._module, f"{self.vendor}_rows")(self.client, self._rules, as_of=AS_OF, landing=landing)
        self.quarantine = landing.quarantine
        return {table: self._rows(landing, table) for table in RAW_TABLES[self.vendor]}

    def _rows(self, landing, table):
        hidden = _OF_THE_READING.get(table, set())
        rows = [row for page in landing.pages(table) for row in page.to_pylist()]
        return sorted(({name: value for name, value in row.items() if name not in hidden} for row in rows), key=repr)

    @contextmanager
    def changed_after(self, number, ending, change):
        """Let ``change`` happen once, after the ``number``-th answer from an address that ends so. It must have happened."""
        original, seen = self.transport.request, []

        def request(method, url, **more):
            answer = original(method, url, **more)
            if str(url).partition("?")[0].endswith(ending):
                seen.append(url)
                if len(seen) == number:
                    change()
            return answer

        self.transport.request = request
        try:
            yield
        finally:
            self.transport.request = original
        assert len(seen) > number, "nothing came after the change, so it was in the middle of nothing"

    def calls(self):
        """Return the method and place of every call of the last reading, as a fault's path is compared with it."""
        return [(entry["method"], entry["path"] + entry.get("operation", "")) for entry in self.world.requests]

    def read_with(self, *faults):
        """Read once with these faults prepared. Returns (rows or None, the error or None); every fault must have been hit."""
        prepared = [fault_from({"vendor": self.vendor} | fault) for fault in faults]
        self.world.faults[:] = prepared
        try:
            rows, error = self.read(), None
        except VendorError as caught:
            rows, error = None, caught
        finally:
            self.world.faults.clear()
        never_hit = [fault.kind for fault in prepared if not fault.hits]
        assert not never_hit, f"{self.vendor}: prepared and never hit, so nothing was proved: {never_hit}"
        return rows, error


def settings_of(prefix, sandbox, home, **given):
    """Return settings of which those that begin with ``prefix`` point at the sandbox as if it were a real account."""
    set_up = _settings_env(sandbox.url, sandbox.world.state)
    names = {name.lower(): value for name, value in set_up.items() if name.startswith(prefix)}
    return load_settings(handoff_home=home, _env_file=None, **(names | given))


def earlier_load(vendor, rows, path):
    """Return what an earlier load left, as the next one is shown it: ``rows`` of a reading in a warehouse of their own."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        create_missing_tables(connection)
        for table, content in rows.items():
            if content:
                held = pa.Table.from_pylist(content)
                connection.register("held", held)
                connection.execute(f'insert into raw_{vendor}."{table}" by name select * from held')
                connection.unregister("held")
    return Earlier(vendor, path)


class Sandbox:
    """A running sandbox with a reader for each vendor, made when first asked for."""

    def __init__(self, served, folder):
        self.url, self.world, self._folder, self._readers = served.url, served.world, folder, {}

    def reader(self, vendor):
        if vendor not in self._readers:
            self._readers[vendor] = Reader(vendor, self.world, self.url, self._folder / vendor)
        return self._readers[vendor].deadline(60.0)

    def fresh(self, **limits):
        """Put the story back, with limits such as ``github__page_size=1``."""
        self.world.state = build_state()
        self.world.limits = {name.replace("__", "."): value for name, value in limits.items()}
        self.world.faults.clear()
        self.world.requests.clear()
        return self

    def close(self):
        for reader in self._readers.values():
            reader.transport.close()


@contextmanager
def sandbox_in(folder):
    """Yield a running sandbox whose readers work below ``folder``."""
    with running(build_state()) as served:
        sandbox = Sandbox(served, folder)
        yield sandbox
        sandbox.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A running sandbox for the tests of a module, which take it by name."""
    with sandbox_in(tmp_path_factory.mktemp("sandbox")) as running_sandbox:
        yield running_sandbox


@pytest.fixture
def sandbox(server):
    """That sandbox, as the story begins."""
    return server.fresh()
