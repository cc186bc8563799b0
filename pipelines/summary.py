"""What a person sees after a run: how fresh each source is, and what is missing, late, due or over budget."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from pipelines.reports import not_evaluated, printable
from pipelines.sync import details_of
from pipelines.warehouse import open_current

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.rules import Rules
    from pipelines.settings import Settings
    from pipelines.sync import RunResult
    from pipelines.warehouse import Snapshot


def snapshot_heading(snapshot: Snapshot) -> list[str]:
    """Return the lines that stand above every report: whose data, as of when, and how fresh."""
    run = snapshot.rows("select as_of_on, is_sandbox from ops.run")[0]
    lines = []
    if run["is_sandbox"]:
        names = ", ".join(row["source"] for row in snapshot.rows("select source from ops.source_status where is_sandbox"))
        lines.append(f"SANDBOX: {names} come from the invented organisation, not from real accounts.")
    lines.append(f"As of {run['as_of_on']:%A, %d %B %Y}; snapshot {snapshot.run_id}.")
    for row in _source_rows(snapshot):
        if row["status"] == "stale":
            lines.append(
                f"{row['source_name']}: STALE since {row['last_complete_at']:%Y-%m-%d %H:%M} UTC. {row['error'] or ''}".rstrip()
            )
        elif row["status"] == "never":
            lines.append(
                f"{row['source_name']}: never loaded; what depends on it is NOT EVALUATED. {row['error'] or ''}".rstrip()
            )
    return lines


def _source_rows(snapshot: Snapshot) -> list[dict[str, Any]]:
    return snapshot.rows(
        """
        select status.*, coalesce(rules.source_name, status.source) as source_name
        from ops.source_status as status
        left join rules.rule_sources as rules on status.source = rules.source
        order by status.source
        """
    )


def print_summary(console: Console, settings: Settings, rules: Rules, result: RunResult) -> None:
    """Print what a run proved and what it found."""
    if result.build is not None:
        console.print(
            f"{result.build.models} models built, {len(result.build.passed_checks)} checks hold, {result.seconds:.0f} s in all.",
            markup=False,
        )
        for warning in result.build.warnings:
            console.print(f"Warning: {printable(warning)}", markup=False)
    print_status(console, settings, rules, open_current(settings.handoff_home))


def print_status(console: Console, settings: Settings, rules: Rules, snapshot: Snapshot) -> None:
    """Print freshness, the summary's numbers with what to do, and where to look next."""
    console.print()
    console.print(f"[bold]{rules.organisation['name']}[/bold]", highlight=False)
    for line in snapshot_heading(snapshot):
        console.print(line, markup=False)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title in ("", "Now", "What to do"):
        table.add_column(title, justify="right" if title == "Now" else "left")
    for row in snapshot.rows("select * from marts.rpt_summary order by summary_rank"):
        table.add_row(*(Text(printable(str(row[name]))) for name in ("label", "value_text", "what_to_do")))
    console.print(table)
    for line in not_evaluated(snapshot):
        console.print(printable(line), markup=False)
    console.print(
        f"Open the dashboard with `handoff dashboard` (or `make dashboard`) at http://127.0.0.1:{settings.dashboard_port}; "
        "list fixes with `handoff plan`.",
        markup=False,
    )


def json_summary(settings: Settings, result: RunResult) -> str:
    """Return what a run did and what its snapshot says, as one line of JSON for programs that branch on it."""
    summary: dict[str, Any] = {
        "run_id": result.run_id,
        "outcome": "held" if result.held is not None else "published",
        "exit_code": result.exit_code,
        "as_of": result.as_of.isoformat(),
        **details_of(result),
    }
    if result.held is None:
        snapshot = open_current(settings.handoff_home)
        try:
            lines = snapshot.rows("select * from marts.rpt_summary order by summary_rank")
            summary["findings"] = {row["summary_key"]: row["open_count"] for row in lines}
        finally:
            snapshot.close()
    return json.dumps(summary, default=str)
