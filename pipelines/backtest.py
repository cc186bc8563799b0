"""What a rule would have said over the past year: today's rule tables on the snapshots that were kept.

Each snapshot holds what the vendors held on its day, so a rule that is new, or whose threshold was changed, can be tried before
anybody is told of it. Nothing is published and nothing is sent; the private copies are deleted at the end.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import duckdb
from rich.box import SIMPLE_HEAD
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipelines.errors import ConfigurationError, HandoffError
from pipelines.reports import printable
from pipelines.retention import as_of_of
from pipelines.sources.raw import create_missing_tables
from pipelines.transform import build
from pipelines.warehouse import FILE_NAME, Layout, NoSnapshot, current_version, make_private_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    from rich.console import Console

    from pipelines.rules import Rules

_YEAR: Final = timedelta(days=366)
# below the two days
_INDENT: Final = 26
_FOUND: Final = """
    select finding_id, subject, severity, status, reason
    from intermediate.int_found_findings
    where rule_id = ?
    order by finding_id
"""


@dataclass(frozen=True)
class Point:
    """What a rule says about one day: its findings, or why nothing can be said."""

    as_of: date
    run_id: str
    findings: list[dict[str, Any]]
    problem: str | None = None

    @property
    def ids(self) -> set[str]:
        """The ids of its findings."""
        return {row["finding_id"] for row in self.findings}


def backtest(home: Path, rules: Rules, rule_id: str, *, say: Callable[[str], None]) -> list[Point]:
    """Return what ``rule_id`` says about the last day of each month of the past year that is kept, and about the current snapshot.

    Raises ConfigurationError for a rule that does not exist, NoSnapshot when nothing was ever published.
    """
    known = [row["rule_id"] for row in rules.table("rule_findings")]
    if rule_id not in known:
        raise ConfigurationError(
            f"There is no rule {rule_id} in {rules.directory / 'rule_findings.csv'}. Use one of {', '.join(known)}."
        )
    work = make_private_folder(home / "work")
    points = []
    with TemporaryDirectory(prefix="backtest-", dir=work) as folder:
        for version, as_of in _versions(home):
            say(f"Trying {rule_id} as of {as_of}, on the snapshot {version.name}.")
            points.append(_point(version, as_of, rules, rule_id, Path(folder)))
    return points


def _versions(home: Path) -> Iterator[tuple[Path, date]]:
    """Yield the current snapshot and the last of each month in the year before it, the oldest first."""
    current = current_version(home)
    if current is None:
        raise NoSnapshot(f"There is no snapshot in {home} yet. Run `handoff sync`.")
    last = as_of_of(current)
    if last is None:
        raise HandoffError(f"The manifest of {current} cannot be read. Run `handoff sync` to build a new snapshot.")
    chosen: dict[str, tuple[Path, date]] = {f"{last:%Y-%m}": (current, last)}
    for version in sorted(Layout(home).versions.iterdir(), reverse=True):
        as_of = as_of_of(version)
        if as_of is not None and last - _YEAR <= as_of <= last:
            chosen.setdefault(f"{as_of:%Y-%m}", (version, as_of))
    yield from sorted(chosen.values(), key=lambda pair: pair[1])


def _point(version: Path, as_of: date, rules: Rules, rule_id: str, folder: Path) -> Point:
    building = folder / FILE_NAME
    shutil.copyfile(version / FILE_NAME, building)
    with duckdb.connect(str(building)) as connection:
        create_missing_tables(connection)  # an older handoff knew fewer
    try:
        built = build(
            building_file=building, rules_dir=rules.directory, work_folder=folder, as_of=as_of, only_for="int_found_findings"
        )
    except HandoffError as error:
        return Point(as_of, version.name, [], str(error))
    if built.errors:
        return Point(as_of, version.name, [], f"This handoff cannot read what was kept then: {built.errors[0]}")
    with duckdb.connect(str(building), read_only=True) as connection:
        cursor = connection.execute(_FOUND, [rule_id])
        names = [column[0] for column in cursor.description]
        return Point(as_of, version.name, [dict(zip(names, row, strict=True)) for row in cursor.fetchall()])


def print_points(console: Console, rule_id: str, points: list[Point]) -> None:
    """Print how many findings a rule has on each day, how many came and went, and each finding with its first and last day."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title in ("As of", "Found", "New", "Gone", "Snapshot"):
        table.add_column(title, justify="left" if title in {"As of", "Snapshot"} else "right")
    before: set[str] | None = None
    for point in points:
        if point.problem is not None:
            table.add_row(str(point.as_of), "?", "", "", point.run_id)
            continue
        came, went = ("", "") if before is None else (str(len(point.ids - before)), str(len(before - point.ids)))
        table.add_row(str(point.as_of), str(len(point.findings)), came, went, point.run_id)
        before = point.ids
    console.print(table)
    for point in points:
        if point.problem is not None:
            console.print(f"{point.as_of}: not tried. {printable(point.problem)}", markup=False, soft_wrap=True)
    _print_findings(console, points)
    judged = [point for point in points if point.problem is None]
    if not judged:
        console.print(f"{rule_id} could be tried on no snapshot.", markup=False)
    elif len(judged) == 1:
        console.print(
            f"Only one day is kept, {judged[0].as_of}: history begins with the first sync, and the last snapshot of each month stays.",
            markup=False,
            soft_wrap=True,
        )


def _print_findings(console: Console, points: list[Point]) -> None:
    days: dict[str, list[date]] = {}
    latest: dict[str, dict[str, Any]] = {}
    for point in points:
        for row in point.findings:
            days.setdefault(row["finding_id"], []).append(point.as_of)
            latest[row["finding_id"]] = row
    for finding_id, row in sorted(latest.items(), key=lambda item: (days[item[0]][0], item[0])):
        console.print(
            f"{days[finding_id][0]} to {days[finding_id][-1]}  {finding_id}  {printable(str(row['subject']))}", markup=False
        )
        console.print(Padding(Text(printable(str(row["reason"]))), (0, 0, 0, _INDENT)))


def as_rows(rule_id: str, points: list[Point]) -> list[dict[str, Any]]:
    """Return one row for each day and finding, and one without a finding for a day that has none or could not be tried."""
    nothing = dict.fromkeys(("finding_id", "subject", "severity", "status", "reason"))
    return [
        {"rule_id": rule_id, "as_of_on": point.as_of, "run_id": point.run_id, "problem": point.problem} | finding
        for point in points
        for finding in point.findings or [nothing]
    ]
