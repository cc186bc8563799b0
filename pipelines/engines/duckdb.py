"""Runs dbt in this process over the private copy.

One process for extraction and models: importing dbt costs seconds, so it is paid once. dbt keeps the write lock on the database
after it has finished; :func:`run_dbt` closes its connections so that the file can be published.
"""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any, Final

from pipelines.engines.results import BuildResult, one_line
from pipelines.errors import ConfigurationError, HandoffError, disk_problem
from pipelines.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROJECT_FOLDER: Final = PROJECT_ROOT / "dbt"


def build(
    *, rules_dir: Path, work_folder: Path, on_node: Callable[[str], None] | None = None, only_for: str | None = None
) -> BuildResult:
    """Build seeds, models and data tests where ``prepare_dbt`` points; with ``only_for`` just that model and what it reads."""
    # unit tests are a matter of the code, not of the data: ``make test`` runs them
    choice = ["--exclude-resource-type", "unit_test"]
    if only_for:
        choice += ["--select", f"+{only_for}", "--exclude-resource-type", "test"]
    built = BuildResult()
    for result in run_dbt("build", *choice, rules_dir=rules_dir, work_folder=work_folder, on_node=on_node):
        built.add(result.node, status=result.status.value, message=result.message, seconds=result.execution_time)
    return built


def run_dbt(
    command: str, *choice: str, rules_dir: Path, work_folder: Path, on_node: Callable[[str], None] | None = None
) -> list[Any]:
    """Run one command of dbt and return its results, one for each node.

    Raises ConfigurationError when the project does not compile (a broken rule table), HandoffError when dbt itself fails.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager  # noqa: PLC0415 - seconds; only a build pays them
    from dbt.cli.main import dbtRunner  # noqa: PLC0415

    def watch(event: Any) -> None:
        if on_node is not None and event.info.name in {"LogStartLine", "LogTestResult", "LogModelResult"}:
            on_node(event.data.node_info.node_name)

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
