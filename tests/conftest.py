"""Shared fixtures: a home of its own for each test, no vendor settings from outside, and no host but loopback."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from demo import copied, shared_demo_home

PROJECT = Path(__file__).resolve().parent.parent
# Real input and vendor contracts lie outside the repository; where they are not, the tests that need them skip.
SHARED = Path(os.environ.get("HANDOFF_SHARED", PROJECT.parent / "shared"))

pytest_plugins = ["time_limit"]

_SETTINGS = (
    "DUCKDB_",
    "HANDOFF_ENGINE",
    "SPARK_",
    "LEDGER_",
    "NOTIFY_",
    "SNAPSHOT_",
    "EVENTS_",
    "OIDC_",
    "DASHBOARD_",
    "HEARTBEAT_",
    "SERVE_",
    "HUBSPOT_",
    "AIRTABLE_",
    "ASANA_",
    "GITHUB_TOKEN",
    "GITHUB_WRITE",
    "GITHUB_BASE",
    "GITHUB_ORG",
    "GITHUB_PROJECT",
    "AWS_",
    "SHEETS_",
    "INTACCT_",
    "PROMETHEUS_",
)


def pytest_configure():
    # fixtures of the whole session start programs before any test's own fixtures run
    for name in list(os.environ):
        if name.startswith(_SETTINGS):
            del os.environ[name]
    # tests read sentences; those about JSON lines say so
    os.environ["LOG_FORMAT"] = "human"


@pytest.fixture(autouse=True)
def _only_this_test(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith(_SETTINGS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HANDOFF_HOME", str(tmp_path / "home"))
    real_connect = socket.socket.connect

    def connect_to_loopback_only(self, address):
        if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in {"127.0.0.1", "::1", "localhost"}:
            raise AssertionError(f"a test tried to reach {address[0]}")
        return real_connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_to_loopback_only)


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory):
    """Return a home with the synced demo, made once per run of pytest; it is shared, so it is read and never written to."""
    return shared_demo_home(tmp_path_factory)


@pytest.fixture
def on_demo(demo_home, monkeypatch):
    """Let the commands and pages of a test read the demo; they may change nothing in it."""
    monkeypatch.setenv("HANDOFF_HOME", str(demo_home))


@pytest.fixture
def copy_of_demo(demo_home, tmp_path):
    return copied(demo_home, tmp_path / "home")


# These two serve tests/actions alone. They stand here because a second conftest.py would take this one's name away from the tests
# that import from it.
@pytest.fixture
def vendors():
    from vendor_double import Vendors
    from write_back import fill

    return fill(Vendors())


@pytest.fixture
def write_back(home, vendors):
    from write_back import WriteBack

    return WriteBack(home, vendors)


def shared_file(relative: str) -> Path:
    """Return a file of the material beside the repository, or skip the test saying what is missing."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"needs {relative} from the shared material, which is not on this machine")
    return path
