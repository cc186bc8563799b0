"""What is wrongly set up is said in one sentence: what, where, what to do. Exit 2, no traceback, the rest still syncs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, date, datetime

import pytest
from conftest import PROJECT
from demo import parsed
from loop import HANDOFF, control, run

from pipelines import warehouse
from pipelines.extract import NEVER, SourceOutcome, land
from pipelines.ledger import Ledger
from pipelines.rules import load_rules
from pipelines.settings import load_settings

AS_OF = "2026-11-16"
# those that the shipped rules read
VENDORS = ("hubspot", "airtable", "github", "aws")
EVERY_COMMAND = [
    ("sync",),
    ("status",),
    ("report", "findings"),
    ("plan",),
    ("apply", "latest"),
    ("import", "costs", "costs.csv"),
]


@pytest.fixture
def served():
    from pipelines.sandbox.server import running
    from pipelines.sandbox.story import build_state

    with running(build_state()) as sandbox:
        yield sandbox


def sentences(done):
    assert "Traceback" not in done.stderr + done.stdout
    return done.stderr


def statuses(home):
    rows = warehouse.open_current(home).rows("select source, status from ops.source_status where source <> 'files'")
    return {row["source"]: row["status"] for row in rows}


@pytest.fixture
def home(demo_home, home, request):
    """Return a new home; where a test syncs it for the first time, dbt has parsed before."""
    if "served" in request.fixturenames:
        parsed(demo_home, home)
    return home


def synced(home, served, **changed):
    """Return a first sync against real-looking accounts with some settings changed; None unsets one."""
    home.parent.mkdir(exist_ok=True)
    settings = {name: value for name, value in (served.settings_env | changed).items() if value is not None}
    return run(home, "sync", "--as-of", AS_OF, **settings)


# Two vendors at a time, because a build of the models takes longer than everything that is tried here.
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"HUBSPOT_ACCESS_TOKEN": "wrong", "GITHUB_TOKEN": "wrong"},
            {"hubspot": ["HubSpot", "HUBSPOT_ACCESS_TOKEN"], "github": ["GitHub", "GITHUB_TOKEN"]},
        ),
        pytest.param(
            {"AIRTABLE_TOKEN": "wrong", "AWS_ACCESS_KEY_ID": "wrong"},
            {"airtable": ["Airtable", "AIRTABLE_TOKEN"], "aws": ["AWS", "AWS_ACCESS_KEY_ID"]},
            marks=pytest.mark.thorough,
        ),
        pytest.param(
            {"AIRTABLE_BASE_ID": "appDoesNotExist0", "GITHUB_PROJECT_NUMBERS": "999"},
            {
                "airtable": ["Airtable", "AIRTABLE_BASE_ID", "appDoesNotExist0"],
                "github": ["GitHub", "999", "GITHUB_PROJECT_NUMBERS"],
            },
            marks=pytest.mark.thorough,
        ),
        pytest.param(
            {"AIRTABLE_BASE_ID": None, "GITHUB_ORG": "nobody-here"},
            {
                "airtable": ["AIRTABLE_TOKEN is set and AIRTABLE_BASE_ID is not"],
                "github": ["GitHub", "nobody-here", "GITHUB_ORG"],
            },
            marks=pytest.mark.thorough,
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_wrong_setting_is_named_and_the_other_sources_are_published(home, served, changed, words):
    done = synced(home, served, **changed)
    assert done.returncode == 2, done.stdout + done.stderr
    lines = sentences(done).splitlines()
    for vendor, expected in words.items():
        [line] = [line for line in lines if "NEVER LOADED" in line and all(word in line for word in expected)]
        assert line.endswith("."), line
        assert vendor in VENDORS
    assert statuses(home) == {vendor: "never" if vendor in words else "complete" for vendor in VENDORS}
    with Ledger.existing(home) as ledger:
        [finished] = [row for row in ledger.run_rows() if row["outcome"]]
    assert (finished["outcome"], finished["exit_code"]) == ("published", "2")
    errors = {entry["source"]: entry["error"] for entry in json.loads(finished["details"])["sources"]}
    for vendor, expected in words.items():
        assert all(word in errors[vendor] for word in expected), errors[vendor]


@pytest.mark.parametrize(
    "words",
    [
        {"hubspot": ["crm.objects.deals.read", "Add the scope"], "aws": ["AccessDenied", "Allow ce:Get*"]},
        pytest.param(
            {"airtable": ["data.records:read", "AIRTABLE_TOKEN"], "github": ["Projects: read", "GITHUB_TOKEN"]},
            marks=pytest.mark.thorough,
        ),
    ],
    ids="-".join,
)
def test_a_missing_scope_is_named_and_the_other_sources_are_published(home, served, words):
    for vendor in words:
        # AWS says so by the operation; Organizations alone may be refused without harm
        path = {"aws": "GetCostAndUsage"}.get(vendor, "")
        control(served, "faults", {"kind": "403", "vendor": vendor, "path": path, "occurrence": "every"})
    done = synced(home, served)
    assert done.returncode == 2, done.stdout + done.stderr
    lines = sentences(done).splitlines()
    for expected in words.values():
        assert [line for line in lines if "NEVER LOADED" in line and all(word in line for word in expected)], (expected, lines)
    assert statuses(home) == {vendor: "never" if vendor in words else "complete" for vendor in VENDORS}


EXPIRED = {
    "hubspot": (
        401,
        {"status": "error", "message": "The OAuth token used to make this call expired.", "category": "EXPIRED_AUTHENTICATION"},
    ),
    "airtable": (401, {"error": {"type": "AUTHENTICATION_REQUIRED", "message": "Authentication required"}}),
    "github": (401, {"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest"}),
    "aws": (400, {"__type": "ExpiredTokenException", "message": "The security token included in the request is expired"}),
}


@pytest.mark.parametrize("kind", ["expired", "403", "401"])
@pytest.mark.parametrize("vendor", VENDORS)
def test_a_token_that_is_refused_costs_its_source_a_few_calls_and_no_second_try(home, served, tmp_path, vendor, kind):
    """Without the models, so that it is seen what a refusal itself costs."""
    from pipelines.settings import prepare_dlt

    status, body = EXPIRED[vendor]
    fault = {"kind": "answer", "status": status, "body": body} if kind == "expired" else {"kind": kind}
    # everybody may ask STS who they are
    path = "^/[A-Z]" if vendor == "aws" else ""
    control(served, "faults", {"vendor": vendor, "path": path, "occurrence": "every", **fault})
    settings = load_settings(
        handoff_home=home, _env_file=None, **{name.lower(): value for name, value in served.settings_env.items()}
    )
    prepare_dlt(tmp_path / "work")
    from pipelines.sources.registry import SOURCES, Errand

    outcome = SourceOutcome(vendor, False, datetime(2026, 11, 16, tzinfo=UTC))
    rules = load_rules(PROJECT / "dbt/seeds/default")
    errand = Errand(settings, rules, date(2026, 11, 16), None, tmp_path / "wh.duckdb", tmp_path / "landing")
    land(
        outcome,
        lambda: SOURCES[vendor](errand),
        building_file=tmp_path / "wh.duckdb",
        previous_file=None,
        work=tmp_path / "work",
    )
    assert outcome.status == NEVER
    assert outcome.exit_code == 2
    assert outcome.retry_count == 0
    assert outcome.request_count <= 4  # AWS has more than one way to ask for the accounts
    assert {"hubspot": "HUBSPOT_ACCESS_TOKEN", "airtable": "AIRTABLE_TOKEN", "github": "GITHUB_TOKEN", "aws": "AWS"}[
        vendor
    ] in outcome.error


def test_a_broken_rule_table_stops_the_run_before_it_begins(home, tmp_path):
    home.parent.mkdir(exist_ok=True)
    profile = shutil.copytree(PROJECT / "dbt/seeds/default", tmp_path / "profile")
    path = profile / "rule_thresholds.csv"
    path.write_text(path.read_text().replace("180,days", "half a year,days"))
    done = run(home, "sync", RULES_DIR=str(profile))
    assert done.returncode == 2
    assert "rule_thresholds.csv, line" in sentences(done)
    assert not home.exists() or warehouse.current_run_id(home) is None


@pytest.mark.thorough  # plan's refusal of the same is tried in tests/actions/test_opening.py
def test_a_lost_token_does_not_replace_real_records_by_invented_ones(home, served):
    assert synced(home, served).returncode == 0
    published = warehouse.current_run_id(home)
    for lost in (None, ""):
        done = synced(home, served, HUBSPOT_ACCESS_TOKEN=lost)
        assert done.returncode == 2
        assert "HUBSPOT_" in sentences(done)
        assert warehouse.current_run_id(home) == published


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SANDBOX_PORT", "many"),
        ("SANDBOX_PORT", "70000"),
        ("STORE_EMAILS", "perhaps"),
        ("HUBSPOT_ACCESS_TOKEN", "two words"),
        ("GITHUB_TOKEN", "t\u00f6ken"),
        ("HUBSPOT_BASE_URL", "api.hubapi.com"),
        ("AIRTABLE_BASE_URL", "http://api.airtable.com"),
        ("AWS_ENDPOINT_URL_BUDGETS", "ftp://budgets.amazonaws.com"),
        ("HANDOFF_HOME", "~nobody-has-this-name/home"),
    ],
)
def test_a_setting_that_cannot_be_what_it_says_is_named_and_not_shown(home, name, value):
    home.parent.mkdir(exist_ok=True)
    done = run(home, "status", **{name: value})
    assert done.returncode == 2
    assert f"The setting {name} is not usable: " in sentences(done)
    assert "Change it in the environment or in .env." in done.stderr
    if "TOKEN" in name:
        assert value not in done.stderr


def test_a_plan_that_cannot_be_tried_is_not_taken_for_one_with_changes(home):
    """For ``plan``, 2 means that changes are planned."""
    home.parent.mkdir(exist_ok=True)
    for command in (["plan"], ["apply", "latest"]):
        done = run(home, *command, SANDBOX_PORT="many")
        assert done.returncode == 1
        assert "SANDBOX_PORT" in sentences(done)


def test_an_env_file_that_is_no_text_is_named(home):
    home.parent.mkdir(exist_ok=True)
    (home.parent / ".env").write_bytes(b"HUBSPOT_ACCESS_TOKEN=\xff\xfe")
    done = run(home, "status")
    assert done.returncode == 2
    assert f"{home.parent / '.env'} cannot be read" in sentences(done)


def test_two_runs_at_once_one_works_and_the_other_names_it(home):
    with warehouse.run_lock(home, what="handoff sync", started_at=datetime(2026, 11, 16, tzinfo=UTC)):
        done = run(home, "sync")
    assert done.returncode == 75
    assert "`handoff sync`" in sentences(done)


# Names that lead nowhere


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (
            ["report", "nonsense"],
            2,
            ["'nonsense'", "handoff-gaps, missing-intake, renewals-due, lapsed-but-active, budget-overruns"],
        ),
        (["report", "findings", "nonsense"], 2, ["'nonsense'"]),
        (["apply", "nonsense"], 1, ["nonsense", "`handoff plan`"]),
        (["apply", "../../../etc/passwd"], 1, ["`handoff plan`"]),
        (["import", "costs", "nowhere.csv"], 2, ["nowhere.csv"]),
        (["sync", "--as-of", "yesterday"], 2, ["yesterday", "%Y-%m-%d"]),
        (["nonsense"], 2, ["nonsense"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_name_that_leads_nowhere_is_named(home, arguments, exit_code, words):
    home.mkdir(parents=True)
    done = run(home, *arguments)
    assert done.returncode == exit_code, done.stderr
    for word in words:
        assert word in sentences(done), (word, done.stderr)
    assert done.stdout == ""
    assert list(home.iterdir()) == [], "a mistyped command leaves nothing behind"


@pytest.mark.parametrize("command", [("status",), ("report", "findings"), ("plan",), ("apply", "latest")], ids=" ".join)
def test_an_empty_home_says_what_to_run_first(home, command):
    home.mkdir(parents=True)
    done = run(home, *command)
    assert done.returncode == 1
    assert re.search(r"`handoff (sync|plan)`", sentences(done))
    assert done.stdout == ""


def test_the_dashboard_opens_in_an_empty_home_and_ends_when_it_is_told(home):
    home.mkdir(parents=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [*HANDOFF, "dashboard", "--port", str(port)],
        env=os.environ | {"HANDOFF_HOME": str(home), "PYTHONPATH": str(PROJECT)},
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert _answers(process, f"http://127.0.0.1:{port}/_stcore/health") == 200
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert f"http://127.0.0.1:{port}" in out
    assert "Traceback" not in out + err


def _answers(process, url):
    for _ in range(240):
        assert process.poll() is None, process.stderr.read()
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status
        except urllib.error.URLError:
            time.sleep(0.25)
    raise AssertionError(f"{url} never answered")


# Homes and folders that cannot be used


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=" ".join)
@pytest.mark.parametrize("below", ["", "below/it"])
def test_a_home_that_is_a_file_is_named(home, command, below):
    home.parent.mkdir(exist_ok=True)
    home.write_text("not a folder")
    done = run(home.parent / "home", *command, HANDOFF_HOME=str(home / below))
    assert done.returncode == (1 if command[0] in {"plan", "apply"} else 2)
    assert f"{home} is a file" in sentences(done)
    assert "set HANDOFF_HOME to another one" in done.stderr
    assert home.read_text() == "not a folder"


def run_without_privileges(home, *arguments, **environment):
    """Run a command as a user whom file modes bind: root without the capability to pass them, or whoever runs the tests."""
    dropped = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("file modes do not bind root, and setpriv, which makes them, is not here")
        dropped = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
    return subprocess.run(
        [*dropped, sys.executable, "-m", "pipelines.cli", *arguments],
        env=os.environ | {"HANDOFF_HOME": str(home), "PYTHONPATH": str(PROJECT)} | environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def closed(tmp_path):
    """A folder that nobody may write in."""
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o500)
    yield folder
    folder.chmod(0o700)


@pytest.mark.parametrize("command", [("sync",), ("plan",), ("apply", "latest"), ("sandbox",)], ids=" ".join)
@pytest.mark.parametrize("below", ["", "home"])
def test_a_home_that_may_not_be_written_is_named_before_anything_is_done(closed, command, below):
    done = run_without_privileges(closed / below, *command)
    assert done.returncode == (1 if command[0] in {"plan", "apply"} else 2)
    assert f"this user may not write in {closed}" in sentences(done)
    assert list(closed.iterdir()) == []


@pytest.mark.parametrize("name", ["warehouse", "ledger.sqlite", "sandbox"])
def test_a_part_of_the_home_that_somebody_else_made_is_named(home, name):
    home.mkdir(parents=True)
    part = home / name
    part.mkdir() if name != "ledger.sqlite" else part.touch()
    part.chmod(0o400)
    done = run_without_privileges(home, "sync")
    assert done.returncode == 2
    assert f"this user may not write {part}" in sentences(done)


def test_a_home_that_may_only_be_read_can_be_reported_from(closed):
    done = run_without_privileges(closed, "report", "findings")
    assert done.returncode == 1
    assert "There is no snapshot" in sentences(done)


@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o000, 0o600), (0o600, 0o600), (0o700, 0o000)])
def test_rule_tables_that_may_not_be_read_are_named(tmp_path, folder_mode, file_mode):
    profile = shutil.copytree(PROJECT / "dbt/seeds/default", tmp_path / "profile")
    (profile / "rule_stages.csv").chmod(file_mode)
    profile.chmod(folder_mode)
    try:
        done = run_without_privileges(tmp_path / "home", "sync", RULES_DIR=str(profile))
    finally:
        profile.chmod(0o700)
    assert done.returncode == 2
    assert f"The rule tables in {profile} cannot be read (Permission denied" in sentences(done)
    assert "RULES_DIR" in done.stderr
    assert not (tmp_path / "home").exists()
