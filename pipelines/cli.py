"""The ``handoff`` command: the commands of pipelines/commands as one program."""

from __future__ import annotations

import sys
import traceback
from typing import Final

import typer

from pipelines.commands import imports, notifying, reports, rules, sandboxes, servers, snapshots, synchronising, write_back
from pipelines.commands.console import say
from pipelines.errors import file_problem
from pipelines.logs import STREAM
from pipelines.redaction import redacted

EXIT_FAULT: Final = 1

app = typer.Typer(
    name="handoff",
    help="Keeps promises between the people who sell an agreement and the people who deliver it.",
    no_args_is_help=True,
    # tracebacks with local variables would show tokens
    pretty_exceptions_enable=False,
    add_completion=False,
)
for group in (synchronising, reports, write_back, notifying, snapshots, servers):
    app.add_typer(group.app)
app.add_typer(imports.app, name="import")
app.add_typer(rules.app, name="rules")
app.add_typer(sandboxes.app, name="sandbox")


def main() -> None:
    """Run the command line. What the operating system refuses about a file is said in one sentence, as every other error is."""
    try:
        app()
    except OSError as error:
        known = file_problem(error)
        say(known.sentence)
        sys.exit(known.exit_code)
    except Exception:  # noqa: BLE001 - a fault of ours: shown whole, but for what is secret
        STREAM.write(redacted(traceback.format_exc()))
        sys.exit(EXIT_FAULT)


if __name__ == "__main__":
    main()
