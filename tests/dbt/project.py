"""The dbt project as its files and its manifest describe it."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import yaml
from conftest import PROJECT

PROJECT_FOLDER = PROJECT / "dbt"
RULES = PROJECT_FOLDER / "seeds" / "default"

_RUN_DBT = """
import sys
from pathlib import Path
from pipelines.settings import prepare_dbt
prepare_dbt(building_file=Path(sys.argv[1]), work_folder=Path.cwd(), rules_dir=Path(sys.argv[2]))
from dbt.cli.main import dbtRunner
outcome = dbtRunner().invoke(sys.argv[3:])
raise SystemExit(0 if outcome.result is not None else str(outcome.exception))
"""


def unit_tests() -> dict[str, dict]:
    """Return every unit test of the models by its name."""
    found: dict[str, dict] = {}
    for path in sorted(PROJECT_FOLDER.glob("models/**/_*__unit_tests.yml")):
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["unit_tests"]:
            assert test["name"] not in found, f"two unit tests are called {test['name']}"
            found[test["name"]] = test
    return found


def rules() -> list[dict[str, str]]:
    """Return the rows of rule_findings.csv."""
    with (RULES / "rule_findings.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def run_unit_tests(database: Path, folder: Path) -> tuple[dict[str, dict], dict]:
    """Run the unit tests over ``database``; return each one's result by name, and the project's manifest."""
    _run_dbt(database, folder, "test", "--select", "test_type:unit")
    results = json.loads((folder / "target" / "run_results.json").read_text(encoding="utf-8"))["results"]
    found = {result["unique_id"].rsplit(".", 1)[1]: result for result in results if result["unique_id"].startswith("unit_test.")}
    return found, _manifest(folder)


def parsed(folder: Path) -> dict:
    """Return the project's manifest, for which dbt reads every file and builds nothing."""
    _run_dbt(folder / "nothing.duckdb", folder, "parse")
    return _manifest(folder)


def _manifest(folder: Path) -> dict:
    return json.loads((folder / "target" / "manifest.json").read_text(encoding="utf-8"))


def _run_dbt(database: Path, folder: Path, *command: str) -> None:
    """Run dbt in a process of its own: it keeps the write lock on the database until its process ends."""
    done = subprocess.run(
        [
            *(sys.executable, "-c", _RUN_DBT, str(database), str(RULES), *command, "--quiet"),
            *("--project-dir", str(PROJECT_FOLDER), "--profiles-dir", str(PROJECT_FOLDER)),
            *("--target-path", str(folder / "target"), "--log-path", str(folder / "logs")),
        ],
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
