"""The engines that build the models: DuckDB in this process, or Spark on machines of its own. Both publish the same snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.settings import Settings


# when `make test-spark` finds every row and every value equal, what java.py says that this machine lacks takes its place: until then
# nobody shall install what is then refused
_NOT_PROVED = (
    "HANDOFF_ENGINE=spark is refused: not every value that it computes was shown to be DuckDB's (docs/scaling.md). "
    "Unset HANDOFF_ENGINE to build with DuckDB."
)


@dataclass(frozen=True)
class SparkPlace:
    """Where Spark builds: the master's address, and the folder that the driver and every worker see under the same path."""

    master_url: str
    lake: Path


def what_is_missing(settings: Settings) -> str | None:
    """Return a sentence about what the engine of ``settings`` lacks on this machine, None when a build may begin."""
    match settings.handoff_engine:
        case "spark":
            return _NOT_PROVED
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
