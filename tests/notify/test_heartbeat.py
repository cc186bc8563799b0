"""The heartbeat: start, end and exit code; a monitor that is down costs no run."""

from __future__ import annotations

import pytest
from command_line import run
from receivers import web_server

from pipelines.ledger import Ledger
from pipelines.notify.heartbeat import beat
from pipelines.settings import load_settings


def test_the_monitor_hears_the_start_and_the_exit_code_with_the_summary():
    with web_server() as (requests, address):
        settings = load_settings(heartbeat_url=f"http://{address}/uuid-1/")
        assert beat(settings, "start") is None
        assert beat(settings, "3", "HubSpot: STALE") is None
    assert [(path, body) for _, path, _, body in requests] == [("/uuid-1/start", ""), ("/uuid-1/3", "HubSpot: STALE")]


@pytest.mark.parametrize("status", [404, 500])
def test_a_monitor_that_refuses_or_is_down_is_said_without_its_address(status):
    with web_server(status) as (_, address):
        settings = load_settings(heartbeat_url=f"http://{address}/uuid-canary")
        complaints = [beat(settings, "start")]
    complaints.append(beat(settings, "0"))
    for complaint in complaints:
        assert "was not heard" in complaint
        assert "canary" not in complaint


def test_without_an_address_nothing_is_sent():
    assert beat(load_settings(), "start") is None


def test_a_run_that_cannot_begin_tells_its_code(home):
    home.mkdir()
    with web_server() as (requests, address):
        nowhere = "postgresql://user:word@127.0.0.1:9/none"
        ended = run(home, "sync", "--brief", HEARTBEAT_URL=f"http://{address}/u", LEDGER_URL=nowhere)
    assert ended.returncode == 1, ended.stderr
    assert [path for _, path, _, _ in requests] == ["/u/start", "/u/1"]


@pytest.mark.thorough
def test_a_dead_monitor_and_a_dead_channel_cost_no_run(home):
    home.mkdir()
    ended = run(
        home, "sync", "--brief", HEARTBEAT_URL="http://127.0.0.1:9/u", NOTIFY_URLS="mail=mailto://127.0.0.1:9/?from=a@example.org"
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("The heartbeat was not heard") == 2


def test_what_the_disk_refuses_ends_as_the_monitor_and_the_ledger_hear_it(home):
    home.mkdir()
    (home / "work").write_text("somebody's file")
    with web_server() as (requests, address):
        ended = run(home, "sync", "--brief", HEARTBEAT_URL=f"http://{address}/u")
    assert ended.returncode == 2, ended.stderr
    assert [path for _, path, _, _ in requests] == ["/u/start", "/u/2"]
    with Ledger.open(home) as ledger:
        assert [row["exit_code"] for row in ledger.run_rows() if row["phase"] == "finished"] == ["2"]
