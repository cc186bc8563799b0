"""``handoff sandbox``: the vendors on loopback, and files of an organisation of any size."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.console import end_on_interrupt, err, load, out, say, stop
from pipelines.errors import HandoffError
from pipelines.progress import ConsoleProgress

app = typer.Typer()


@app.callback(invoke_without_command=True)
def sandbox(
    context: typer.Context,
    port: Annotated[int | None, typer.Option(help="Port on 127.0.0.1; default SANDBOX_PORT.")] = None,
    deals: Annotated[int, typer.Option(help="Add this many healthy deals, to rehearse size.")] = 0,
    keep: Annotated[bool, typer.Option(help="Remember what is written, in HANDOFF_HOME/sandbox.")] = True,
) -> None:
    """Serve the vendors' sandbox on 127.0.0.1 and print its addresses and tokens as environment lines."""
    if context.invoked_subcommand is not None:
        return
    from pipelines.sandbox.attachment import state_file
    from pipelines.sandbox.server import environment_lines, serve
    from pipelines.sandbox.story import build_state, process_of

    settings, _ = load()
    state = build_state(process_of(settings.rules_dir), deals=deals)
    file = state_file(settings.handoff_home) if keep and not deals else None
    if file is not None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def announce(url: str) -> None:
        for line in environment_lines(url, state):
            sys.stdout.write(line + "\n")
        sys.stdout.flush()
        say(f"The sandbox listens on {url}; stop it with Ctrl-C. Its controls are described in docs/sandbox.md.")

    try:
        serve(state, port=port or settings.sandbox_port, state_file=file, on_ready=announce)
    except HandoffError as error:
        stop(error)


@app.command()
def generate(
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    cost_rows: Annotated[int, typer.Option(help="So many charges, over twelve months.")] = 1_000_000,
    deals: Annotated[int, typer.Option(help="So many leads; there is a cloud account for each thousand, at least ten.")] = 10_000,
) -> None:
    """Write the cost export, deals and accounts of an organisation of any size as Parquet files, with what they must come to."""
    from pipelines.sandbox.quantities import TRUTH, generate

    progress = ConsoleProgress(err)
    end_on_interrupt()
    try:
        with progress.running():
            progress.step(f"Writing {cost_rows:,} charges to {folder}")
            made = generate(
                folder,
                cost_rows=cost_rows,
                deals=deals,
                on_file=lambda count: progress.detail(f"{count:,} of {cost_rows:,} charges"),
            )
    except HandoffError as error:
        stop(error)
    out.print(
        f"{made.cost_rows:,} charges of {made.accounts:,} accounts in {made.files:,} files, and {made.deals:,} deals, are in {folder}; "
        f"what they must come to is in {TRUTH} and truth.parquet. Read them with `handoff import costs {folder / 'costs'}`.",
        markup=False,
        soft_wrap=True,
    )
