"""What deploy/ gives to schedulers works: units that systemd accepts, commands that run as written, workflows whose parts fit together."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from conftest import PROJECT

from pipelines.settings import Settings

DEPLOY = PROJECT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
SETTINGS = {name.upper() for name in Settings.model_fields}
CODES = [0, 2, 3, 4, 75]


@pytest.fixture
def place(tmp_path):
    """A folder that stands for /opt/handoff, in which handoff says how it was called and ends with the code in CODE."""
    place = tmp_path / "opt"
    (place / ".venv/bin").mkdir(parents=True)
    shutil.copytree(DEPLOY, place / "deploy")
    program = place / ".venv/bin/handoff"
    program.write_text('#!/bin/sh\nprintf \'{"called": "%s", "held": "why"}\\n\' "$*"\necho "log line" >&2\nexit "${CODE:-0}"\n')
    program.chmod(0o755)
    return place


def shell(text, place, *, program="/bin/sh", **environment):
    home = place.parent / "home"
    home.mkdir(exist_ok=True)
    text = text.replace("/opt/handoff", str(place)).replace("/var/lib/handoff", str(home))
    return subprocess.run(
        [program, "-c", text], env=os.environ | environment, cwd=place, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not on this machine")
def test_systemd_accepts_the_units(place):
    folder = place.parent / "units"
    folder.mkdir()
    for unit in UNITS:
        text = unit.read_text().replace("/opt/handoff", str(place)).replace("User=handoff", "User=daemon")
        (folder / unit.name).write_text(text.replace("Group=handoff", "Group=daemon"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(folder.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "handoff" in line]
    assert ours == [], done.stderr


def unit(name):
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(DEPLOY / "systemd" / name)
    return parser


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_has_its_sections_and_starts_what_there_is(path):
    parser = unit(path.name)
    if path.suffix == ".timer":
        assert parser["Timer"]["Persistent"] == "true", "a run that the machine slept through is made up for"
        assert parser["Timer"]["OnCalendar"].endswith("UTC")
        assert path.with_suffix(".service").exists()
    else:
        assert parser["Service"]["Type"] == "oneshot"
        assert parser["Service"]["User"] == "handoff"


def test_the_service_cannot_gain_rights_nor_write_outside_its_state():
    service = unit("handoff.service")["Service"]
    assert service["ProtectSystem"] == "strict"
    assert service["NoNewPrivileges"] == "yes"
    assert service["CapabilityBoundingSet"] == ""
    assert service["UMask"] == "0077"
    assert not re.search(r"(TOKEN|KEY|URL)=", service["Environment"]), "no secret stands in a unit"


def test_credentials_become_settings_and_reach_the_command(place):
    text = (DEPLOY / "systemd/handoff.service").read_text()
    names = re.findall(r"(?m)^LoadCredential=(\w+):", text)
    assert set(names) <= SETTINGS
    folder = place.parent / "credentials"
    folder.mkdir()
    for name in names:
        (folder / name).write_text(f"value of {name}\n")
    [start] = re.findall(r"(?m)^ExecStart=(.*)$", text)
    shown = start.replace("/opt/handoff/.venv/bin/handoff sync --json", "env")
    done = shell(shown, place, CREDENTIALS_DIRECTORY=str(folder))
    assert {f"{name}=value of {name}" for name in names} <= set(done.stdout.splitlines())
    done = shell(start, place, CREDENTIALS_DIRECTORY=str(folder), CODE="3")
    assert (json.loads(done.stdout)["called"], done.returncode) == ("sync --json", 3)


def test_a_credential_with_a_strange_name_is_refused(place):
    folder = place.parent / "credentials"
    folder.mkdir()
    (folder / "x; rm").write_text("")
    done = shell("/opt/handoff/deploy/with-credentials env", place, CREDENTIALS_DIRECTORY=str(folder))
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("code", CODES)
def test_the_line_of_cron_writes_to_people_only_when_they_must_do_something(place, code, record_property):
    lines = [line for line in (DEPLOY / "cron/handoff.cron").read_text().splitlines() if re.match(r"[\d*]", line)]
    assert len(lines) == 2
    for line in lines:
        *fields, user, _ = line.split(None, 6)
        assert len(fields) == 5
        assert user == "handoff"
    done = shell(lines[0].split(None, 6)[6].replace("sync --brief", "sync --brief >/dev/null"), place, CODE=str(code))
    assert done.stdout == ("log line\n" if code in {2, 4} else "")
    record_property("counted", "exit codes read rightly by cron, GitHub Actions and n8n")


def workflow():
    return yaml.safe_load((DEPLOY / "github/handoff.yml").read_text())


def step(name):
    return next(step for step in workflow()["jobs"]["sync"]["steps"] if step.get("name") == name)


@pytest.mark.parametrize("code", CODES)
def test_the_step_of_the_workflow_fails_where_somebody_must_act(place, code, record_property):
    output = place.parent / "output"
    done = shell("set -e\n" + step("Sync")["run"], place, program="/bin/bash", CODE=str(code), GITHUB_OUTPUT=str(output))
    assert done.returncode == (code if code in {2, 4} else 0)
    assert output.read_text() == f"code={code}\n"
    assert json.loads((place / "summary.json").read_text())["called"] == "sync --json"
    record_property("counted", "exit codes read rightly by cron, GitHub Actions and n8n")


def test_the_state_of_a_run_reaches_the_next_and_a_first_run_has_none(place, tmp_path):
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "gh").write_text(
        "#!/bin/sh\ncase \"$1 $2\" in 'run list') echo 12; echo 11 ;; "
        '\'run download\') [ "$3" = 11 ] && [ -f "$ARTIFACT" ] && cp "$ARTIFACT" "$7/state.tar.gz" ;; esac\n'
    )
    (programs / "gh").chmod(0o755)
    temporary, artifact = tmp_path / "runner", tmp_path / "artifact.tar.gz"
    temporary.mkdir()
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "RUNNER_TEMP": str(temporary),
        "GITHUB_WORKFLOW": "handoff",
        "ARTIFACT": str(artifact),
    }
    take = "set -e\n" + step("Take over the state of the run before")["run"]
    assert shell(take, place, program="/bin/bash", **environment).returncode == 0
    assert not (place / "state").exists()
    (place / "state/warehouse/versions/r1").mkdir(parents=True)
    (place / "state/warehouse/versions/r1/wh.duckdb").write_text("snapshot")
    (place / "state/warehouse/CURRENT").symlink_to("versions/r1")
    (place / "state/work").mkdir()
    assert shell("set -e\n" + step("Pack the state")["run"], place, program="/bin/bash").returncode == 0
    shutil.move(place / "state.tar.gz", artifact)
    shutil.rmtree(place / "state")
    done = shell(take, place, program="/bin/bash", **environment)
    assert done.returncode == 0, done.stderr
    assert (place / "state/warehouse/CURRENT/wh.duckdb").read_text() == "snapshot"
    assert not (place / "state/work").exists()


def test_the_workflow_runs_one_at_a_time_with_read_rights_and_known_settings():
    content = workflow()
    assert content["concurrency"] == {"group": "handoff", "cancel-in-progress": False}
    assert set(content["permissions"].values()) == {"read"}
    assert set(content["jobs"]["sync"]["env"]) <= SETTINGS
    assert "make .venv/bin/handoff" in step("Set up")["run"]
    assert re.search(r"(?m)^\$\(BIN\)/handoff:", (PROJECT / "Makefile").read_text())


def n8n():
    return json.loads((DEPLOY / "n8n/handoff.json").read_text())


def test_the_parts_of_the_n8n_workflow_are_connected():
    content = n8n()
    names = {node["name"] for node in content["nodes"]}
    assert len(names) == len(content["nodes"])
    targets = [target["node"] for source in content["connections"].values() for output in source["main"] for target in output]
    assert set(content["connections"]) | set(targets) == names
    [switch] = [node for node in content["nodes"] if node["type"].endswith(".switch")]
    rules = switch["parameters"]["rules"]["values"]
    assert len(content["connections"][switch["name"]]["main"]) == len(rules) + 1, "and one for every other code"
    assert sorted(rule["conditions"]["conditions"][0]["rightValue"] for rule in rules) == CODES


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not on this machine")
@pytest.mark.parametrize("code", CODES)
def test_the_n8n_workflow_reads_the_exit_code_and_the_summary(place, code, record_property):
    nodes = {node["name"]: node["parameters"] for node in n8n()["nodes"]}
    done = shell(nodes["handoff sync"]["command"], place, CODE=str(code))
    assert done.returncode == 0, "n8n would throw the output away"
    item = json.dumps({"stdout": done.stdout, "stderr": done.stderr})
    program = f"const run = ($json) => {{ {nodes['Exit code and summary']['jsCode']} }}; console.log(JSON.stringify(run({item})))"
    read = subprocess.run(["node", "-e", program], capture_output=True, text=True, check=True)
    assert json.loads(read.stdout)["json"] == {
        "code": code,
        "summary": {"called": "sync --json", "held": "why"},
        "log": "log line\n",
    }
    record_property("counted", "exit codes read rightly by cron, GitHub Actions and n8n")


def test_the_container_is_no_root_holds_no_secret_and_copies_what_there_is():
    text = re.sub(r"\\\n", " ", (DEPLOY / "Containerfile").read_text())
    lines = [line.split(None, 1) for line in text.splitlines() if line and not line.startswith("#")]
    images = [rest for word, rest in lines if word == "FROM"]
    assert all(re.match(r"\S+/\S+:[\w.]+-\w+", image) for image in images), "each image has a registry and a version"
    assert [rest for word, rest in lines if word == "USER"] == ["10001:10001"]
    for word, rest in lines:
        if word == "COPY" and not rest.startswith("--from"):
            for name in rest.split()[:-1]:
                assert (PROJECT / name).exists(), name
        if word in {"ENV", "ARG"}:
            assert not re.search(r"TOKEN|SECRET|PASSWORD|KEY=", rest)
    assert "--require-hashes" in text


def test_the_compose_file_publishes_on_loopback_only_and_keeps_secrets_in_files():
    content = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = content["services"]
    assert set(services) == {"ledger", "sync", "dashboard"}
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert not [key for key in service["environment"] if key.endswith(("TOKEN", "PASSWORD", "_URL"))], name
        assert set(service["secrets"]) <= set(content["secrets"])
        image = service.get("image", "")
        assert name != "ledger" or re.fullmatch(r"\S+:\d+-\w+", image)
    for name in ("sync", "dashboard"):
        assert services[name]["read_only"]
        assert services[name]["cap_drop"] == ["ALL"]
    assert services["dashboard"]["volumes"] == ["home:/var/lib/handoff:ro"]
    assert [name for name in services["dashboard"]["secrets"] if "TOKEN" in name] == []
    assert set(content["secrets"]) - {"ledger_password"} <= SETTINGS


def against(schema, *files):
    """Return what is wrong with ``files``; the schemas come with the linter."""
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--no-cache", "--builtin-schema", schema, *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout if done.returncode else ""


def test_workflows_and_the_compose_file_are_what_their_programs_read(tmp_path):
    workflows = [*(PROJECT / ".github/workflows").glob("*.yml"), DEPLOY / "github/handoff.yml"]
    assert len(workflows) == 3
    assert against("vendor.github-workflows", *workflows) == ""
    assert against("vendor.compose-spec", DEPLOY / "compose.yaml") == ""
    wrong = tmp_path / "compose.yaml"
    wrong.write_text((DEPLOY / "compose.yaml").read_text().replace("read_only:", "readonly:"))
    assert "readonly" in against("vendor.compose-spec", wrong)
