"""``handoff purge --person``: nothing of the person is left in any file, and the ledger still proves itself."""

from __future__ import annotations

import json
import secrets
import sqlite3

import duckdb
import pytest
from small_home import AT, contact, every_value, publish

from pipelines import doctor, purges, warehouse
from pipelines.errors import ConfigurationError
from pipelines.ledger import Ledger
from pipelines.settings import load_settings
from pipelines.sources.people import email_hash

ADDRESS = "Zoraida.Quimby@fernhollow.example"
# every spelling in which the person is planted; none is part of anything else
TRACES = ("zoraida.quimby", "zoraida quimby", "quimby, zoraida", "zq-hub", "+1 555 0100 777", "zoraïda")

OTHER_LOGIN = "az-zq-hubs"  # holds the person's, and is another's


def hashed():
    return email_hash(load_settings())(ADDRESS)


def fill(connection):
    contact(
        connection,
        "30011",
        firstname="Zoraïda",
        lastname="Quimby-Olm",
        full_name="Zoraida Quimby",
        email=hashed(),
        github_username="zq-hub",
        phone="+1 555 0100 777",
    )
    contact(connection, "30012", firstname="Ann", lastname="Leery", email="hmac:other", github_username=OTHER_LOGIN)
    connection.execute(
        "insert into raw_hubspot.associations (from_object, from_id, to_object, to_id) values ('contacts', '30011', 'deals', '1')"
    )
    cell = {"engagement": "Alpha", "lead": {"id": "usr1", "email": ADDRESS, "name": "Quimby, Zoraida"}}
    connection.execute("insert into raw_airtable.records (id, fields_json) values ('rec1', ?)", [json.dumps(cell)])
    connection.execute("create or replace table marts.people (contact_id varchar, first_name varchar, note varchar not null)")
    connection.execute(
        "insert into marts.people values ('30011', 'Zoraïda', 'Zoraïda leads'), ('30012', 'Zoraïda', 'another one')"
    )
    connection.execute(
        "create or replace table marts.findings as select ? as reason, 'kept as it is' as other",
        [f"Line one.\nZORAIDA QUIMBY (@zq-hub, {hashed()}) lacks a role; ask Zoraida Quimby."],
    )


@pytest.fixture
def inhabited(home):
    publish(home, "r1", fill)
    publish(home, "r2")
    with Ledger.open(home) as ledger:
        ledger.record_decision("f1", "ack", at=AT, actor="ana", reason=f"Zoraida Quimby <{ADDRESS}> said so")
        ledger.record_decision("f2", "ack", at=AT, actor="ana", reason="Ann said so")
        ledger.record_change("p1", "c1", "intent", at=AT, before=OTHER_LOGIN, after="zq-hub", details={"name": "Zoraida Quimby"})
    (home / "plans").mkdir()
    (home / "plans/p1.json").write_text('{"after": "zq-hub"}')
    (home / "plans/p2.json").write_text('{"after": "another"}')
    (home / "work/dbt_logs").mkdir(parents=True)
    (home / "work/dbt_logs/dbt.log").write_text(f"select '{ADDRESS}'")
    return home


def traces_in_files(home):
    found = []
    for path in home.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes().lower().replace(OTHER_LOGIN.encode(), b"")
            found += [(path.name, trace) for trace in (*TRACES, hashed()) if trace.encode().lower() in content]
    return found


def traces_in_values(home):
    values = "\0".join(every_value(home)).casefold().replace(OTHER_LOGIN, "")
    return [trace for trace in (*TRACES, hashed(), "quimby-olm") if trace in values]


def test_nothing_of_the_person_is_left_in_any_file_value_or_page(inhabited):
    assert {trace for _, trace in traces_in_files(inhabited)} >= {"zoraida.quimby", "zq-hub"}, "the test finds what it looks for"
    assert len(traces_in_values(inhabited)) >= 6
    done = purges.purge(load_settings(), ADDRESS.lower(), at=AT)
    left = traces_in_values(inhabited)
    assert left == ["zoraïda"], "the first name of another person, in a row about another person, stays"
    assert [found for found in traces_in_files(inhabited) if found[1] != "zoraïda"] == []
    assert (done.snapshots, done.ledger_rows, done.plans) == (2, 2, 1)
    assert done.still_at == ("contact 30011",)
    assert not list(inhabited.rglob("*.wal")) + list(inhabited.rglob("*-journal"))


def test_what_is_about_others_stays(inhabited):
    purges.purge(load_settings(), ADDRESS, at=AT)
    snapshot = warehouse.open_current(inhabited)
    assert [row["id"] for row in snapshot.rows("from raw_hubspot.contacts")] == ["30012"]
    assert snapshot.rows("select other from marts.findings") == [{"other": "kept as it is"}]
    assert snapshot.rows("from marts.people order by contact_id") == [
        {"contact_id": "30011", "first_name": "[removed]", "note": "[removed] leads"},
        {"contact_id": "30012", "first_name": "Zoraïda", "note": "another one"},
    ]
    assert snapshot.rows("select count(*) as n from staging.a_reader") == [{"n": 1}], "views work"
    assert json.loads(snapshot.rows("select fields_json from raw_airtable.records")[0]["fields_json"])["engagement"] == "Alpha"
    with Ledger.open(inhabited) as ledger:
        assert ledger.decision_rows("f2")[0]["reason"] == "Ann said so"
        assert ledger.change_rows("p1")[0]["before"] == OTHER_LOGIN, "a login that holds the other one"


def test_readers_see_another_version_and_doctor_finds_all_in_order(inhabited):
    reading = warehouse.open_current(inhabited)
    purges.purge(load_settings(), ADDRESS, at=AT)
    assert reading.rows("select run_id from marts.run") == [{"run_id": "r2"}], "who reads is not disturbed"
    assert warehouse.current_run_id(inhabited).startswith("r2-purged-")
    assert [line.text for line in doctor.examine(load_settings()) if not line.is_ok] == []
    publish(inhabited, "r3")
    assert warehouse.current_run_id(inhabited) == "r3"


def test_the_ledger_proves_itself_and_says_that_somebody_was_removed(inhabited):
    with Ledger.open(inhabited) as ledger:
        before = [(name, row["seq"], row["row_hash"]) for name, row in ledger.entries()]
    purges.purge(load_settings(), ADDRESS, at=AT, by="Ana")
    with Ledger.open(inhabited) as ledger:
        assert ledger.verify().is_sound
        rows = ledger.entries()
        assert [(name, row["seq"], row["row_hash"]) for name, row in rows][:3] == before, "no hash of the chain changed"
        [event] = ledger.event_rows()
        assert (event["kind"], event["actor"]) == ("redacted", "Ana")
        ledger.record_event("later", "x", "The chain goes on.", at=AT)
        assert ledger.verify().is_sound
    assert rows[0][1]["salt"] is None, "the old hash confirms no guess"


@pytest.mark.parametrize(
    "statement",
    [
        "update decisions set reason = 'Nobody said so' where seq = 1",
        "update decisions set reason = '[removed] <[removed]> said so', actor = 'eve' where seq = 1",
        "update decisions set reason = '[removed]' where seq = 2",
        "update events set details = '{\"rows\": []}'",
    ],
)
def test_a_redaction_covers_no_other_change(inhabited, statement):
    purges.purge(load_settings(), ADDRESS, at=AT)
    with sqlite3.connect(inhabited / "ledger.sqlite") as connection:
        connection.execute(statement)
    connection.close()
    with Ledger.open(inhabited) as ledger:
        assert not ledger.verify().is_sound


def test_a_second_person_can_be_removed_from_the_same_row(inhabited):
    with Ledger.open(inhabited) as ledger:
        ledger.record_decision("f3", "ack", at=AT, actor="ana", reason=f"{ADDRESS} and bo@fernhollow.example")
    purges.purge(load_settings(), ADDRESS, at=AT)
    purges.purge(load_settings(), "bo@fernhollow.example", at=AT)
    with Ledger.open(inhabited) as ledger:
        assert ledger.decision_rows("f3")[0]["reason"] == "[removed] and [removed]"
        assert ledger.verify().is_sound


def test_one_that_was_killed_between_two_snapshots_is_done_again(inhabited, monkeypatch):
    done, purge_version = [], purges._purge_version

    def killed_at_the_second(*arguments):
        if done:
            raise KeyboardInterrupt
        done.append(purge_version(*arguments))
        return done[0]

    with monkeypatch.context() as patched:
        patched.setattr(purges, "_purge_version", killed_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            purges.purge(load_settings(), ADDRESS, at=AT)
    purges.purge(load_settings(), ADDRESS, at=AT)
    assert traces_in_values(inhabited) == ["zoraïda"]


def test_a_ledger_of_an_earlier_version_gets_its_column_and_stays_sound(home, monkeypatch):
    with monkeypatch.context() as patched, Ledger.open(home) as ledger:
        patched.setattr(secrets, "token_hex", lambda _: None)  # rows had no salt
        ledger.record_event("kind", "subject", "A sentence.", at=AT)
    with sqlite3.connect(home / "ledger.sqlite") as connection:
        for table in ("runs", "plans", "changes", "decisions", "events"):
            connection.execute(f"alter table {table} drop column salt")
    connection.close()
    with Ledger.open(home) as ledger:
        assert ledger.verify().is_sound
        ledger.record_event("kind", "subject", "Another.", at=AT)
        assert ledger.verify().is_sound
        assert [row["salt"] is None for row in ledger.event_rows()] == [False, True]


def test_somebody_nobody_knows_is_not_found_and_nothing_is_rewritten(inhabited):
    done = purges.purge(load_settings(), "nobody@nowhere.example", at=AT)
    assert (done.snapshots, done.values, done.ledger_rows) == (0, 0, 0)
    assert warehouse.current_run_id(inhabited) == "r2"
    with pytest.raises(ConfigurationError, match="named by an e-mail address"):
        purges.purge(load_settings(), "Zoraida", at=AT)


def test_free_pages_never_held_the_person(inhabited):
    purges.purge(load_settings(), ADDRESS, at=AT)
    version = warehouse.current_version(inhabited)
    with duckdb.connect(str(version / warehouse.FILE_NAME), read_only=True) as connection:
        assert connection.execute("select free_blocks from pragma_database_size()").fetchone()[0] <= 1
