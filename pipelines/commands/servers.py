"""``handoff sandbox`` and ``handoff dashboard``: what stays up until it is stopped."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from pipelines.commands.console import load, out, say, stop
from pipelines.errors import HandoffError
from pipelines.settings import ambient_environment

app = typer.Typer()


@app.command()
def sandbox(
    port: Annotated[int | None, typer.Option(help="Port on 127.0.0.1; default SANDBOX_PORT.")] = None,
    deals: Annotated[int, typer.Option(help="Add this many healthy deals, to rehearse size.")] = 0,
    keep: Annotated[bool, typer.Option(help="Remember what is written, in HANDOFF_HOME/sandbox.")] = True,
) -> None:
    """Serve the vendors' sandbox on 127.0.0.1 and print its addresses and tokens as environment lines."""
    from pipelines.sandbox.attachment import state_file
    from pipelines.sandbox.server import environment_lines, serve
    from pipelines.sandbox.story import build_state

    settings, _ = load()
    state = build_state(deals=deals)
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
def dashboard(port: Annotated[int | None, typer.Option(help="Port on 127.0.0.1; default DASHBOARD_PORT.")] = None) -> None:
    """Serve the dashboard on 127.0.0.1 and print its address."""
    from dashboards.launch import command

    settings, _ = load()
    chosen = port or settings.dashboard_port
    out.print(f"Dashboard: http://127.0.0.1:{chosen} (stop it with Ctrl-C)", markup=False)
    out.file.flush()
    environment = ambient_environment() | {"HANDOFF_HOME": str(settings.handoff_home), "RULES_DIR": str(settings.rules_dir)}
    program = command(chosen)
    # in place of this process, so that whoever stops it stops the server, and no server is left behind
    os.execve(program[0], program, environment)  # noqa: S606 - no shell, our own command
