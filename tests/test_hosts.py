"""Promise 13: a sync of the invented organisation talks to this machine alone, whichever library does the talking."""

from __future__ import annotations

from demo import HOSTS_FILE


def test_a_whole_sync_in_the_sandbox_connects_to_this_machine_alone(demo_home, record_property):
    lines = (demo_home.parent / HOSTS_FILE).read_text(encoding="utf-8").splitlines()
    connected = [line.removeprefix("socket.connect ") for line in lines if line.startswith("socket.connect ")]
    assert len(connected) >= 4, "each vendor was really asked, and it was seen"
    assert {line.split(" ", 1)[1] for line in lines} <= {"127.0.0.1", "localhost"}
    record_property("figure", f"{len(connected)} connections of a whole sync, 0 to another machine, 0 other names looked up")
