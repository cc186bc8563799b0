"""The sandbox as a server: its door, its log, its memory, its switches, and what it says when it cannot start."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import serving
from conftest import PROJECT
from serving import fresh_state

from pipelines.errors import ConfigurationError, HandoffError, Unavailable
from pipelines.sandbox.attachment import attached
from pipelines.sandbox.server import environment_lines, running
from pipelines.sandbox.world import World
from pipelines.settings import VENDORS, load_settings
from pipelines.transport import Transport

DEALS = "/crm/objects/2026-09/deals"

server = serving.server


@pytest.fixture
def sandbox(server):
    assert control(server, "POST", "reset").status_code == 200
    return server


def control(sandbox, method, path, body=None, **headers):
    return httpx.request(method, f"{sandbox.url}/_control/{path}", json=body, headers=headers, timeout=10, trust_env=False)


def logged(sandbox, vendor=None):
    return control(sandbox, "GET", f"requests{f'?vendor={vendor}' if vendor else ''}").json()["requests"]


def handoff(*arguments, **environment):
    return [sys.executable, "-m", "pipelines.cli", *arguments], os.environ | {"PYTHONPATH": str(PROJECT)} | environment


# The door


def test_health_says_that_it_is_the_sandbox(sandbox):
    health = control(sandbox, "GET", "health").json()
    assert health["handoff_sandbox"] is True
    assert health["vendors"] == dict.fromkeys(VENDORS, True)
    assert health["today"] == "2026-11-16"


@pytest.mark.parametrize(
    "headers",
    [{"Host": "sandbox.example"}, {"Host": "127.0.0.1.example:80"}, {"Origin": "https://page.example"}, {"Origin": "null"}],
    ids=str,
)
@pytest.mark.parametrize("path", ["/_control/reset", "/hubspot/crm/objects/2026-09/deals"])
def test_a_page_in_a_browser_cannot_reach_it_by_another_name(sandbox, headers, path):
    answer = httpx.post(sandbox.url + path, headers=headers, trust_env=False)
    assert answer.status_code == 421
    assert "127.0.0.1" in answer.json()["message"]
    assert logged(sandbox) == []


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost:8750", "[::1]:8750", "localhost"])
def test_every_way_to_say_this_machine_is_welcome(sandbox, host):
    assert control(sandbox, "GET", "health", Host=host).status_code == 200


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux's table of sockets")
def test_it_listens_on_loopback_only(sandbox):
    assert sandbox.url.startswith("http://127.0.0.1:")
    port = int(sandbox.url.rsplit(":", 1)[1])
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    addresses = {fields[1] for fields in listening if fields[3] == "0A" and fields[1].endswith(f":{port:04X}")}
    assert addresses == {f"0100007F:{port:04X}"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/trello/cards"),
        ("GET", "/_control/nothing"),
        ("PUT", "/_control/health"),
        ("GET", "/hubspot/crm/v3/imports"),
    ],
)
def test_what_is_not_built_is_501_and_names_itself(sandbox, method, path):
    with sandbox.client("") as client:
        answer = client.request(method, path)
    assert answer.status_code == 501
    words = path.removeprefix("/hubspot")
    assert f"{method} {words}" in answer.json()["message"]
    assert "docs/sandbox.md" in answer.json()["message"]


# The log


def test_every_request_is_logged_without_its_secrets(sandbox):
    with sandbox.reader("hubspot") as reader, sandbox.client("hubspot") as writer:
        reader.get(DEALS, params={"limit": 1, "access_token": "sandbox-token"})
        reader.post(f"{DEALS}/search", json={})
        reader.post(f"{DEALS}/batch/read", json={"inputs": [{"id": "1001"}], "properties": []})
        writer.patch(f"{DEALS}/1001", json={"properties": {"amount": "1"}})
        httpx.get(f"{sandbox.url}/hubspot{DEALS}", headers={"Authorization": "Bearer of-somebody-else"}, trust_env=False)
    entries = logged(sandbox, "hubspot")
    assert [(e["method"], e["status"], e["is_write"], e["token"]) for e in entries] == [
        ("GET", 200, False, "read"),
        ("POST", 200, False, "read"),
        ("POST", 200, False, "read"),
        ("PATCH", 200, True, "write"),
        ("GET", 401, False, None),
    ]
    assert entries[0]["query"] == "limit=1&access_token=%2A%2A%2A"
    text = json.dumps(entries)
    assert "sandbox-token" not in text
    assert "of-somebody-else" not in text


def test_the_log_can_be_narrowed_to_a_vendor_and_cleared(sandbox):
    for vendor in ("hubspot", "airtable", "github"):
        sandbox.reader(vendor).get("/nowhere")
    assert {entry["vendor"] for entry in logged(sandbox)} == {"hubspot", "airtable", "github"}
    assert {entry["vendor"] for entry in logged(sandbox, "github")} == {"github"}
    control(sandbox, "DELETE", "requests")
    assert logged(sandbox) == []


def test_aws_is_logged_by_operation_and_its_reads_are_no_writes(sandbox):
    signed = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=sandbox-token/20261116/us-east-1/ce/aws4_request, SignedHeaders=host, Signature=0"
    }
    for operation in ("AWSInsightsIndexService.GetCostAndUsage", "AWSBudgetServiceGateway.CreateBudget"):
        httpx.post(f"{sandbox.url}/aws", headers=signed | {"X-Amz-Target": operation}, content="{}", trust_env=False)
    entries = logged(sandbox, "aws")
    assert [(e["operation"], e["is_write"], e["token"]) for e in entries] == [
        ("GetCostAndUsage", False, "read"),
        ("CreateBudget", True, "read"),
    ]


# The switches


def test_a_vendor_that_is_down_closes_the_connection_and_the_others_answer(sandbox):
    assert control(sandbox, "POST", "vendors/hubspot", {"up": False}).json()["hubspot"] is False
    with sandbox.reader("hubspot") as client, pytest.raises(httpx.RemoteProtocolError):
        client.get(DEALS)
    assert sandbox.reader("github").get("/orgs/demo-org/projectsV2/60/fields").status_code == 200
    [entry] = logged(sandbox, "hubspot")
    assert (entry["status"], entry["fault"]) == (None, "vendor is down")
    control(sandbox, "POST", "vendors/hubspot", {"up": True})
    assert sandbox.reader("hubspot").get(DEALS).status_code == 200


def test_the_transport_gives_up_on_a_vendor_that_is_down_without_being_asked_to_wait(sandbox):
    control(sandbox, "POST", "vendors/hubspot", {"up": False})
    pauses = []
    transport = Transport("hubspot", base_url=f"{sandbox.url}/hubspot", sleep=pauses.append)
    with pytest.raises(Unavailable, match="could not be reached"):
        transport.request("GET", f"{sandbox.url}/hubspot{DEALS}")
    transport.close()
    assert len(logged(sandbox, "hubspot")) == 5
    assert sum(pauses) < 10, "a sync with a vendor down must end soon"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("vendors/hubspot", {"up": "no"}),
        ("vendors/trello", {"up": True}),
        ("limits", {"hubspot.page_sise": 2}),
        ("limits", {"hubspot.page_size": "2"}),
        ("limits", [1]),
        ("latency", {"seconds": -1}),
        ("faults", {"kind": "nonsense"}),
    ],
)
def test_a_control_call_that_is_not_understood_changes_nothing_and_says_why(sandbox, path, body):
    before = control(sandbox, "GET", "limits").json(), control(sandbox, "GET", "health").json()
    answer = control(sandbox, "POST", path, body)
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert (control(sandbox, "GET", "limits").json(), control(sandbox, "GET", "health").json()) == before


def test_limits_of_every_vendor_are_listed_and_can_be_put_back(sandbox):
    limits = control(sandbox, "GET", "limits").json()
    assert {name.split(".")[0] for name in limits["limits"]} == set(VENDORS)
    assert limits["changed"] == []
    changed = control(sandbox, "POST", "limits", {"hubspot.page_size": 2}).json()
    assert changed["changed"] == ["hubspot.page_size"]
    assert len(sandbox.reader("hubspot").get(DEALS).json()["results"]) == 2
    control(sandbox, "POST", "limits", {"hubspot.page_size": None})
    assert control(sandbox, "GET", "limits").json() == limits


def test_latency_delays_every_answer(sandbox):
    assert control(sandbox, "POST", "latency", {"seconds": 0.3}).json() == {"seconds": 0.3}
    with pytest.raises(httpx.ReadTimeout):
        sandbox.reader("hubspot").get(DEALS, timeout=0.1)
    control(sandbox, "POST", "latency", {"seconds": 0})
    assert sandbox.reader("hubspot").get(DEALS, timeout=5).status_code == 200


def test_the_state_can_be_seen_and_reset(sandbox):
    told = control(sandbox, "GET", "state").json()
    assert told["hubspot"]["objects"]["deals"]["1001"]["properties"]["amount"] == "24000"
    sandbox.client("hubspot").patch(f"{DEALS}/1001", json={"properties": {"amount": "1"}})
    control(sandbox, "POST", "vendors/aws", {"up": False})
    control(sandbox, "POST", "limits", {"hubspot.page_size": 1})
    assert control(sandbox, "GET", "state").json() != told
    assert control(sandbox, "POST", "reset").json()["vendors"]["aws"] is True
    assert control(sandbox, "GET", "state").json() == told
    assert len(sandbox.reader("hubspot").get(DEALS).json()["results"]) == 10
    assert sandbox.reader("hubspot").get(f"{DEALS}/1001").json()["properties"]["amount"] == "24000"


# Memory


def test_what_was_written_survives_a_restart_and_a_reset_forgets_it(tmp_path):
    file = tmp_path / "state.json"
    with running(fresh_state(), state_file=file) as sandbox:
        assert not file.exists()
        headers = {"Authorization": "Bearer sandbox-write-token"}
        httpx.get(f"{sandbox.url}/hubspot{DEALS}", headers=headers, trust_env=False)
        assert not file.exists(), "reading changes nothing"
        body = {"properties": {"cloud_region": "eu-north-1"}}
        httpx.patch(f"{sandbox.url}/hubspot{DEALS}/1001", json=body, headers=headers, trust_env=False)
        left = sandbox.world.state
    assert file.stat().st_mode & 0o777 == 0o600
    with running(fresh_state(), state_file=file) as sandbox:
        assert sandbox.world.state == left
        assert sandbox.world.state.hubspot.objects["deals"]["1001"].properties["cloud_region"] == "eu-north-1"
        httpx.post(f"{sandbox.url}/_control/reset", trust_env=False)
    with running(fresh_state(), state_file=file) as sandbox:
        assert sandbox.world.state == fresh_state()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"today": "2026-11-16"}', '{"today": "x", "hubspot": 3, "unknown": {}}']
)
def test_a_memory_of_another_form_is_one_sentence_with_the_way_out(tmp_path, content):
    file = tmp_path / "state.json"
    file.write_text(content)
    with pytest.raises(HandoffError) as caught, running(fresh_state(), state_file=file):
        pass
    assert "--fresh-sandbox" in caught.value.sentence
    assert str(file) in caught.value.sentence
    assert file.read_text() == content


# Starting


def test_a_taken_port_is_one_sentence(sandbox):
    port = int(sandbox.url.rsplit(":", 1)[1])
    with pytest.raises(ConfigurationError, match=f"Port {port} on 127.0.0.1 is in use"), running(fresh_state(), port=port):
        pass


def test_stopping_frees_the_port_even_while_a_caller_waits_for_ever(tmp_path):
    with running(fresh_state()) as sandbox:
        port = int(sandbox.url.rsplit(":", 1)[1])
        httpx.post(f"{sandbox.url}/_control/faults", json={"kind": "hang", "occurrence": "every"}, trust_env=False)
        waiting = socket.create_connection(("127.0.0.1", port))
        waiting.sendall(f"GET /hubspot{DEALS} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    waiting.close()
    with running(fresh_state(), port=port) as again:
        assert again.url == sandbox.url


def test_the_command_prints_its_lines_serves_and_stops_at_ctrl_c(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments, environment = handoff("sandbox", "--port", str(port), HANDOFF_HOME=str(tmp_path / "home"))
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            lines = [process.stdout.readline().strip() for _ in environment_lines("http://127.0.0.1", fresh_state())]
            keys = {line.split("=", 1)[1] for line in lines if "SERVICE_ACCOUNT_FILE=" in line}
            assert [of_any_process(line) for line in lines] == [
                of_any_process(line) for line in environment_lines(f"http://127.0.0.1:{port}", fresh_state())
            ]
            assert [stat.S_IMODE(Path(key).stat().st_mode) for key in keys] == [0o600, 0o600]
            health = httpx.Client(transport=httpx.HTTPTransport(retries=3), trust_env=False)
            assert health.get(f"http://127.0.0.1:{port}/_control/health").json()["remembers"] is True
            second = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=60, check=False)
            assert second.returncode == 2
            assert second.stdout == "", "no lines before the port is taken"
            assert "is in use" in second.stderr
            assert "Traceback" not in second.stderr
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
        assert "Traceback" not in process.stderr.read()
    assert not any(Path(key).exists() for key in keys), "its keys go with it"


def of_any_process(line):
    """Return a line without the folder that each process makes for its keys."""
    return re.sub(r"handoff-sandbox-keys-\w+", "handoff-sandbox-keys", line)


def test_the_lines_are_settings_that_a_shell_understands(sandbox):
    script = "\n".join([*environment_lines(sandbox.url, sandbox.state), "env"])
    done = subprocess.run(["sh", "-c", script], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True)
    set_up = dict(line.split("=", 1) for line in done.stdout.splitlines())
    names = {name.upper() for name in type(load_settings()).model_fields}
    given = {name: value for name, value in set_up.items() if name in names}
    assert len(given) == 34
    assert given["GITHUB_PROJECT_NUMBERS"] == "60,57"
    assert {given[f"{vendor}_WRITE_TOKEN"] for vendor in ("HUBSPOT", "AIRTABLE", "ASANA", "GITHUB")} == {"sandbox-write-token"}


def test_the_settings_of_a_running_sandbox_make_no_vendor_a_sandbox_and_hold_no_write_token(monkeypatch):
    with running(fresh_state()) as sandbox:
        for name, value in sandbox.settings_env.items():
            monkeypatch.setenv(name, value)
        settings = load_settings()
        assert not any(settings.is_sandbox(vendor) for vendor in VENDORS)
        assert settings.hubspot_base_url == f"{sandbox.url}/hubspot"
        assert settings.hubspot_write_token is None


def test_a_served_sandbox_is_used_instead_of_one_of_its_own(sandbox, home, monkeypatch):
    monkeypatch.setenv("SANDBOX_PORT", sandbox.url.rsplit(":", 1)[1])
    with attached(load_settings()) as url:
        assert url == sandbox.url
    assert not home.exists()


def test_every_control_route_is_documented():
    from starlette.routing import Route

    from pipelines.sandbox.control import control as surface

    text = (PROJECT / "docs/sandbox.md").read_text()
    routes = [route for route in surface(World(fresh_state()), {}, lambda: None).routes if isinstance(route, Route)]
    documented = {
        f"{method} {route.path}" for route in routes for method in route.methods - {"HEAD"} if "{path" not in route.path
    }
    assert len(documented) == 13
    assert {line for line in documented if f"`{line}`" not in text} == set()
