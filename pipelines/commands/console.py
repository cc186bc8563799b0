"""What every command has in common: where it prints, how it stops, and the settings and rule tables that it needs."""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime
from typing import IO, Annotated, Final, NoReturn, cast

import typer
from pydantic import ValidationError
from rich.console import Console

from pipelines.errors import ConfigurationError, HandoffError
from pipelines.logs import STREAM
from pipelines.reports import printable
from pipelines.rules import Rules, load_rules
from pipelines.settings import Settings, load_settings

# what shells say of a command that Ctrl-C ended
EXIT_INTERRUPTED: Final = 130
EXIT_TERMINATED: Final = 143

out = Console(soft_wrap=False, highlight=False)
# in a log, one sentence is one line
err = Console(file=cast("IO[str]", STREAM), highlight=False, soft_wrap=not sys.stderr.isatty())

AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="Freeze the clock: the date that the reports speak of."),
]
By = Annotated[str | None, typer.Option(metavar="NAME", help="Who does this; else the user of the operating system.")]


def say(sentence: str) -> None:
    """Print one sentence on stderr."""
    err.print(printable(sentence), markup=False)


def stop(error: HandoffError, exit_code: int | None = None) -> NoReturn:
    """Say what is wrong and end the command with the exit code of the error, or with the one given."""
    with STREAM.at_level("error"):
        say(error.sentence)
    raise typer.Exit(error.exit_code if exit_code is None else exit_code)


def read_settings() -> Settings:
    """Read the settings. Raises ConfigurationError. From here on what this process writes is for its user only."""
    os.umask(0o077)
    try:
        return load_settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        words = str(first["msg"]).removeprefix("Value error, ")
        raise ConfigurationError(
            f"The setting {name} is not usable: {words}. Change it in the environment or in .env."
        ) from error


def end_on_interrupt() -> None:
    """Let Ctrl-C or a scheduler's SIGTERM end this process at once: a run costs nothing but its time, and libraries that catch it would carry on."""

    def end(number: int, _: object) -> NoReturn:
        STREAM.write("\nStopped. The last published snapshot stays in use; run the command again for a new one.\n")
        STREAM.flush()
        os._exit(EXIT_TERMINATED if number == signal.SIGTERM else EXIT_INTERRUPTED)

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)


def load(*, will_write: bool = True, exit_code: int | None = None) -> tuple[Settings, Rules]:
    """Return what every command needs, or stop with the sentence; ``exit_code`` where a command's own codes mean something else."""
    from pipelines.warehouse import check_home

    try:
        settings = read_settings()
        check_home(settings.handoff_home, will_write=will_write)
        return settings, load_rules(settings.rules_dir)
    except HandoffError as error:
        stop(error, exit_code)
