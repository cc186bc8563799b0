"""The engines that build the models: DuckDB in this process, or Spark on machines of its own. Both publish the same snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.engines.java import what_spark_lacks
from pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.settings import Settings


@dataclass(frozen=True)
class SparkPlace:
    """Where Spark builds: the master's address, and the folder that the driver and every worker see under the same path."""

    master_url: str
    lake: Path


def what_is_missing(settings: Settings) -> str | None:
    """Return a sentence about what the engine of ``settings`` lacks on this machine, None when a build may begin."""
    match settings.handoff_engine:
        case "spark":
            return what_spark_lacks()
        case "ducklake":
            return "HANDOFF_ENGINE=ducklake is not built yet (docs/scaling.md). Unset HANDOFF_ENGINE to build with DuckDB."
        case _:
            return None


def spark_of(settings: Settings) -> SparkPlace | None:
    """Return where Spark builds, None when DuckDB does. Raises ConfigurationError when the engine cannot run here."""
    missing = what_is_missing(settings)
    if missing is not None:
        raise ConfigurationError(missing)
    if settings.handoff_engine != "spark":
        return None
    return SparkPlace(settings.spark_master_url, settings.spark_lake_dir or settings.handoff_home / "lake")
