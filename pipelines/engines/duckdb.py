"""Runs dbt in this process over the private copy.

One process for extraction and models: importing dbt costs seconds, so it is paid once. dbt keeps the write lock on the database
after it has finished; :func:`run_dbt` closes its connections so that the file can be published.
"""

from __future__ import annotations

import contextlib
import io
import json
from typing import TYPE_CHECKING, Any, Final

from pipelines.engines.results import BuildResult, one_line
from pipelines.errors import ConfigurationError, HandoffError, disk_problem
from pipelines.settings import PROJECT_ROOT, prepare_checks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROJECT_FOLDER: Final = PROJECT_ROOT / "dbt"
# The kinds of data tests that dbt/macros/checks_at_once.sql runs with a few queries: a node of dbt for each takes ten times as long.
_AT_ONCE: Final = ("primary_key", "not_null", "accepted_values")
# what each found comes as JSON behind these words
_CHECK: Final = "checked at once: "


def build(
    *, rules_dir: Path, work_folder: Path, on_node: Callable[[str], None] | None = None, only_for: str | None = None
) -> BuildResult:
    """Build seeds, models and data tests where ``prepare_dbt`` points; with ``only_for`` just that model and what it reads."""
    # unit tests are a matter of the code, not of the data: ``make test`` runs them
    choice = ["--exclude-resource-type", "unit_test"]
    if only_for:
        choice += ["--select", f"+{only_for}", "--exclude-resource-type", "test"]
    else:
        choice += ["--exclude", *(f"test_name:{kind}" for kind in _AT_ONCE)]
    prepare_checks(() if only_for else _AT_ONCE)
    built = BuildResult()
    checks: list[dict[str, Any]] = []
    for result in run_dbt(
        "build", *choice, rules_dir=rules_dir, work_folder=work_folder, on_node=on_node, on_check=checks.append
    ):
        built.add(result.node, status=result.status.value, message=result.message, seconds=result.execution_time)
    for check in checks:
        built.add_check(check["name"], failures=check["failures"], severity=check["severity"])
    if built.is_publishable and not checks and not only_for:
        raise HandoffError(
            f"dbt built the models and did not say that it checked them. Its log is in {work_folder / 'dbt_logs'}; please report it."
        )
    return built


def run_dbt(
    command: str,
    *choice: str,
    rules_dir: Path,
    work_folder: Path,
    on_node: Callable[[str], None] | None = None,
    on_check: Callable[[dict[str, Any]], None] | None = None,
) -> list[Any]:
    """Run one command of dbt and return its results, one for each node; ``on_check`` gets what each check at once found.

    Raises ConfigurationError when the project does not compile (a broken rule table), HandoffError when dbt itself fails.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager  # noqa: PLC0415 - seconds; only a build pays them
    from dbt.cli.main import dbtRunner  # noqa: PLC0415

    def watch(event: Any) -> None:
        if on_node is not None and event.info.name in {"LogStartLine", "LogTestResult", "LogModelResult"}:
            on_node(event.data.node_info.node_name)
        elif on_check is not None and event.info.name == "JinjaLogDebug" and event.data.msg.startswith(_CHECK):
            on_check(json.loads(event.data.msg.removeprefix(_CHECK)))

    arguments = [
        command,
        *("--project-dir", str(PROJECT_FOLDER)),
        *("--profiles-dir", str(PROJECT_FOLDER)),
        # constant below HANDOFF_HOME: partial parsing reads what the last run left there
        *("--target-path", str(work_folder / "dbt_target")),
        *("--log-path", str(work_folder / "dbt_logs")),
        *choice,
        # what a build says of each node goes to the log, and not the 100,000 lines of its every step; nobody sees its standard output,
        # and nobody reads the manifest as JSON
        *("--log-level", "none"),
        *("--log-level-file", "info"),
        "--no-write-json",
    ]
    try:
        # where the path of the private copy, as prepare_dbt gives it, begins
        with contextlib.redirect_stdout(io.StringIO()), contextlib.chdir(work_folder):
            outcome = dbtRunner(callbacks=[watch]).invoke(arguments)
    finally:
        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
    if outcome.exception is not None:
        refused = disk_problem(outcome.exception)
        if refused is not None:
            raise refused from outcome.exception
        raise ConfigurationError(
            f"The models could not be built: {one_line(str(outcome.exception))} "
            f"If you changed a rule table in {rules_dir}, undo that change and run again; else please report this."
        ) from outcome.exception
    if outcome.result is None:
        raise HandoffError(f"dbt gave no result. Its log is in {work_folder / 'dbt_logs'}; please report it.")
    results: Any = outcome.result
    return list(results)
