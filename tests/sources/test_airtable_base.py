"""An Airtable base: every type of cell is kept, oddities are named, limits are told apart, and no record is doubled or lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import reading
from loop import port_of, run
from reading import earlier_load

from pipelines import warehouse
from pipelines.errors import RateLimited, Refused
from pipelines.sources.airtable_cells import KNOWN_TYPES

ENGAGEMENTS, PROJECTS = "tblEngagements000", "tblProjects000000"
FIELD = "fldOfThisTest{:04d}"
PERSON = {"id": "usr1", "email": "ada@example.org", "name": "Ada"}
ATTACHMENT = {"id": "att1", "filename": "plan.pdf", "size": 12, "type": "application/pdf"}
ADDRESSES = {"url": "https://v5.example/1732", "thumbnails": {"small": {"url": "https://v5.example/s/1732"}}}
# type of field -> a cell as Airtable sends it
CELLS = {
    "aiText": {"state": "generated", "value": "a summary", "isStale": False},
    "autoNumber": 17,
    "barcode": {"text": "4006381333931", "type": "ean13"},
    "button": {"label": "Open", "url": "https://example.org"},
    "checkbox": True,
    "count": 3,
    "createdBy": {"id": "usr1", "name": "Ada"},
    "createdTime": "2026-11-01T09:00:00.000Z",
    "currency": 1200.5,
    "date": "2026-11-16",
    "dateTime": "2026-11-16T09:00:00.000Z",
    "duration": 5400,
    "email": "no address",
    "externalSyncSource": "GitHub",
    "formula": 2.5,
    "lastModifiedBy": {"id": "usr1", "name": "Ada"},
    "lastModifiedTime": "2026-11-02T09:00:00.000Z",
    "lookup": ["a", 1, None],
    "multilineText": "two\nlines",
    "multipleAttachments": [ATTACHMENT],
    "multipleCollaborators": [{"id": "usr1", "name": "Ada"}, {"id": "usr2", "name": "Grace"}],
    "multipleLookupValues": [["rec1", "rec2"], "x", 0],
    "multipleRecordLinks": [],
    "multipleSelects": ["A", "B"],
    "number": 0,
    "percent": 0.25,
    "phoneNumber": "(415) 555-9876",
    "rating": 4,
    "richText": "**bold**\n",
    "rollup": 12,
    "singleCollaborator": {"id": "usr1", "name": "Ada"},
    "singleLineText": "text",
    "singleSelect": "A",
    "url": "https://example.org",
}

server, sandbox = reading.server, reading.sandbox


def put_cells(sandbox, cells):
    """Give the first engagement a field for each (type, value) and return the record's id."""
    state = sandbox.world.state.airtable
    record = state.records[ENGAGEMENTS][0]
    for number, (kind, value) in enumerate(cells):
        field_id = FIELD.format(number)
        state.tables[0]["fields"].append({"id": field_id, "name": f"A {kind}", "type": kind})
        record["fields"][field_id] = value
    return record["id"]


def cells_of(rows, record_id):
    [row] = [row for row in rows["records"] if row["id"] == record_id]
    return json.loads(row["fields_json"])


def ids(rows, table=ENGAGEMENTS):
    found = [row["id"] for row in rows["records"] if row["table_id"] == table]
    assert len(found) == len(set(found)), "a record came twice"
    return set(found)


def test_a_cell_of_every_type_that_airtable_describes_is_kept_as_sent(sandbox):
    assert set(CELLS) == KNOWN_TYPES
    record_id = put_cells(sandbox, CELLS.items())
    reader = sandbox.reader("airtable")
    kept = cells_of(reader.read(), record_id)
    assert {kind: kept[FIELD.format(number)] for number, kind in enumerate(CELLS)} == CELLS
    assert reader.quarantine == []


def test_a_field_of_an_unknown_type_is_named_and_its_cells_are_kept(sandbox):
    record_id = put_cells(sandbox, [("ofTomorrow", {"deep": [1, None]})])
    reader = sandbox.reader("airtable")
    assert cells_of(reader.read(), record_id)[FIELD.format(0)] == {"deep": [1, None]}
    [aside] = reader.quarantine
    assert (aside["table_name"], aside["record_ref"]) == ("fields", f"{ENGAGEMENTS}/{FIELD.format(0)}")
    assert "ofTomorrow, which handoff does not know" in aside["reason"]


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("formula", {"error": "#ERROR!"}, "#ERROR!"),
        ("formula", {"specialValue": "NaN"}, "NaN"),
        ("rollup", {"specialValue": "Infinity"}, "Infinity"),
        ("multipleLookupValues", [1, {"error": "#ERROR!"}], "#ERROR!"),
        ("aiText", {"error": "emptyDependency"}, "emptyDependency"),
    ],
    ids=str,
)
def test_a_cell_that_could_not_be_reckoned_is_kept_and_named(sandbox, kind, value, said):
    record_id = put_cells(sandbox, [(kind, value)])
    reader = sandbox.reader("airtable")
    assert cells_of(reader.read(), record_id)[FIELD.format(0)] == value
    [aside] = reader.quarantine
    assert aside["reason"].startswith(f"1 cells of the field A {kind} could not be reckoned by Airtable ({said})")
    assert record_id in aside["payload"]


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("multipleAttachments", [ATTACHMENT | ADDRESSES, "odd"], [ATTACHMENT, "odd"]),
        ("multipleLookupValues", [ATTACHMENT | ADDRESSES], [ATTACHMENT]),
        ("rollup", [[ATTACHMENT | ADDRESSES]], [[ATTACHMENT]]),
    ],
)
def test_an_attachment_is_kept_by_id_and_name_and_never_by_its_passing_address(sandbox, kind, value, kept):
    record_id = put_cells(sandbox, [(kind, value)])
    assert cells_of(sandbox.reader("airtable").read(), record_id)[FIELD.format(0)] == kept


@pytest.mark.parametrize("kind", ["email", "singleCollaborator", "formula", "rollup", "multipleLookupValues"])
def test_an_e_mail_address_is_not_kept_in_clear_wherever_airtable_repeats_it(sandbox, kind):
    record_id = put_cells(sandbox, [(kind, [PERSON, "to ada@example.org"])])
    kept = cells_of(sandbox.reader("airtable").read(), record_id)[FIELD.format(0)]
    assert "ada@example.org" not in json.dumps(kept)
    assert kept[0]["email"].startswith("hmac:")


# Limits

SMALL = {"airtable__page_size": 20}
MIDDLE = 4
LIST = r"/tbl\w+$"


@pytest.mark.parametrize("page", [1, MIDDLE])
def test_the_lock_out_is_waited_for_and_the_reading_goes_on(server, page):
    truth = server.fresh(**SMALL).reader("airtable").read()
    reader = server.reader("airtable")
    rows, error = reader.read_with({"kind": "429", "path": LIST, "occurrence": "nth", "n": page})
    assert (rows, error) == (truth, None)
    assert reader.waits == [30.0]


@pytest.mark.parametrize("calls", [0, MIDDLE])
def test_the_monthly_cap_ends_the_reading_at_once_and_says_until_when(server, monkeypatch, calls):
    reader = server.fresh(**SMALL, airtable__monthly_calls=calls).reader("airtable")
    monkeypatch.setattr(reader.transport, "_now", lambda: datetime(2026, 12, 31, 23, tzinfo=UTC))
    with pytest.raises(RateLimited, match="used up until 2027-01-01"):
        reader.read()
    assert reader.waits == []
    assert len([path for _, path in reader.calls() if "/meta/" not in path]) == calls + 1, "nobody asks again"


# Records that come and go while their table is read


@pytest.mark.parametrize("page", [1, 2, 3])
def test_an_iterator_that_expires_makes_the_table_begin_again_and_no_record_twice(server, page):
    truth = server.fresh(**SMALL).reader("airtable").read()
    reader = server.reader("airtable")
    expiry = {"kind": "answer", "status": 422, "body": {"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}}}
    usual = len(reader.calls())
    rows, error = reader.read_with(expiry | {"path": ENGAGEMENTS, "occurrence": "nth", "n": page + 1})
    assert (rows, error) == (truth, None)
    assert len(reader.calls()) == usual + page + 1, "the pages before and the refusal come on top"


def test_a_record_that_is_changed_before_a_table_begins_again_is_read_as_it_is_then(server):
    sandbox = server.fresh(**SMALL)
    record = sandbox.world.state.airtable.records[ENGAGEMENTS][0]
    reader = sandbox.reader("airtable")
    expiry = {"kind": "answer", "status": 422, "body": {"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}}}
    with reader.changed_after(2, f"/{ENGAGEMENTS}", lambda: record["fields"].update(fldEngName0000000="Another name")):
        rows, error = reader.read_with(expiry | {"path": ENGAGEMENTS, "occurrence": "nth", "n": 3})
    assert error is None
    assert cells_of(rows, record["id"])["fldEngName0000000"] == "Another name"


def test_an_iterator_that_always_expires_is_a_failed_source(server):
    reader = server.fresh(**SMALL, airtable__iterator_expiries=1_000).reader("airtable")
    with pytest.raises(Refused):
        reader.read()
    assert len(reader.calls()) < 12


def remove_first(state):
    """Delete the first engagement, and the links to it, as Airtable does."""
    gone = state.records[ENGAGEMENTS].pop(0)["id"]
    for records in state.records.values():
        for record in records:
            for field_id, value in list(record["fields"].items()):
                if isinstance(value, list) and gone in value:
                    record["fields"][field_id] = [linked for linked in value if linked != gone]
    return gone


def test_a_record_that_is_shifted_past_the_pages_is_found_because_it_was_known(server, tmp_path):
    sandbox = server.fresh(**SMALL, airtable__moving_pages=1)
    state = sandbox.world.state.airtable
    for record in state.records[PROJECTS]:
        record["fields"].pop("fldPrjEngagement0", None)  # no link tells that it is missing
    reader = sandbox.reader("airtable")
    earlier = earlier_load("airtable", reader.read(), tmp_path / "warehouse.duckdb")
    with reader.changed_after(1, f"/{ENGAGEMENTS}", lambda: remove_first(state)):
        rows = reader.read(earlier)
    assert {record["id"] for record in state.records[ENGAGEMENTS]} <= ids(rows)
    assert reader.quarantine == []


def test_a_record_that_is_shifted_past_the_pages_of_a_first_load_is_found_by_a_link(server):
    sandbox = server.fresh(**SMALL, airtable__moving_pages=1)
    state = sandbox.world.state.airtable
    shifted = state.records[ENGAGEMENTS][20]
    project = state.records[PROJECTS][0]
    project["fields"]["fldPrjEngagement0"] = [shifted["id"]]
    reader = sandbox.reader("airtable")
    with reader.changed_after(1, f"/{ENGAGEMENTS}", lambda: remove_first(state)):
        rows = reader.read()
    assert shifted["id"] in ids(rows)


def test_a_link_to_a_record_that_is_not_there_is_named(sandbox):
    project = sandbox.world.state.airtable.records[PROJECTS][0]
    project["fields"]["fldPrjEngagement0"] = ["recIsNotThere0000"]
    reader = sandbox.reader("airtable")
    reader.read()
    [aside] = reader.quarantine
    assert (aside["table_name"], aside["record_ref"]) == ("records", ENGAGEMENTS)
    assert "recIsNotThere0000" in aside["payload"]


def test_a_deleted_record_is_gone_in_the_next_load(sandbox, tmp_path):
    reader = sandbox.reader("airtable")
    earlier = earlier_load("airtable", reader.read(), tmp_path / "warehouse.duckdb")
    gone = remove_first(sandbox.world.state.airtable)
    assert gone not in ids(reader.read(earlier))
    assert reader.quarantine == []


# Fields that the rule tables use


def without_status():
    """Return the story with a base whose engagements have no Status any more, as Airtable shows it after the field was deleted."""
    from pipelines.sandbox.story import build_state

    state = build_state()
    table = state.airtable.tables[0]
    table["fields"] = [field for field in table["fields"] if field["id"] != "fldEngStatus00000"]
    for record in state.airtable.records[ENGAGEMENTS]:
        record["fields"].pop("fldEngStatus00000", None)
    return state


@pytest.mark.parametrize(
    "is_first",
    [
        pytest.param(False, id="removed between two syncs", marks=pytest.mark.thorough),
        pytest.param(True, id="gone before the first sync", marks=pytest.mark.thorough),
    ],
)
def test_a_mapped_field_that_is_gone_is_named_with_what_to_do(request, home, is_first):
    from pipelines.sandbox.server import running

    home = home if is_first else request.getfixturevalue("copy_of_demo")
    with running(without_status()) as served:
        done = run(home, "sync", SANDBOX_PORT=port_of(served))
    assert done.returncode in {0, 3}, done.stdout + done.stderr
    snapshot = warehouse.open_current(home)
    reasons = [
        row["reason"] for row in snapshot.rows("select reason from marts.rpt_quarantine where record_ref = 'fldEngStatus00000'")
    ]
    [reason] = reasons
    assert "map_fields.csv takes engagements.status from this field (Status)" in reason
    assert "Name the field that replaces it" in reason
    drift = snapshot.rows("select kind, what_to_do from marts.rpt_drift where field = 'fldEngStatus00000'")
    if is_first:
        assert drift == []
    else:
        [row] = drift
        assert row["kind"] == "removed"
        assert "name the field that replaces it" in row["what_to_do"]
