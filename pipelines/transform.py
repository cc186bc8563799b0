"""Builds the models over the private copy, by the engine that was asked for, and says what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.engines import duckdb
from pipelines.engines.results import BuildResult
from pipelines.profiles import in_one_folder
from pipelines.settings import prepare_dbt
from pipelines.warehouse import make_private_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from pathlib import Path

    from pipelines.engines import SparkPlace

__all__ = ["BuildResult", "build"]


def build(
    *,
    building_file: Path,
    rules_dir: Path,
    work_folder: Path,
    as_of: date,
    on_node: Callable[[str], None] | None = None,
    only_for: str | None = None,
    on_spark: SparkPlace | None = None,
) -> BuildResult:
    """Build seeds, models and data tests on ``building_file`` as of ``as_of``; with ``only_for`` just that model and what it reads.

    ``on_spark`` says where Spark builds them; without it DuckDB does, in this process. Raises ConfigurationError when the project does
    not compile (a broken rule table) or Spark is missing, HandoffError when dbt itself fails or Spark does not start.
    """
    make_private_folder(work_folder)
    rules_dir = in_one_folder(rules_dir, work_folder)
    prepare_dbt(building_file=building_file, work_folder=work_folder, rules_dir=rules_dir, as_of=as_of)
    if on_spark is None:
        return duckdb.build(rules_dir=rules_dir, work_folder=work_folder, on_node=on_node, only_for=only_for)
    from pipelines.engines import spark  # noqa: PLC0415 - no package of Spark is imported unless it was asked for

    return spark.build(place=on_spark, building_file=building_file, rules_dir=rules_dir, work_folder=work_folder, on_node=on_node)
