"""Promise 13: a sync of the invented organisation talks to this machine alone, whichever library does the talking."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT
from demo import HOSTS_FILE

NEEDS_STRACE = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not on this machine")
_ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')


def test_a_whole_sync_in_the_sandbox_connects_to_this_machine_alone(demo_home, record_property):
    lines = (demo_home.parent / HOSTS_FILE).read_text(encoding="utf-8").splitlines()
    connected = [line.removeprefix("socket.connect ") for line in lines if line.startswith("socket.connect ")]
    assert len(connected) >= 4, "each vendor was really asked, and it was seen"
    assert {line.split(" ", 1)[1] for line in lines} <= {"127.0.0.1", "localhost"}
    record_property("figure", f"{len(connected)} connections of a whole sync, 0 to another machine, 0 other names looked up")


def addresses(arguments, folder, **environment):
    """Run a program and its children under strace; return every network address that any of them sent something to."""
    trace = folder / "trace"
    done = subprocess.run(
        ["strace", "-f", "--seccomp-bpf", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", trace, sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1"} | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [four or six for four, six in _ADDRESS.findall(Path(trace).read_text(encoding="utf-8", errors="replace"))]


@NEEDS_STRACE
def test_what_a_program_sends_to_another_machine_is_seen_whatever_it_is_written_in(tmp_path):
    program = """
import ctypes, socket, struct
libc = ctypes.CDLL(None)
datagrams = libc.socket(socket.AF_INET, socket.SOCK_DGRAM, 0)
libc.connect(datagrams, struct.pack("=HH4s8x", socket.AF_INET, socket.htons(9), socket.inet_aton("192.0.2.7")), 16)
"""
    assert addresses(["-c", program], tmp_path) == ["192.0.2.7"]


@NEEDS_STRACE
@pytest.mark.thorough
def test_no_library_of_a_whole_sync_asks_the_kernel_for_another_machine(tmp_path, record_property):
    sent_to = addresses(["-m", "pipelines.cli", "sync"], tmp_path, HANDOFF_HOME=str(tmp_path / "home"))
    assert sent_to.count("127.0.0.1") >= 4
    assert set(sent_to) <= {"127.0.0.1", "::1"}
    record_property(
        "figure", f"{len(sent_to)} addresses that a whole sync and its libraries gave to the kernel, 0 of another machine"
    )
