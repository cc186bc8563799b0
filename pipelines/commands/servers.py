"""``handoff dashboard`` and ``serve``: what stays up until it is stopped."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pipelines.commands.console import load, out, say, stop
from pipelines.errors import ConfigurationError, HandoffError, file_problem
from pipelines.settings import ambient_environment

app = typer.Typer()


@app.command()
def dashboard(port: Annotated[int | None, typer.Option(help="Port on 127.0.0.1; default DASHBOARD_PORT.")] = None) -> None:
    """Serve the dashboard and print its address; on this machine only, unless people log in."""
    from dashboards.launch import command, refuse_unless_loopback
    from dashboards.login import host_of, is_on, write_for_streamlit

    settings, _ = load()
    chosen = port or settings.dashboard_port
    try:
        has_login = is_on(settings)
        refuse_unless_loopback(settings.dashboard_address, has_login=has_login)
        login_file = write_for_streamlit(settings) if has_login else None
    except HandoffError as error:
        stop(error)
    except OSError as error:
        stop(file_problem(error))
    shown = settings.dashboard_url if has_login else f"http://127.0.0.1:{chosen}"
    out.print(f"Dashboard: {shown} (stop it with Ctrl-C)", markup=False)
    out.file.flush()
    environment = ambient_environment() | {"HANDOFF_HOME": str(settings.handoff_home), "RULES_DIR": str(settings.rules_dir)}
    program = command(chosen, address=settings.dashboard_address, login_file=login_file, host=host_of(settings))
    # in place of this process, so that whoever stops it stops the server, and no server is left behind
    os.execve(program[0], program, environment)  # noqa: S606 - no shell, our own command


@app.command()
def serve(port: Annotated[int | None, typer.Option(help="Port on 127.0.0.1; default SERVE_PORT.")] = None) -> None:
    """Listen on 127.0.0.1 for programs that say that something changed at a vendor, and read that vendor again."""
    import uvicorn

    from pipelines.serving.app import app as application
    from pipelines.serving.reading import Reading
    from pipelines.serving.waiting import Waiting

    settings, _ = load()
    if settings.serve_token is None:
        stop(
            ConfigurationError(
                "SERVE_TOKEN is not set, so anybody on this machine could start a sync. Make one with `openssl rand -hex 24`, set it in the "
                "environment or .env, and give it to the programs that may ask."
            )
        )
    chosen = port or settings.serve_port
    waiting = Waiting(settings.handoff_home)
    reading = Reading(settings, waiting)
    config = uvicorn.Config(
        application(reading, waiting, settings.serve_token.get_secret_value(), settings.serve_per_minute),
        host="127.0.0.1",
        port=chosen,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    try:
        listener = config.bind_socket()
        listener.listen()  # from now on nobody is refused
    except SystemExit:  # uvicorn's way to say that somebody else listens there
        stop(ConfigurationError(f"Port {chosen} of 127.0.0.1 is in use. Stop what listens there, or give another --port."))
    say(f"handoff serve listens on http://127.0.0.1:{chosen}; POST /changed/hubspot reads HubSpot again. Stop it with Ctrl-C.")
    reading.start()
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        reading.end()
        listener.close()
