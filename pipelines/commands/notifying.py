"""``handoff notify``, and what other commands tell by themselves: people after a sync, programs after whatever changed something."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.console import load, out, say, stop
from pipelines.errors import HandoffError
from pipelines.rules import Rules
from pipelines.settings import Settings

app = typer.Typer()


@app.command()
def notify(
    digest: Annotated[bool, typer.Option("--digest", help="Also this week's digest of each team and owner.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be sent, and to whom; send nothing.")] = False,
    arrived: Annotated[
        str | None, typer.Option(metavar="KEY", help="Record that a message with an unknown outcome arrived.")
    ] = None,
    lost: Annotated[str | None, typer.Option(metavar="KEY", help="Record that it did not, so that it is sent again.")] = None,
) -> None:
    """Send what changed and was not told yet; each notice goes out once. Exit 3: something could not be sent."""
    from pipelines.notify import sending

    settings, rules = load()
    try:
        if arrived or lost:
            say(sending.settle(settings, arrived or lost or "", arrived=arrived is not None))
            return
        told = sending.tell(settings, rules, with_digests=digest, is_rehearsal=dry_run)
        events = None if dry_run else send_events(settings, about_sandbox=True)
    except HandoffError as error:
        stop(error)
    if dry_run:
        for text in told.sent:
            out.print(text, markup=False, soft_wrap=True)
        say(f"{len(told.sent)} notices would be sent; nothing was.")
        return
    for line in sending.lines(told):
        say(line)
    if not (told.sent or told.failed or told.unknown or told.unaddressed):
        say("Nothing new is to be told.")
    raise typer.Exit(told.exit_code or (sending.EXIT_UNDELIVERED if events else 0))


def tell_after_run(settings: Settings, rules: Rules) -> None:
    """Send what a run changed, if there are channels; whatever goes wrong is said and changes nothing about the run."""
    tell_programs(settings)
    if settings.notify_urls is None:
        return
    from pipelines.notify import sending

    try:
        told = sending.tell(settings, rules, about_sandbox=False)
    except HandoffError as error:
        say(f"Nobody was notified: {error.sentence}")
        return
    except Exception as error:  # noqa: BLE001 - a notification must never cost a run; it is said, not hidden
        say(f"Nobody was notified, for a reason that handoff does not know ({type(error).__name__}). Please report this line.")
        return
    for line in sending.lines(told):
        say(line)


def tell_programs(settings: Settings) -> None:
    """Post what a command changed, if there is an address; whatever goes wrong is said and changes nothing about the command."""
    try:
        send_events(settings, about_sandbox=False)
    except HandoffError as error:
        say(f"No event was sent: {error.sentence}")
    except Exception as error:  # noqa: BLE001 - as above
        say(f"No event was sent, for a reason that handoff does not know ({type(error).__name__}). Please report this line.")


def send_events(settings: Settings, *, about_sandbox: bool) -> int:
    """Post the events that were not taken yet, and say what came of it; return how many wait. Raises HandoffError."""
    if settings.events_url is None:
        return 0
    from pipelines.notify import events

    sent = events.send(settings, about_sandbox=about_sandbox)
    if sent is None:
        say("EVENTS_URL is set and EVENTS_SECRET is not, so nobody could tell our events from others. Set both, or neither.")
        return 0
    if sent.taken:
        say(f"{sent.taken} events were sent to EVENTS_URL.")
    if sent.problem:
        say(f"NOT SENT: {sent.waiting} events, because {sent.problem}. The next run tries again.")
    return sent.waiting
