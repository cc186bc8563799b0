"""The demo as `handoff sync` builds it, made once for a whole test session, however many workers it has."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys

from pipelines.settings import PROJECT_ROOT

HOSTS_FILE = "hosts.txt"  # beside the shared home: which hosts its sync connected to (tests/watched)


def shared_demo_home(tmp_path_factory):
    """Return a HANDOFF_HOME with the synced demo; read it only, or take a copy with :func:`copied`."""
    # the parent of a worker's folder belongs to the session
    session = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        session = session.parent
    home = session / "shared-demo" / "home"
    home.parent.mkdir(exist_ok=True)
    done = home.parent / "done"
    with (home.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            watched = f"{PROJECT_ROOT}{os.pathsep}{PROJECT_ROOT / 'tests/watched'}"
            run_command("sync", home, PYTHONPATH=watched, WATCHED_HOSTS=str(home.parent / HOSTS_FILE))
            done.touch()
    return home


def run_command(name, home, **environment):
    """Run a command of handoff over ``home`` in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", name],
        env=os.environ | {"HANDOFF_HOME": str(home), "PYTHONPATH": str(PROJECT_ROOT)} | environment,
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def copied(home, target):
    """Return a copy of ``home`` that a test may change. The pointer is relative, so it leads into the copy."""
    shutil.copytree(home, target, symlinks=True)
    return target


def parsed(demo_home, home):
    """Let dbt take in a new ``home`` what it parsed for the demo: ten seconds of each first sync."""
    shutil.copytree(demo_home / "work/dbt_target", home / "work/dbt_target")
