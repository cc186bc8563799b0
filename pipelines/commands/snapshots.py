"""``handoff rollback``, ``export``, ``restore`` and ``purge``: what becomes of snapshots after they were published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines import clock
from pipelines.commands.console import By, load, say, stop
from pipelines.errors import HandoffError
from pipelines.settings import Settings

app = typer.Typer()


def store_as_well(settings: Settings) -> None:
    """Let SNAPSHOT_URL have what this home has now. Raises HandoffError when it cannot."""
    from pipelines.snapshot_store import NotStored, publish_there

    problem = publish_there(settings)
    if problem is not None:
        raise NotStored(problem)


@app.command()
def rollback(
    run_id: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="The snapshot to go back to; else the newest sound one before the present one."),
    ] = None,
    by: By = None,
) -> None:
    """Make an earlier snapshot that is kept the published one; the next sync goes on from it."""
    from pipelines.rollbacks import roll_back

    settings, _ = load()
    try:
        say(roll_back(settings.handoff_home, run_id, at=clock.now(), by=by))
        store_as_well(settings)
    except HandoffError as error:
        stop(error)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="An empty folder, or one that does not exist yet.")],
    current_only: Annotated[bool, typer.Option("--current-only", help="Leave out the earlier snapshots.")] = False,
    with_keys: Annotated[
        bool,
        typer.Option(
            "--with-keys", help="Also the keys of this home, which a restore elsewhere needs; keep such an export safe."
        ),
    ] = False,
) -> None:
    """Write everything that this home holds as Parquet, with a manifest that proves each file."""
    from pipelines import backups

    settings, _ = load()
    try:
        done = backups.export(
            settings.handoff_home, folder.absolute(), at=clock.now(), current_only=current_only, with_keys=with_keys
        )
    except HandoffError as error:
        stop(error)
    keys = "with the keys" if done.has_keys else "without the keys (--with-keys adds them)"
    say(
        f"Exported to {folder}: {done.snapshots} snapshots, {done.tables:,} tables, {done.ledger_rows:,} rows of the ledger, {keys}."
    )


@app.command()
def restore(folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `handoff export` wrote.")]) -> None:
    """Fill an empty home with an export; every file is checked before anything is written."""
    from pipelines import backups

    settings, _ = load()
    try:
        done = backups.restore(settings.handoff_home, folder.absolute(), at=clock.now())
    except HandoffError as error:
        stop(error)
    say(
        f"Restored into {settings.handoff_home}: {done.snapshots} snapshots, {done.tables:,} tables, {done.ledger_rows:,} rows of the "
        "ledger. `handoff doctor` looks at them; `handoff sync` goes on from here."
    )


@app.command()
def purge(
    person: Annotated[str, typer.Option("--person", metavar="EMAIL", help="Who is removed, by e-mail address.")],
    by: By = None,
) -> None:
    """Remove a person from every snapshot that is kept, from the ledger and from what runs left behind."""
    from pipelines import purges

    settings, _ = load()
    try:
        say(purges.purge(settings, person, at=clock.now(), by=by).sentence)
        store_as_well(settings)
    except HandoffError as error:
        stop(error)
