"""Power that fails: whatever the ledger acknowledged is still there, sealed and whole, and so are a plan and the mark that it was begun."""

from __future__ import annotations

import shutil

import pytest
from traced_disk import ACKNOWLEDGED, Disk, traced

from pipelines.actions.store import FOLDER
from pipelines.ledger import Ledger

_PROGRAM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from pipelines.actions.store import FOLDER, mark_begun
from pipelines.ledger import Ledger
from pipelines.warehouse import make_private_folder, write_bytes_durably

home, at = Path(sys.argv[1]) / "new/home", datetime(2026, 11, 16, tzinfo=UTC)

def acknowledge(what):
    sys.stdout.write(f"acknowledged {what}\\n")
    sys.stdout.flush()

for number in range(3):
    with Ledger.open(home) as ledger:
        ledger.record_event("test", str(number), "It happened.", at=at)
        acknowledge(f"event {number}")
plan = make_private_folder(home / FOLDER) / "plan.json"
write_bytes_durably(plan, b"{}")
acknowledge("file plan.json")
mark_begun(plan)
acknowledge("file plan.begun")
with Ledger.open(home) as ledger:
    ledger.record_change("plan", "change", "intent", at=at)
    acknowledge("change intent")
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not on this machine")
def test_power_that_fails_takes_nothing_that_the_ledger_acknowledged(tmp_path, record_property):
    root = tmp_path / "disk"
    root.mkdir()
    disk, tried = Disk(root), 0
    for call, text in traced(_PROGRAM, root, tmp_path / "trace"):
        if not disk.apply(call, text):
            continue
        said = [line.removeprefix(ACKNOWLEDGED) for line in "".join(disk.said).splitlines()]
        for names_of_now in (True, False):
            for contents_of_now in (True, False):
                _check(disk, tmp_path / "after", said, names_of_now=names_of_now, contents_of_now=contents_of_now)
                tried += 1
    assert len(said) == 6, said
    record_property("tried", tried)
    record_property(
        "figure", f"power fails at {tried // 4} moments of the ledger in 4 ways: nothing that was acknowledged is lost"
    )


def _check(disk, after, said, **kept):
    disk.write_to(after, **kept)
    home = after / "new/home"
    if not said and not home.exists():
        return
    with Ledger.open(home) as ledger:
        assert ledger.verify().problem is None, (said, kept)
        events = {f"event {row['subject']}" for row in ledger.event_rows(kind="test")}
        changes = {f"change {row['phase']}" for row in ledger.change_rows()}
    files = {f"file {path.name}" for path in (home / FOLDER).glob("*")}
    missing = set(said) - events - changes - files
    assert not missing, (missing, kept)
