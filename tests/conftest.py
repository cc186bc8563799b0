"""Shared fixtures: a home of its own for each test, no vendor settings from outside, and no host but loopback."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
# Real input and vendor contracts lie outside the repository; where they are not, the tests that need them skip.
SHARED = Path(os.environ.get("HANDOFF_SHARED", PROJECT.parent / "shared"))

_SETTINGS = ("HUBSPOT_", "AIRTABLE_", "GITHUB_TOKEN", "GITHUB_WRITE", "GITHUB_BASE", "GITHUB_ORG", "GITHUB_PROJECT", "AWS_")


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


def shared_file(relative: str) -> Path:
    """Return a file of the material beside the repository, or skip the test saying what is missing."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"needs {relative} from the shared material, which is not on this machine")
    return path
