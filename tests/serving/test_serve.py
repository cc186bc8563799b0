"""Programs say that something changed: who may, how often, what is forgotten (nothing), and what is read."""

import asyncio
import hashlib
import hmac
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import httpx
import pytest
from command_line import run
from conftest import PROJECT

from pipelines.serving.app import app
from pipelines.serving.reading import Reading
from pipelines.serving.waiting import Waiting
from pipelines.settings import load_settings

TOKEN = "4f1c8e2f9a7b4b6f8d3e5a1c0b9d7e6f"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}


class Served:
    """The application with a reader whose runs end as the test says."""

    def __init__(self, home, codes=(), per_minute=60, quiet=0.0):
        self.home, self.codes, self.runs = home, list(codes), []
        self.may_run, self.ran = threading.Semaphore(0), threading.Semaphore(0)
        self.waiting = Waiting(home)
        settings = load_settings(handoff_home=home, serve_quiet_seconds=quiet, _env_file=None)
        self.reading = Reading(settings, self.waiting, self._run)
        self._app = app(self.reading, self.waiting, TOKEN, per_minute)

    def _run(self, sources):
        self.runs.append(sources)
        self.may_run.acquire()
        self.ran.release()
        return self.codes.pop(0) if self.codes else 0

    def ask(self, method, path, **options):
        async def asked():
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, **options)

        return asyncio.run(asked())

    def post(self, source="hubspot", headers=SHOWN, **options):
        return self.ask("POST", f"/changed/{source}", headers=headers, **options)

    def health(self, headers=SHOWN):
        return self.ask("GET", "/healthz", headers=headers)

    def let_run(self, count=1):
        for _ in range(count):
            self.may_run.release()
        for _ in range(count):
            assert self.ran.acquire(timeout=10)

    def until(self, is_so):
        for _ in range(500):
            if is_so():
                return
            time.sleep(0.01)
        raise AssertionError("it never came to be")


@pytest.fixture
def served(home):
    home.mkdir()
    return Served(home)


def test_a_change_is_taken_and_its_source_read(served):
    assert served.post().json() == {"source": "hubspot", "status": "waiting"}
    served.reading.start()
    served.let_run()
    assert served.runs == [["hubspot"]]
    served.until(lambda: served.reading.last is not None and not served.waiting.names())
    told = served.health().json()
    assert (told["waiting"], told["reading"], told["last_run"]["exit_code"]) == ([], [], 0)


def test_many_changes_are_one_run_and_those_during_a_run_the_next(served):
    for _ in range(20):
        assert served.post().status_code == 202
    served.post("github")
    served.reading.start()
    served.until(lambda: served.runs)
    served.post("hubspot")
    served.let_run(2)
    assert served.runs == [["hubspot", "github"], ["hubspot"]]


@pytest.mark.parametrize("code", [75, 1])
def test_what_a_locked_home_or_a_broken_run_left_unread_goes_on_waiting(home, code):
    home.mkdir()
    served = Served(home, codes=[code])
    served.post()
    served.reading.start()
    served.let_run()
    served.until(lambda: served.waiting.names() == ["hubspot"])
    assert served.reading.last.exit_code == code


@pytest.mark.parametrize("code", [0, 2, 3, 4])
def test_a_run_that_published_or_knows_why_not_settles_what_was_asked(home, code):
    home.mkdir()
    served = Served(home, codes=[code])
    served.post()
    served.reading.start()
    served.let_run()
    served.until(lambda: served.reading.last is not None)
    served.until(lambda: not list((home / "asked").iterdir()))


def test_what_was_accepted_outlives_the_process(served, home):
    served.post("aws")
    served.waiting.take()  # a run had begun when the process was killed
    served.post("airtable")
    again = Served(home)
    assert again.waiting.names() == ["airtable", "aws"]
    again.reading.start()
    again.let_run()
    assert again.runs == [["airtable", "aws"]]


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}, {"X-Hub-Signature-256": "sha256=00"}]
)
def test_nobody_without_the_token_is_heard(served, headers):
    answer = served.post(headers=headers)
    assert answer.status_code == 401
    assert "SERVE_TOKEN" in answer.json()["error"]
    assert served.health(headers).status_code == 401
    assert served.waiting.names() == []


def test_githubs_signature_of_the_body_is_as_good_as_the_token(served):
    body = json.dumps({"action": "edited"}).encode()
    signature = "sha256=" + hmac.new(TOKEN.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": signature}
    assert served.post("github", headers, content=body).status_code == 202
    assert served.post("github", headers, content=body + b" ").status_code == 401


def test_too_many_requests_are_asked_to_wait(home):
    home.mkdir()
    served = Served(home, per_minute=2)
    assert [served.post().status_code for _ in range(3)] == [202, 202, 429]
    assert 1 <= int(served.post().headers["retry-after"]) <= 60
    wrong = [served.post(headers={}).status_code for _ in range(11)]
    assert wrong == [401] * 10 + [429]
    assert served.health().status_code == 200, "guessing locks nobody out who has the token"


@pytest.mark.parametrize(
    ("source", "body", "status", "words"),
    [
        ("gitlab", b"", 404, "Use one of hubspot"),
        ("..%2f..%2fetc", b"", 404, ""),
        ("hubspot", b"x" * (1024 * 1024 + 1), 413, "megabyte"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_a_sentence(served, source, body, status, words):
    answer = served.post(source, content=body)
    assert answer.status_code == status
    assert words in answer.text
    assert served.waiting.names() == []


def test_without_a_token_nothing_is_served(home):
    done = run(home, "serve")
    assert done.returncode == 2
    assert "openssl rand -hex 24" in done.stderr


@contextmanager
def ended(process):
    """Leave no process behind, whatever a test finds."""
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_the_command_listens_on_this_machine_only_reads_and_ends_on_a_signal(home, tmp_path):
    home.mkdir()
    environment = os.environ | {
        "HANDOFF_HOME": str(home),
        "SERVE_TOKEN": TOKEN,
        "PYTHONPATH": str(PROJECT),
        "SERVE_QUIET_SECONDS": "60",
    }
    command = [sys.executable, "-m", "pipelines.cli", "serve", "--port", "8517"]
    with ended(subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True)) as process:
        assert "http://127.0.0.1:8517" in process.stderr.readline()
        answer = httpx.post("http://127.0.0.1:8517/changed/aws", headers=SHOWN, timeout=60)
        assert answer.status_code == 202
        listening = subprocess.run(["ss", "-Hltn", "sport = :8517"], capture_output=True, text=True, check=False).stdout
        assert not listening or listening.split()[3] == "127.0.0.1:8517"
        second = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert (second.returncode, "in use" in second.stderr) == (2, True)
        process.terminate()
        assert process.wait(60) in {0, -15}
    assert Waiting(home).names() == ["aws"]


def test_the_n8n_workflow_asks_for_what_is_served_where_it_is_served(served):
    content = json.loads((PROJECT / "deploy/n8n/changed.json").read_text())
    nodes = {node["name"]: node for node in content["nodes"]}
    [(source, outputs)] = content["connections"].items()
    [[target]] = outputs["main"]
    assert {source, target["node"]} == set(nodes)
    asked = httpx.URL(nodes[target["node"]]["parameters"]["url"])
    assert asked.port == load_settings(handoff_home=served.home, _env_file=None).serve_port
    assert served.ask("POST", asked.path, headers=SHOWN).status_code == 202
