"""Serves the dashboard as people start it, on a free port, and says what it listens on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from ports import free_port

from dashboards.launch import APP, command

_STARTS_WITHIN_SECONDS = 60


def typed(port):
    """Return what somebody types who does not know about `handoff dashboard`; only the port is chosen."""
    return [sys.executable, "-m", "streamlit", "run", str(APP), f"--server.port={port}"]


@contextmanager
def serving(home, folder, how=command, port=None, **environment):
    """Serve the snapshot of ``home``, started from ``folder``; yield the port."""
    port = port or free_port()
    log = Path(folder) / "dashboard.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            how(port),
            cwd=folder,
            env=os.environ | {"HANDOFF_HOME": str(home)} | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        _wait_until_it_answers(process, port, log)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_until_it_answers(process, port, log):
    deadline = time.monotonic() + _STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"the dashboard did not start: {log.read_text(errors='replace')}")


def listening_addresses(port):
    """Return the local addresses that somebody listens on at ``port``, from the kernel's tables."""
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            address, _, hexadecimal_port = fields[1].partition(":")
            if fields[3] == "0A" and int(hexadecimal_port, 16) == port:  # 0A: listening
                addresses.add(_readable(address))
    return addresses


def _readable(address):
    packed = b"".join(bytes.fromhex(address[place : place + 8])[::-1] for place in range(0, len(address), 8))
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)
