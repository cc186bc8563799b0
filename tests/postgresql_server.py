"""A PostgreSQL server of Debian's package for the tests that need one: on a free port of 127.0.0.1, in a folder that goes with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from ports import free_port

PASSWORD = "a-secret-of-the-tests"
_USER = "handoff"


def programs():
    """Return the folder with initdb and pg_ctl, or None where PostgreSQL is not installed."""
    found = [path.parent for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)]
    on_path = shutil.which("initdb")
    return found[0] if found else Path(on_path).resolve().parent if on_path else None


@contextmanager
def running(folder):
    """Yield (port, stop) of a server; PostgreSQL refuses to run as root, so root becomes its package's user."""
    # the folders of pytest belong to this user alone
    home = Path(tempfile.mkdtemp(prefix="handoff-postgresql-"))
    user = "postgres" if os.geteuid() == 0 else None
    password = home / "password"
    password.write_text(PASSWORD)
    if user:
        shutil.chown(home, user)
        shutil.chown(password, user)
    port, data = free_port(), home / "data"

    def run(program, *arguments):
        subprocess.run([folder / program, *arguments], user=user, cwd=home, check=True, capture_output=True, timeout=120)

    def stop():
        run("pg_ctl", "stop", "-D", data, "-m", "immediate", "-w")

    try:
        run("initdb", "-D", data, "-U", _USER, "-A", "scram-sha-256", f"--pwfile={password}", "--no-sync")
        options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories= -p {port}"
        # not captured: the server would keep the pipe open
        subprocess.run(
            [folder / "pg_ctl", "start", "-D", data, "-w", "-l", home / "log", "-o", options],
            user=user,
            cwd=home,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=120,
        )
        try:
            yield port, stop
        finally:
            if (data / "postmaster.pid").exists():
                stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def address(port, database, password=PASSWORD):
    """Return what LEDGER_URL is to be."""
    return f"postgresql://{_USER}:{password}@127.0.0.1:{port}/{database}"


def connect(port, database="postgres"):
    """Return a connection of the driver itself, to look and to tamper."""
    import pg8000.dbapi

    connection = pg8000.dbapi.connect(user=_USER, password=PASSWORD, host="127.0.0.1", port=port, database=database)
    connection.autocommit = True
    return connection
