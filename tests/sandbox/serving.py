"""What the tests of the vendors' sandboxes share: one server a module, with a fresh state for each test."""

from __future__ import annotations

import json
import pickle
from contextlib import contextmanager

import httpx
import pytest

from pipelines.actions.records import Change
from pipelines.actions.target import Connection, Tokens
from pipelines.sandbox.server import running
from pipelines.sandbox.story import build_state
from pipelines.sandbox.world import READ_TOKEN, WRITE_TOKEN
from pipelines.transport import Transport

_STORY = pickle.dumps(build_state())


def fresh_state():
    return pickle.loads(_STORY)  # noqa: S301 - our own bytes, and the quickest deep copy


class Served:
    """A served sandbox; ``fresh`` puts its state and limits back."""

    def __init__(self, sandbox):
        self.url, self.world = sandbox.url, sandbox.world

    def fresh(self):
        self.world.state = fresh_state()
        self.world.limits = {}
        self.world.requests.clear()
        return self

    @property
    def state(self):
        return self.world.state

    def limit(self, **limits):
        self.world.limits = {name.replace("__", "."): value for name, value in limits.items()}

    def client(self, vendor, token=WRITE_TOKEN, **headers):
        """Return an HTTP client of one vendor; None for a call without a token."""
        sent = headers | ({"Authorization": f"Bearer {token}"} if token else {})
        return httpx.Client(base_url=f"{self.url}/{vendor}", headers=sent, timeout=20, trust_env=False)

    def reader(self, vendor):
        return self.client(vendor, READ_TOKEN)


def written(target, change):
    """Carry a change out as ``apply`` does, step by step, and return the names of the steps and what is read back."""
    steps, made_id = [], None
    while True:
        reading = target.read(change, made_id if len(steps) == 1 else None)
        assert reading.obstacle is None, reading.obstacle
        write = target.next_write(change, reading)
        if write is None:
            return steps, target.read(change)
        assert len(steps) < 5, "the change never ends"
        steps.append(write.step)
        made_id = target.send(write).made_id


def creation(system, kind, natural_key, **values):
    return Change(
        change_id="create-it",
        finding_id="HG01:deal-1",
        recipe="create",
        system=system,
        object=kind,
        record_id=None,
        field=None,
        before=None,
        after=json.dumps(values),
        policy="if_empty",
        reason="",
        risk="low",
        is_reversible=False,
        natural_key=natural_key,
        depends_on=None,
        record_url=None,
        needs=(system,),
        as_of_on="2026-11-16",
    )


@contextmanager
def connected(sandbox, vendor, headers=None):
    """Yield the connection by which handoff's own write-back reaches a vendor."""
    base_url = f"{sandbox.url}/{vendor}"
    reader, writer = Transport(vendor, base_url=base_url), Transport(vendor, base_url=base_url)
    try:
        yield Connection(vendor, base_url, Tokens(READ_TOKEN, WRITE_TOKEN), reader, writer, headers or {})
    finally:
        reader.close()
        writer.close()


@contextmanager
def served():
    with running(fresh_state()) as sandbox:
        yield Served(sandbox)


@pytest.fixture(scope="module")
def server():
    """A served sandbox for the tests of a module, which take it by name."""
    with served() as running_server:
        yield running_server


@pytest.fixture
def sandbox(server):
    """That sandbox, as the story begins."""
    return server.fresh()
