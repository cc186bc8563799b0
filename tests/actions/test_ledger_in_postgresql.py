"""The ledger in PostgreSQL: the same rows, the same chain, the same refusals as in the file."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys

import pytest
from command_line import run
from conftest import PROJECT
from postgresql_server import PASSWORD, address, connect, programs, running
from test_ledger import _WRITER, AT, TABLES, fill

from pipelines.ledger import Ledger, LedgerProblem

pytestmark = [
    pytest.mark.slow,
    # continuous integration installs it (.ci/run), and fails without it
    pytest.mark.skipif(
        programs() is None and "CI" not in os.environ,
        reason="needs PostgreSQL (apt-get install postgresql), which is not installed here",
    ),
]
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def server():
    assert programs() is not None, "PostgreSQL is not installed; .ci/run installs it"
    with running(programs()) as (port, _):
        yield port


@pytest.fixture
def database(server, monkeypatch):
    """Return (port, name) of an empty database that LEDGER_URL names."""
    name = f"ledger_{next(_NUMBERS)}"
    with connect(server) as connection:
        connection.cursor().execute(f"create database {name}")
    monkeypatch.setenv("LEDGER_URL", address(server, name))
    return server, name


def test_what_is_recorded_is_in_the_database_and_not_in_a_file(home, database):
    path = fill(home)
    assert not path.exists()
    with Ledger.open(home) as ledger:
        found = ledger.verify()
        assert found.is_sound
        assert found.row_count == 40
        assert [row["plan_id"] for row in ledger.plan_rows()][:2] == ["plan-1", "plan-6"]
        assert ledger.place == f"127.0.0.1/{database[1]}"
    with connect(*database) as connection:
        cursor = connection.cursor()
        cursor.execute("select count(*) from decisions")
        assert list(cursor.fetchone()) == [8]


def _tamper(cursor, rng):
    """Alter the ledger in one random way; return what was done and the first row that is wrong."""
    where = {}
    for table in TABLES:
        cursor.execute(f"select seq from {table}")
        where |= {row[0]: table for row in cursor.fetchall()}
    seqs = sorted(where)
    seq = rng.choice(seqs)
    table = where[seq]
    kind = rng.choice(["flip", "flip", "delete", "swap", "append", "tail"])
    cursor.execute("select column_name from information_schema.columns where table_name = %s and column_name <> 'seq'", (table,))
    columns = sorted(row[0] for row in cursor.fetchall())
    if kind == "flip":
        column = rng.choice(columns)
        cursor.execute(f"update {table} set \"{column}\" = coalesce(\"{column}\", '') || 'x' where seq = %s", (seq,))
    elif kind == "delete":
        cursor.execute(f"delete from {table} where seq = %s", (seq,))
    elif kind == "tail":
        for name in TABLES:
            cursor.execute(f"delete from {name} where seq >= %s", (seq,))
    elif kind == "swap":
        other = rng.choice([known for known in seqs if where[known] == table and known != seq])
        for old, new in ((seq, -1), (other, seq), (-1, other)):
            cursor.execute(f"update {table} set seq = %s where seq = %s", (new, old))
        seq = min(seq, other)
    else:
        names = ", ".join(f'"{column}"' for column in columns)
        cursor.execute(f"insert into {table} (seq, {names}) select {seqs[-1] + 1}, {names} from {table} where seq = %s", (seq,))
        seq = seqs[-1] + 1
    return kind, seq


def test_a_hundred_random_tamperings_are_all_noticed_and_the_first_bad_row_named(home, database):
    fill(home)
    with connect(*database) as connection, Ledger.open(home) as ledger:
        cursor = connection.cursor()
        for table in (*TABLES, "head"):
            cursor.execute(f"create table copy_of_{table} as select * from {table}")
        for seed in range(100):
            kind, seq = _tamper(cursor, random.Random(seed))
            found = ledger.verify()
            assert not found.is_sound, (seed, kind, seq)
            if kind in {"flip", "swap", "append"}:
                assert f" row {seq} " in found.problem, (seed, kind, seq, found.problem)
            for table in (*TABLES, "head"):
                cursor.execute(f"truncate {table}")
                cursor.execute(f"insert into {table} select * from copy_of_{table}")
        assert ledger.verify().is_sound


def test_two_processes_never_take_the_same_number(home, database):
    Ledger.open(home).close()
    processes = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(home), "30"], stdout=subprocess.DEVNULL, cwd=PROJECT)
        for _ in range(2)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    with Ledger.open(home) as ledger:
        assert ledger.verify().row_count == 60
        assert ledger.verify().is_sound


def test_what_was_acknowledged_before_a_kill_is_there_afterwards(home, database):
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(home), "100000"], stdout=subprocess.PIPE, text=True, cwd=PROJECT
    )
    acknowledged = -1
    for line in process.stdout:
        acknowledged = int(line)
        if acknowledged >= 10:
            process.kill()
            break
    acknowledged = max([acknowledged, *map(int, process.stdout.read().split())])
    process.wait()
    with Ledger.open(home) as ledger:
        assert ledger.verify().is_sound
        assert len(ledger.event_rows()) >= acknowledged + 1


def test_text_that_no_database_can_hold_is_kept_readable(home, database):
    with Ledger.open(home) as ledger:
        ledger.record_event("note", "a\0b", "lone \ud800 surrogate; 100 % 'quoted' :name", at=_at())
        assert ledger.event_rows()[0]["subject"] == "a\\u0000b"
        assert ledger.verify().is_sound


def test_a_plan_is_made_approved_applied_and_undone_over_it(write_back, vendors, home, database):
    from write_back import community_change, statuses

    from pipelines.actions.plan import save_plan

    path = write_back.saved([community_change()])
    assert statuses(write_back.apply(path)) == {"fill-community-50": "applied"}
    assert "was applied before" in write_back.apply(path).refused
    assert statuses(write_back.apply(save_plan(write_back.undo(path.stem), home))) == {
        f"undo:{path.stem}:fill-community-50": "applied"
    }
    assert vendors.communities["50"]["community_id"] == "TBD"
    assert not (home / "ledger.sqlite").exists()
    with Ledger.open(home) as ledger:
        assert ledger.verify().is_sound


def _at():
    from datetime import UTC, datetime

    return datetime(2026, 11, 16, tzinfo=UTC)


def test_a_server_that_does_not_answer_or_refuses_is_one_sentence_without_the_password(home, server, monkeypatch):
    monkeypatch.setenv("LEDGER_URL", address(server, "postgres", password="wrong-and-secret"))
    with pytest.raises(LedgerProblem, match="password authentication failed") as refused:
        Ledger.open(home)
    assert "wrong-and-secret" not in refused.value.sentence
    assert "correct LEDGER_URL" in refused.value.sentence
    monkeypatch.setenv("LEDGER_URL", address(1, "postgres"))
    with pytest.raises(LedgerProblem, match="Start that server") as absent:
        Ledger.open(home)
    assert PASSWORD not in absent.value.sentence


@pytest.mark.parametrize("value", ["mysql://u:hidden@h/d", "postgresql://u:hidden@h", "hidden"])
def test_an_address_that_is_not_usable_is_named_without_being_repeated(home, value):
    home.mkdir()
    done = run(home, "audit", LEDGER_URL=value)
    assert done.returncode == 1
    assert "LEDGER_URL is not usable: it is no address of the form postgresql://" in done.stderr
    assert "hidden" not in done.stderr


def test_a_person_is_redacted_and_the_chain_still_proves_itself(home, database):
    fill(home)
    with Ledger.open(home) as ledger:
        assert ledger.redact(lambda text: text.replace("We know", "[removed]"), "Somebody was removed.", at=AT, actor="ana") == 8
        found = ledger.verify()
        assert found.is_sound
        assert found.row_count == 41
        assert {row["reason"] for row in ledger.decision_rows()} == {"[removed]"}
    with connect(*database) as connection:
        connection.cursor().execute("update decisions set reason = 'Somebody else' where seq = 4")
        connection.commit()
    with Ledger.open(home) as ledger:
        assert ledger.verify().first_bad_row == "decisions row 4"
