"""The mass-change breaker: a source that loses many records at once is not believed the first time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import duckdb

from pipelines.warehouse import Layout, write_bytes_durably

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.extract import SourceOutcome
    from pipelines.rules import Rules

COMPLETE: Final = "complete"


@dataclass(frozen=True)
class ShrunkTable:
    """A table that lost more rows than the rules believe."""

    source: str
    table: str
    before: int
    now: int

    def __str__(self) -> str:
        """Return the words for messages."""
        return f"{self.source} {self.table} from {self.before:,} to {self.now:,}"


class ShrinkGuard:
    """Compares row counts with the published snapshot; remembers a refused shrink so that the second sight of it counts."""

    def __init__(self, home: Path, rules: Rules) -> None:
        """Guard the warehouse of ``home`` with the thresholds of ``rules``."""
        self._memory = Layout(home).root / "held_shrink.json"
        self._ratio = rules.thresholds["mass_change_ratio"]
        self._minimum = rules.thresholds["mass_change_minimum"]
        self._guarded = {row["source"] for row in rules.table("rule_sources") if row["is_shrink_guarded"] == "true"}

    def shrunk_tables(self, previous_file: Path | None, outcomes: list[SourceOutcome]) -> list[ShrunkTable]:
        """Return the tables of complete loads that shrank by more than the ratio and more than the minimum."""
        if previous_file is None:
            return []
        with duckdb.connect(str(previous_file), read_only=True) as connection:
            before = {
                (source, table): count
                for source, table, count in connection.execute(
                    "select source, table_name, row_count from ops.source_tables"
                ).fetchall()
            }
            was_sandbox = dict(connection.execute("select source, is_sandbox from ops.source_status").fetchall())
        return [
            ShrunkTable(outcome.source, table, before[outcome.source, table], now)
            for outcome in outcomes
            if outcome.source in self._guarded and outcome.status == COMPLETE
            if was_sandbox.get(outcome.source) == outcome.is_sandbox
            for table, now in outcome.row_counts.items()
            if (lost := before.get((outcome.source, table), 0) - now) > self._minimum
            and lost > self._ratio * before[outcome.source, table]
        ]

    def seen_before(self, shrunk: list[ShrunkTable]) -> bool:
        """Return whether the last run was held for exactly these counts."""
        try:
            remembered: object = json.loads(self._memory.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return False
        return remembered == self._as_json(shrunk)

    def remember(self, shrunk: list[ShrunkTable]) -> None:
        """Keep the counts for which a run is being held."""
        write_bytes_durably(self._memory, json.dumps(self._as_json(shrunk)).encode())

    def forget(self) -> None:
        """Drop the memory: a run was published."""
        self._memory.unlink(missing_ok=True)

    @staticmethod
    def _as_json(shrunk: list[ShrunkTable]) -> list[list[object]]:
        return [[item.source, item.table, item.before, item.now] for item in shrunk]
