"""Runs dbt in this process over the private copy and turns its results into a record of the run.

One process for extraction and models: importing dbt costs seconds, so it is paid once. dbt keeps the write lock on the database
after it has finished; :func:`build` closes its connections so that the file can be published.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import ConfigurationError, HandoffError, disk_problem
from pipelines.profiles import in_one_folder
from pipelines.settings import PROJECT_ROOT, prepare_dbt

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from pathlib import Path

PROJECT_FOLDER: Final = PROJECT_ROOT / "dbt"


@dataclass
class BuildResult:
    """What dbt did: how many nodes of each kind, which checks held, and which did not."""

    node_count: int = 0
    models: int = 0
    passed_checks: list[str] = field(default_factory=list)
    failed_checks: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)  # of each node

    @property
    def is_publishable(self) -> bool:
        """Whether every model was built and every check of severity error held."""
        return not self.failed_checks and not self.errors


def build(
    *,
    building_file: Path,
    rules_dir: Path,
    work_folder: Path,
    as_of: date,
    on_node: Callable[[str], None] | None = None,
    only_for: str | None = None,
) -> BuildResult:
    """Build seeds, models and data tests on ``building_file`` as of ``as_of``; with ``only_for`` just that model and what it reads.

    Unit tests are a matter of the code, not of the data: ``make test`` runs them, a sync does not. Raises ConfigurationError when
    the project does not compile (a broken rule table), HandoffError when dbt itself fails.
    """
    prepare_dbt(building_file=building_file, rules_dir=in_one_folder(rules_dir, work_folder), as_of=as_of)
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager  # noqa: PLC0415 - seconds; only a build pays them
    from dbt.cli.main import dbtRunner  # noqa: PLC0415

    def watch(event: Any) -> None:
        if on_node is not None and event.info.name in {"LogStartLine", "LogTestResult", "LogModelResult"}:
            on_node(event.data.node_info.node_name)

    arguments = [
        "build",
        *("--project-dir", str(PROJECT_FOLDER)),
        *("--profiles-dir", str(PROJECT_FOLDER)),
        # constant below HANDOFF_HOME: partial parsing reads what the last run left there
        *("--target-path", str(work_folder / "dbt_target")),
        *("--log-path", str(work_folder / "dbt_logs")),
        *("--exclude-resource-type", "unit_test"),
        *(("--select", f"+{only_for}", "--exclude-resource-type", "test") if only_for else ()),
        "--quiet",
        # what a build says of each node, and not the 100,000 lines of its every step; nobody reads the manifest as JSON either
        *("--log-level-file", "info"),
        "--no-write-json",
    ]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            outcome = dbtRunner(callbacks=[watch]).invoke(arguments)
    finally:
        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
    if outcome.exception is not None:
        refused = disk_problem(outcome.exception)
        if refused is not None:
            raise refused from outcome.exception
        raise ConfigurationError(
            f"The models could not be built: {_one_line(str(outcome.exception))} "
            f"If you changed a rule table in {rules_dir}, undo that change and run again; else please report this."
        ) from outcome.exception
    if outcome.result is None:
        raise HandoffError(f"dbt gave no result. Its log is in {work_folder / 'dbt_logs'}; please report it.")
    return _read(outcome.result)


def _read(results: Any) -> BuildResult:
    built = BuildResult()
    for result in results:
        node = result.node
        built.node_count += 1
        built.seconds[node.name] = result.execution_time
        sentence = _sentence(node)
        kind = node.resource_type.value
        if kind == "test":
            match result.status.value:
                case "pass":
                    built.passed_checks.append(sentence)
                case "warn":
                    built.warnings.append(f"{sentence} ({_one_line(result.message or '')})")
                case "skipped":
                    continue
                case _:
                    built.failed_checks.append(f"{sentence} ({_one_line(result.message or '')})")
        else:
            built.models += kind == "model"
            if result.status.value == "error":
                built.errors.append(f"{node.resource_type.value} {node.name}: {_one_line(result.message or '')}")
    return built


def _sentence(node: Any) -> str:
    """Return what a check claims: its name reads as a sentence (``assert_<sentence>``)."""
    name: str = node.name
    return name.removeprefix("assert_").replace("_", " ").strip()


def _one_line(text: str) -> str:
    return " ".join(text.split())[:600]
