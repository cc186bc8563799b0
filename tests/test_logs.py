"""What goes to standard error: every line can be parsed, nothing in it moves a cursor, and no secret is ever in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import PROJECT

from pipelines.errors import HandoffError
from pipelines.logs import LogStream
from pipelines.redaction import redacted
from pipelines.settings import load_settings

CANARIES = {
    "HUBSPOT_ACCESS_TOKEN": "pat-na2-canary-hubspot-1111",
    "HUBSPOT_WRITE_TOKEN": "pat-na2-canary-hubspot-write-2222",
    "AIRTABLE_TOKEN": "patCANARYairtable.3333333333",
    "ASANA_WRITE_TOKEN": "2/canary-asana-write/3434343434",
    "GITHUB_TOKEN": "github_pat_canary_4444444444",
    "AWS_ACCESS_KEY_ID": "AKIACANARY5555555555",
    "AWS_SECRET_ACCESS_KEY": "canary/aws+secret/6666666666",
    "NOTIFY_URLS": "operations=json://hook:canary-notify-7777@127.0.0.1:9/canary-path-8888",
    "HEARTBEAT_URL": "http://127.0.0.1:9/canary-heartbeat-9999",
}
SECRETS = [
    *(value for name, value in CANARIES.items() if "URL" not in name),
    *("canary-notify-7777", "canary-path-8888", "canary-heartbeat-9999"),
]


def command(*arguments, **environment):
    known = {name: value for name, value in os.environ.items() if not name.startswith("LOG_")}
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments],
        env=known | {"PYTHONPATH": os.pathsep.join([str(PROJECT), known.get("PYTHONPATH", "")])} | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_without_a_terminal_every_line_is_an_object_with_time_level_and_message(home, record_property):
    done = command("sync", HANDOFF_HOME=str(home), LEDGER_URL="postgresql://user:canary-word@127.0.0.1:9/none")
    assert done.returncode == 1
    records = [json.loads(line) for line in done.stderr.splitlines()]
    assert [record["level"] for record in records] == ["error"]
    assert records[0]["message"].startswith("The ledger 127.0.0.1/none cannot be used")
    assert records[0]["run_id"]
    assert "canary" not in done.stderr + done.stdout
    record_property("figure", "every line on stderr is JSON")


def test_people_get_sentences_when_they_ask_for_them(home):
    done = command("rollback", HANDOFF_HOME=str(home), LOG_FORMAT="human")
    assert done.stderr.startswith("There is no snapshot in ")


def test_a_wrong_setting_is_said_in_the_format_that_was_asked_for(home):
    done = command("status", HANDOFF_HOME=str(home), LOG_FORMAT="json", SANDBOX_PORT="none")
    assert json.loads(done.stderr)["message"].startswith("The setting SANDBOX_PORT is not usable")


def test_control_characters_and_marks_of_direction_are_escaped(capsys, monkeypatch):
    monkeypatch.setenv("LOG_FORMAT", "json")
    LogStream().write("a\x1b[2Jb\u202ec\x00\x07é\rd\n")
    line = capsys.readouterr().err
    assert line.isascii()
    assert not [character for character in line.rstrip("\n") if ord(character) < 32]
    assert json.loads(line)["message"] == "a\x1b[2Jb\u202ec\x00\x07é\rd"


def test_a_secret_is_replaced_in_every_spelling_in_errors_and_in_settings():
    load_settings(aws_secret_access_key=CANARIES["AWS_SECRET_ACCESS_KEY"], notify_urls=CANARIES["NOTIFY_URLS"])
    for text in ("canary/aws+secret/6666666666", "canary%2Faws%2Bsecret%2F6666666666", "http://x/canary-path-8888?"):
        assert "canary" not in redacted(f"before {text} after")
        assert "canary" not in HandoffError(f"The vendor said {text}.").sentence
        assert "canary" not in str(HandoffError(text))


@contextmanager
def vendor_that_repeats_what_it_is_sent():
    """Yield the address of a server that answers everything with an error that holds the headers and the address of the request."""
    statuses = iter([400, 401, 403, 404, 500, 200] * 1000)

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            said = f"You sent {dict(self.headers)} to {self.path}; a token looks like {' '.join(SECRETS)}"
            body = json.dumps({"message": said, "error": {"type": said, "message": said}, "errors": [{"message": said}]}).encode()
            self.send_response(next(statuses))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = answer  # noqa: N815 - the standard library's names

        def log_message(self, *_):
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def holding(secrets, folder):
    """Return the files below ``folder`` that hold a secret, and which."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            found += [(path.name, secret) for secret in secrets if secret.encode() in content]
    return found


@pytest.mark.thorough
def test_no_secret_is_in_any_file_log_or_report_although_every_vendor_repeats_it(home, record_property):
    from small_home import every_value

    home.mkdir()
    with vendor_that_repeats_what_it_is_sent() as address:
        elsewhere = {f"{vendor}_BASE_URL": address for vendor in ("HUBSPOT", "AIRTABLE", "GITHUB")} | {
            f"AWS_ENDPOINT_URL_{service}": address for service in ("COST_EXPLORER", "BUDGETS", "ORGANIZATIONS", "STS", "S3")
        }
        given = {"AIRTABLE_BASE_ID": "appCanary", "GITHUB_ORG": "canary-org", "GITHUB_PROJECT_NUMBERS": "57"}
        environment = CANARIES | elsewhere | given | {"HANDOFF_HOME": str(home)}
        said = [
            command(*arguments.split(), **environment)
            for arguments in ("sync", "doctor", "status", "notify", "report sync-health --format json", "audit --max 1000")
        ]
    assert said[0].returncode in {2, 3}, said[0].stderr
    for done in said:
        assert "Traceback" not in done.stderr
        for line in done.stderr.splitlines():
            assert json.loads(line)["message"]
        assert [secret for secret in SECRETS if secret in done.stdout + done.stderr] == []
    assert "***" in said[0].stderr, "the vendors did repeat something"
    assert holding(SECRETS, home) == []
    values = "\n".join(every_value(home))
    assert [secret for secret in SECRETS if secret in values] == []
    paths = [path for path in home.rglob("*") if not path.is_symlink()]
    assert [path for path in paths if path.stat().st_mode & 0o077] == []
    assert len(paths) > 10
    record_property(
        "figure", f"{len(SECRETS)} secrets that every vendor repeats are in none of {len(paths)} files, no log and no report"
    )
