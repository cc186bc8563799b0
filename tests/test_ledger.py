"""The ledger: nothing is changed in it without being noticed, and a commit is there after a kill."""

import random
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, date, datetime

import pytest

from pipelines.ledger import Ledger, LedgerProblem
from pipelines.ledger_store import store_of

AT = datetime(2026, 11, 16, 12, tzinfo=UTC)
TABLES = ("runs", "plans", "changes", "decisions", "events")


def fill(home, rows=40):
    with Ledger.open(home) as ledger:
        for number in range(rows):
            match number % 5:
                case 0:
                    ledger.record_run_started(f"run-{number}", what="handoff sync", as_of=date(2026, 11, 16), started_at=AT)
                case 1:
                    ledger.record_plan(f"plan-{number}", "made", at=AT, actor="ana")
                case 2:
                    ledger.record_change("plan-1", f"change-{number}", "intent", at=AT, attempt_id=f"a{number}", after="x")
                case 3:
                    ledger.record_decision(f"HG01:deal-{number}", "ack", at=AT, actor="ana", reason="We know")
                case _:
                    ledger.record_event("refused", f"plan-{number}", "It has expired.", at=AT)
    return home / "ledger.sqlite"


def test_an_untouched_ledger_is_sound_and_private(home):
    path = fill(home)
    with Ledger.open(home) as ledger:
        found = ledger.verify()
    assert found.is_sound
    assert found.row_count == 40
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "plan.key").stat().st_mode) == 0o600


def test_an_empty_ledger_is_sound(home):
    with Ledger.open(home) as ledger:
        assert ledger.verify().is_sound
    assert Ledger.existing(home.with_name("elsewhere")) is None


def test_a_run_and_its_end_are_two_rows(home):
    with Ledger.open(home) as ledger:
        ledger.record_run_started("r1", what="handoff sync", as_of=date(2026, 11, 16), started_at=AT)
        ledger.record_run_finished("r1", finished_at=AT, outcome="published", exit_code=0, details={"sources": []})
        rows = ledger.run_rows()
    assert [row["phase"] for row in rows] == ["finished", "started"]
    assert rows[0]["exit_code"] == "0"


def _tamper(path, rng):
    """Alter the ledger in one random way; return (what was done, first row that is wrong, or None when a head was hit)."""
    connection = sqlite3.connect(path)
    where = {seq: table for table in TABLES for (seq,) in connection.execute(f"select seq from {table}")}
    seqs = sorted(where)
    seq = rng.choice(seqs)
    table = where[seq]
    kind = rng.choice(["flip", "flip", "delete", "swap", "append", "tail", "null"])
    columns = [name for _, name, *_ in connection.execute(f"pragma table_info({table})") if name != "seq"]
    if kind == "flip":
        column = rng.choice(columns)
        connection.execute(f"update {table} set \"{column}\" = coalesce(\"{column}\", '') || 'x' where seq = ?", [seq])
    elif kind == "null":
        connection.execute(f"update {table} set at = 'then' where seq = ?", [seq])
    elif kind == "delete":
        connection.execute(f"delete from {table} where seq = ?", [seq])
    elif kind == "tail":
        for name in TABLES:
            connection.execute(f"delete from {name} where seq >= ?", [seq])
    elif kind == "swap":
        other = rng.choice([s for s in seqs if where[s] == table and s != seq])
        for old, new in ((seq, -1), (other, seq), (-1, other)):
            connection.execute(f"update {table} set seq = ? where seq = ?", [new, old])
        seq = min(seq, other)
    else:
        last = seqs[-1]
        names = ", ".join(f'"{c}"' for c in columns)
        connection.execute(f"insert into {table} (seq, {names}) select ?, {names} from {table} where seq = ?", [last + 1, seq])
        seq = last + 1
    connection.commit()
    connection.close()
    return kind, seq


def test_a_hundred_random_tamperings_are_all_noticed_and_the_first_bad_row_named(home, record_property):
    original = fill(home).read_bytes()
    for seed in range(100):
        path = home / "ledger.sqlite"
        path.write_bytes(original)
        kind, seq = _tamper(path, random.Random(seed))
        with Ledger.open(home) as ledger:
            found = ledger.verify()
        assert not found.is_sound, (seed, kind, seq)
        named = found.problem
        # a removed row shows at the place where the next one stands, or at the end
        if kind in {"flip", "null", "swap", "append"}:
            assert f" row {seq} " in named, (seed, kind, seq, named)
        else:
            assert str(seq) in named or str(seq - 1) in named or str(seq + 1) in named, (seed, kind, seq, named)
    record_property("tried", 100)
    record_property("figure", "100 of 100 random tamperings noticed, the first bad row named")


def test_a_row_forged_with_a_right_hash_but_without_the_key_is_noticed(home):
    fill(home, rows=4)
    (home / "plan.key").write_text("00" * 32 + "\n")
    with Ledger.open(home) as ledger:
        found = ledger.verify()
    assert not found.is_sound
    assert "not sealed with the key" in found.problem


def test_a_file_that_is_no_database_is_refused_with_the_next_step(home):
    home.mkdir()
    (home / "ledger.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(LedgerProblem, match="move it away"):
        Ledger.open(home)


def test_text_that_no_database_can_hold_is_kept_readable(home):
    with Ledger.open(home) as ledger:
        ledger.record_event("note", "a\0b", "lone \ud800 surrogate", at=AT)
        assert ledger.event_rows()[0]["subject"] == "a\\u0000b"
        assert ledger.verify().is_sound


def test_an_intent_without_outcome_is_unsettled_until_its_outcome_is_recorded(home):
    with Ledger.open(home) as ledger:
        ledger.record_change("p", "c", "intent", at=AT, attempt_id="a1")
        ledger.record_change("p", "d", "intent", at=AT, attempt_id="a2")
        ledger.record_change("p", "c", "outcome", at=AT, attempt_id="a1", status="acknowledged")
        assert [row["attempt_id"] for row in ledger.unsettled_intents()] == ["a2"]


_WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from pipelines.ledger import Ledger
ledger = Ledger.open(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    ledger.record_event("n", str(number), "s", at=datetime(2026, 11, 16, tzinfo=UTC))
    print(number, flush=True)
"""


def test_what_was_acknowledged_before_a_kill_is_there_afterwards(home):
    process = subprocess.Popen([sys.executable, "-c", _WRITER, str(home), "100000"], stdout=subprocess.PIPE, text=True)
    acknowledged = -1
    for line in process.stdout:
        acknowledged = int(line)
        if acknowledged >= 25:
            process.kill()
            break
    rest = process.stdout.read().split()
    process.wait()
    acknowledged = max([acknowledged, *map(int, rest)])
    with Ledger.open(home) as ledger:
        assert ledger.verify().is_sound
        assert len(ledger.event_rows()) >= acknowledged + 1


def test_two_processes_never_take_the_same_number(home):
    Ledger.open(home).close()
    processes = [subprocess.Popen([sys.executable, "-c", _WRITER, str(home), "30"], stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    with Ledger.open(home) as ledger:
        assert ledger.verify().row_count == 60
        assert ledger.verify().is_sound


@pytest.mark.parametrize(
    ("said", "then", "never"),
    [
        ("database or disk is full", "Make room on its disk", "move it away"),
        ("attempt to write a readonly database", "Let this user write to it", "move it away"),
        ("database disk image is malformed", "put back a backup of it; without one, move it away", "Make room"),
    ],
)
def test_what_to_do_with_a_ledger_that_cannot_be_used_depends_on_why(home, said, then, never):
    fill(home)
    words = store_of(home).damage_words(sqlite3.OperationalError(said))
    assert then in words
    assert never not in words
