"""A command in a process of its own that need not import anything first: it is forked from one that has.

Importing dlt and dbt is three seconds of each sync, and the suite has hundreds of them. Whether the command works when it is started from
nothing, the tests of the README, of the command line and of the settings show.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

_FORKING = multiprocessing.get_context("forkserver")
# nothing of handoff: it asks its environment how wide the terminal is when it is imported
_FORKING.set_forkserver_preload(
    [
        "boto3",
        "typer",
        "dlt.destinations.impl.duckdb.duck",
        "dbt.cli.main",
        "dbt.task.build",
        "dbt.adapters.duckdb",
    ]
)


def handoff(arguments, *, environment, folder, timeout=300) -> subprocess.CompletedProcess[bytes]:
    """Run ``handoff`` with ``arguments`` in ``folder`` and return how it ended and the bytes that it wrote."""
    with TemporaryDirectory() as written:
        out, err = Path(written, "out"), Path(written, "err")
        process = _FORKING.Process(target=_run, args=(arguments, environment, str(folder), str(out), str(err)))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(arguments, timeout)
        return subprocess.CompletedProcess(arguments, process.exitcode, out.read_bytes(), err.read_bytes())


def _run(arguments, environment, folder, out, err):
    for descriptor, path in ((1, out), (2, err)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    sys.argv = ["handoff", *arguments]
    from pipelines.cli import main

    sys.exit(main())
