"""``handoff report``, ``packet``, ``brief`` and ``decide``: what the published snapshot says, and what people decide about it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.catalogue import REPORTS
from pipelines.commands.console import err, load, out, say, stop
from pipelines.documents import PageFormat, Side
from pipelines.errors import HandoffError
from pipelines.overviews import OVERVIEWS
from pipelines.report_shapes import ReportFormat, Severity
from pipelines.reports import Filters

app = typer.Typer()


@app.command()
def report(  # noqa: PLR0917 - typer hands them over by keyword
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help=f"{', '.join(REPORTS | OVERVIEWS)}.")],
    output_format: Annotated[ReportFormat, typer.Option("--format", help="How it is written.")] = ReportFormat.table,
    owner: Annotated[str | None, typer.Option(help="Only what this person owns.")] = None,
    team: Annotated[str | None, typer.Option(help="Only the findings of this team, such as BD or PS.")] = None,
    severity: Annotated[list[Severity] | None, typer.Option(help="Only findings this severe; give it again for another.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only what is known since this day, in reports that say since when."),
    ] = None,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="As it was on this day, from the snapshots that are kept.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write into this file instead; xlsx needs one.")] = None,
) -> None:
    """Print a report from the published snapshot, or write it into a file."""
    from pipelines.reporting import print_reports

    settings, _ = load(will_write=False)
    filters = Filters(owner, team, severity or (), since.date() if since else None)
    try:
        print_reports(
            out,
            err,
            settings,
            names,
            output_format=output_format,
            filters=filters,
            output=output,
            as_of=as_of.date() if as_of else None,
        )
    except HandoffError as error:
        stop(error)


Output = Annotated[Path | None, typer.Option(help="Write into this file instead.")]
Page = Annotated[PageFormat, typer.Option("--format", help="How it is written.")]


@app.command()
def packet(  # noqa: PLR0917 - typer hands them over by keyword
    deal: Annotated[
        str, typer.Argument(metavar="DEAL", help="The deal's HubSpot id, its name, or a part of it that no other has.")
    ],
    output_format: Page = PageFormat.md,
    output: Output = None,
    accept: Annotated[bool, typer.Option("--accept", help="Record in the ledger that a side accepts this packet.")] = False,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who accepts it.")] = None,
    side: Annotated[Side | None, typer.Option(help="For which side.")] = None,
) -> None:
    """Print the one-page handoff packet of a deal, with its hash and what has changed since both sides accepted it."""
    from pipelines.papers import print_packet

    settings, _ = load(will_write=accept)
    try:
        print_packet(err, settings, deal, output_format=output_format, output=output, accept=accept, by=by, side=side)
    except HandoffError as error:
        stop(error)


@app.command()
def brief(
    community: Annotated[str, typer.Argument(metavar="COMMUNITY", help="Its name, or a part of it that no other has.")],
    output_format: Page = PageFormat.md,
    output: Output = None,
) -> None:
    """Print the check-in pack of a community: agreements, renewals, delivery, costs, people, open findings."""
    from pipelines.papers import print_brief

    settings, _ = load(will_write=False)
    try:
        print_brief(settings, community, output_format=output_format, output=output)
    except HandoffError as error:
        stop(error)


@app.command()
def decide(
    finding: Annotated[str, typer.Argument(metavar="FINDING", help="The finding's id, as reports show it.")],
    kind: Annotated[str, typer.Argument(metavar="KIND", help="ack, snooze, waive, or reopen.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; shown wherever the finding is.")] = "",
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Of a snooze: the day on which it is back.")
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who decides; else the user of the operating system.")] = None,
) -> None:
    """Record what somebody decides about a finding: acknowledge, snooze, waive, or reopen (take it back)."""
    from pipelines.decisions import Decision, kind_named
    from pipelines.decisions import decide as record
    from pipelines.sync import as_of_date

    settings, rules = load()
    try:
        decision = Decision(finding, kind_named(kind), reason, until.date() if until else None, by)
        say(record(settings.handoff_home, decision, today=as_of_date(settings, rules, None)))
    except HandoffError as error:
        stop(error)
