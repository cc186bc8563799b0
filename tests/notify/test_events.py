"""Programs hear of each event once, signed, in order; what was not taken waits; an invented organisation is nobody's news."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import shutil
import subprocess
from datetime import timedelta

import pytest
from command_line import run
from conftest import PROJECT
from receivers import web_server
from told_home import AT, finding, publish

from pipelines import clock
from pipelines.ledger import Ledger
from pipelines.notify import events
from pipelines.settings import load_settings

SECRET = "b7d0a8f1c2e94d5f8a6b3c1d0e9f7a5b"
LATER = AT + timedelta(days=3650)  # after whatever the clock says when the address is first told


class Listener:
    """The receiver and the home that tells it."""

    def __init__(self, home, requests, url, secret=SECRET):
        self.requests = requests
        self.settings = load_settings(handoff_home=home, events_url=url, events_secret=secret, _env_file=None)

    def send(self, **options):
        return events.send(self.settings, **options)

    def heard(self):
        return [json.loads(body)["type"] for *_, body in self.requests]


@pytest.fixture
def listener(home):
    publish(home, findings=[finding("BO01:old")])
    with web_server() as (requests, address):
        listener = Listener(home, requests, f"http://{address}/hook/secret-path")
        assert listener.send().taken == 0, "what was there before is no news"
        yield listener


def verified(requests, key):
    """Check what a receiver that follows standardwebhooks.com checks, and return the ids."""
    ids = []
    for _, path, headers, body in requests:
        assert path == "/hook/secret-path"
        known = {name.lower(): value for name, value in headers.items()}
        signed = f"{known['webhook-id']}.{known['webhook-timestamp']}.{body}".encode()
        assert known["webhook-signature"] == "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert abs(int(known["webhook-timestamp"]) - clock.now().timestamp()) < 300
        ids.append(known["webhook-id"])
    return ids


def test_a_finding_that_opens_and_one_that_is_resolved_are_told_once_and_signed(listener, home):
    found = [
        finding("BO01:old"),
        finding("HG01:1", state_since_at=LATER),
        finding("HG02:2", state="resolved", resolved_at=LATER, state_since_at=LATER, reopen_count=1),
    ]
    publish(home, "r2", findings=found)
    assert (listener.send().taken, listener.send().taken) == (2, 0)
    assert verified(listener.requests, SECRET.encode()) == ["finding.opened:HG01:1:0", "finding.resolved:HG02:2:1"]
    told = json.loads(listener.requests[0][3])
    assert (told["type"], told["data"]["owner"], told["data"]["is_sandbox"]) == ("finding.opened", "Bram Okonquist", False)


@pytest.mark.parametrize(
    "state", [{"status": "indeterminate"}, {"state": "snoozed"}, {"state": "waived"}, {"state": "acknowledged"}]
)
def test_nothing_is_said_of_what_is_indeterminate_or_set_aside(listener, home, state):
    publish(home, "r2", findings=[finding("HG01:1", state_since_at=LATER, **state)])
    assert listener.send().taken == 0


def test_a_finding_that_comes_back_is_told_again(listener, home):
    for reopen_count in (0, 1):
        publish(home, f"again-{reopen_count}", findings=[finding("HG01:1", state_since_at=LATER, reopen_count=reopen_count)])
        assert listener.send().taken == 1


def test_plans_that_can_be_reviewed_and_changes_that_were_applied_are_told(listener, home):
    with Ledger.open(home) as ledger:
        ledger.record_plan("p1", "made", at=clock.now(), details={"changes": 2, "held_back": 1})
        for change_id, status in (("c1", "applied"), ("c2", "conflict")):
            columns = {"system": "hubspot", "object": "deals", "record_id": "1", "field": "engagement_url"}
            details = {"url": "https://app-na2.hubspot.com/1"}
            ledger.record_change("p1", change_id, "result", at=clock.now(), status=status, details=details, **columns)
    assert listener.send().taken == 2
    ready, applied = (json.loads(body)["data"] for *_, body in listener.requests)
    assert (ready["changes"], ready["held_back"]) == (2, 1)
    assert (applied["change_id"], applied["url"]) == ("c1", "https://app-na2.hubspot.com/1")


def test_contacts_of_communities_are_not_named(listener, home):
    row = finding("HG01:1", state_since_at=LATER, reason="Ask Ines Quill for it.")
    publish(home, "r2", findings=[row], contacts=["Ines Quill"])
    listener.send()
    assert json.loads(listener.requests[0][3])["data"]["reason"] == "Ask a contact for it."


def test_what_a_receiver_does_not_take_waits_in_its_order_and_keeps_its_id(home):
    publish(home)
    found = [finding(f"HG01:{number}", state_since_at=LATER) for number in range(3)]
    with web_server(status=500) as (requests, address):
        refusing = Listener(home, requests, f"http://{address}/hook/secret-path")
        refusing.send()
        publish(home, "r2", findings=found)
        sent = refusing.send()
        assert (sent.taken, sent.waiting) == (0, 3)
        assert "secret-path" not in sent.problem
        assert {headers["webhook-id"] for *_, headers, _ in requests} == {"finding.opened:HG01:0:0"}


def test_of_an_invented_organisation_nothing_is_sent_unless_somebody_asks(listener, home):
    publish(home, "r2", findings=[finding("HG01:1", state_since_at=LATER)], is_sandbox=True)
    assert listener.send(about_sandbox=False).taken == 0
    assert listener.send().taken == 1
    assert json.loads(listener.requests[0][3])["data"]["is_sandbox"] is True


def test_a_secret_of_the_standard_form_is_decoded(home):
    publish(home)
    key = b"k" * 24
    with web_server() as (requests, address):
        listener = Listener(home, requests, f"http://{address}/hook/secret-path", "whsec_" + base64.b64encode(key).decode())
        listener.send()
        publish(home, "r2", findings=[finding("HG01:1", state_since_at=LATER)])
        listener.send()
        assert len(verified(requests, key)) == 1


def test_an_address_without_a_secret_is_named_and_nothing_sent(home):
    publish(home)
    done = run(home, "notify", EVENTS_URL="https://n8n.example.org/webhook/x")
    assert "EVENTS_SECRET is not" in done.stderr


def workflow():
    return json.loads((PROJECT / "deploy/n8n/events.json").read_text())


def test_the_n8n_workflow_knows_every_event_and_its_parts_are_connected():
    content = workflow()
    [switch] = [node for node in content["nodes"] if node["type"].endswith(".switch")]
    known = [rule["conditions"]["conditions"][0]["rightValue"] for rule in switch["parameters"]["rules"]["values"]]
    told = [line.split()[0] for line in events.__doc__.splitlines() if line.startswith("    ") and "." in line.split()[0]]
    assert known == told
    targets = [target["node"] for source in content["connections"].values() for output in source["main"] for target in output]
    assert set(content["connections"]) | set(targets) == {node["name"] for node in content["nodes"]}


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not on this machine")
@pytest.mark.parametrize("change", ["nothing", "body", "signature", "time"])
def test_the_n8n_workflow_takes_what_is_signed_and_nothing_else(listener, home, change):
    publish(home, "r2", findings=[finding("HG01:1", state_since_at=LATER)])
    listener.send()
    [(_, _, headers, body)] = listener.requests
    headers = {name.lower(): value for name, value in headers.items()}
    if change == "signature":
        headers["webhook-signature"] = headers["webhook-signature"][:-2] + "A="
    if change == "time":
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) - 3600)
    [code] = [node["parameters"]["jsCode"] for node in workflow()["nodes"] if node["type"].endswith(".code")]
    raw = json.dumps(body + (" " if change == "body" else ""))
    program = f"""
        const $input = {{ first: () => ({{ json: {{ headers: {json.dumps(headers)} }} }}) }};
        const $env = {{ HANDOFF_EVENTS_SECRET: {json.dumps(SECRET)} }};
        const node = {{ helpers: {{ getBinaryDataBuffer: async () => Buffer.from({raw}) }} }};
        const run = async function () {{ {code} }};
        run.call(node).then((items) => console.log(JSON.stringify(items[0].json)), (error) => console.log(error.message));
    """
    done = subprocess.run(["node", "-e", program], capture_output=True, text=True, check=True)
    if change == "nothing":
        assert json.loads(done.stdout)["type"] == "finding.opened"
        assert json.loads(done.stdout)["id"] == "finding.opened:HG01:1:0"
    else:
        assert "its signature or its time is wrong" in done.stdout
