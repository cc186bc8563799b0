"""Values that JSON allows and stores do not, and field names that collide: every other row is loaded, and every repair is named."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime

import pytest
import reading

from pipelines.settings import VENDORS

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
UNSTORABLE = {"lone surrogate": "a\ud800b", "NUL": "a\0b"}
STORABLE = {
    "right to left": "\u202eabc\u202c",
    "emoji": "\N{PARTY POPPER}",
    "terminal": "\x1b]8;;http://example.org\x07",
    "not a number": "NaN",
    "2^70 as text": str(2**70),
    "markup": "<script>alert(1)</script>",
    "template": "{{ config() }}",
    "quotes": "'; drop table deals; --\"",
    "path": "../../etc/passwd",
}
COLLIDING = ("Deal Name", "deal-name", "deal_name", "DEAL NAME", "Déal Name", "", "select")

server, sandbox = reading.server, reading.sandbox


class Text:
    """One text of a vendor: how to write it in the sandbox, and where it is to be found in what was read."""

    def __init__(self, vendor, state):
        self.vendor, self._state = vendor, state
        self.reference = None  # what the record is named by, where it has no id of its own
        getattr(self, f"_{vendor}")()

    def _hubspot(self):
        self.table, record = "deals", next(iter(self._state.hubspot.objects["deals"].values()))
        self.id = {"id": record.id}
        self.put = lambda value: record.properties.update(dealname=value)
        self.got = lambda row: json.loads(row["properties_json"])["dealname"]

    def _airtable(self):
        table = self._state.airtable.tables[0]
        field = table["primaryFieldId"]
        record = self._state.airtable.records[table["id"]][0]
        self.table, self.id = "records", {"table_id": table["id"], "id": record["id"]}
        self.put = lambda value: record["fields"].update({field: value})
        self.got = lambda row: json.loads(row["fields_json"])[field]

    def _asana(self):
        project = next(iter(self._state.asana.projects.values()))
        self.table, self.id = "projects", {"id": project["gid"]}
        self.put = lambda value: project.update(name=value)
        self.got = lambda row: row["name"]

    def _github(self):
        repository = max(self._state.github.issues, key=lambda name: len(self._state.github.issues[name]))
        issue = self._state.github.issues[repository][0]
        self.table, self.id = (
            "issues",
            {"repository": f"{self._state.github.organization}/{repository}", "number": issue["number"]},
        )
        self.put = lambda value: issue.update(body=value)
        self.got = lambda row: row["body"]

    def _aws(self):
        account = self._state.aws.accounts[0]
        self.table, self.id = "accounts", {"id": account["Id"]}
        self.put = lambda value: account.update(Name=value)
        self.got = lambda row: row["name"]

    def _sheets(self):
        sheets = self._state.sheets
        self.table, self.id = "tabs", {"id": f"{sheets.spreadsheet_id}/{sheets.tabs[0]['sheetId']}"}
        self.put = lambda value: setattr(sheets, "title", value)
        # the title is also what the columns are said to be of
        self.got = lambda row: row["title"]

    def _intacct(self):
        invoice = self._state.intacct.objects["accounts-receivable/invoice"][0]
        self.table, self.id = "invoices", {"id": invoice["key"]}
        self.put = lambda value: invoice.update(referenceNumber=value)
        self.got = lambda row: row["deal_ref"]

    def _prometheus(self):
        # one sample, because the hub's name stands in each of its rows
        metric = {"__name__": "jupyterhub_active_users", "namespace": "dirty", "period": "30d"}
        at = datetime(2026, 10, 31, 23, 40, tzinfo=UTC).timestamp()
        self._state.prometheus.series.append({"metric": metric, "values": [[at, "777"]]})
        self.table, self.id, self.reference = "users", {"user_count": 777}, "month/a"
        self.put = lambda value: metric.update(namespace=value)
        self.got = lambda row: row["hub"]

    def of(self, rows):
        [row] = [row for row in rows[self.table] if self.id.items() <= row.items()]
        return self.got(row)

    def others(self, rows):
        return {
            table: [row for row in content if table != self.table or not self.id.items() <= row.items()]
            for table, content in rows.items()
            if table not in {"property_histories", "readings"}
        }


@pytest.fixture(params=VENDORS)
def text(request, sandbox):
    return Text(request.param, sandbox.world.state)


def named(reader, word):
    return [item for item in reader.quarantine if word in json.dumps(item)]


def test_texts_that_can_be_stored_are_kept_letter_by_letter(sandbox, text, record_property):
    reader = sandbox.reader(text.vendor)
    clean = reader.read()
    value = " ".join(STORABLE.values())
    text.put(value)
    rows = reader.read()
    assert text.of(rows) == value
    assert text.others(rows) == text.others(clean)
    assert not named(reader, "cannot be stored")
    record_property("counted", "hostile texts in values, kept or named")


@pytest.mark.parametrize("name", UNSTORABLE)
def test_what_no_database_keeps_is_replaced_and_the_record_named(sandbox, text, name, record_property):
    reader = sandbox.reader(text.vendor)
    clean = reader.read()
    text.put(UNSTORABLE[name])
    rows = reader.read()
    assert text.of(rows) == f"a{REPLACEMENT}b"
    assert text.others(rows) == text.others(clean)
    [repair] = named(reader, "cannot be stored")
    assert repair["table_name"] == text.table
    assert (text.reference or str(text.id.get("id", text.id.get("number")))) in repair["record_ref"]
    record_property("counted", "hostile texts in values, kept or named")


def test_ten_megabytes_of_text_are_kept_whole(sandbox, text):
    text.put("x" * 10_000_000)
    rows = sandbox.reader(text.vendor).read()
    assert len(text.of(rows)) == 10_000_000


@pytest.mark.parametrize("value", [2**70, -(2**70), 1e308, 0.1])
def test_a_number_of_any_size_in_a_field_is_kept(sandbox, value):
    record_id = airtable_fields(sandbox, ["Number"])
    table = sandbox.world.state.airtable.tables[0]
    sandbox.world.state.airtable.records[table["id"]][0]["fields"]["fldDirty000000000"] = value
    reader = sandbox.reader("airtable")
    [row] = [row for row in reader.read()["records"] if row["id"] == record_id]
    assert json.loads(row["fields_json"])["fldDirty000000000"] == value
    assert not reader.quarantine


# Names of fields


def hubspot_properties(sandbox, names):
    state = sandbox.world.state.hubspot
    template = next(item for item in state.property_definitions["deals"] if item["name"] == "dealname")
    record = next(iter(state.objects["deals"].values()))
    for number, name in enumerate(names):
        state.property_definitions["deals"].append(copy.deepcopy(template) | {"name": name, "label": name})
        record.properties[name] = f"value {number}"
    return record.id


def airtable_fields(sandbox, names):
    state = sandbox.world.state.airtable
    table = state.tables[0]
    record = state.records[table["id"]][0]
    for number, name in enumerate(names):
        field = f"fldDirty{number:09d}"
        table["fields"].append({"id": field, "name": name, "type": "singleLineText"})
        record["fields"][field] = f"value {number}"
    return record["id"]


def values_of(rows, table, record_id, column):
    [row] = [row for row in rows[table] if row["id"] == record_id]
    return [value for value in json.loads(row[column]).values() if str(value).startswith("value ")]


@pytest.mark.parametrize(
    "names", [[name for name in COLLIDING if name], [f"new_column_{number}" for number in range(300)]], ids=len
)
def test_new_and_colliding_properties_of_hubspot_all_keep_their_values(sandbox, names, record_property):
    reader = sandbox.reader("hubspot")
    clean = reader.read()
    record_id = hubspot_properties(sandbox, names)
    rows = reader.read()
    assert len(values_of(rows, "deals", record_id, "properties_json")) == len(names)
    assert len(rows["properties"]) == len(clean["properties"]) + len(names)
    assert len(rows["deals"]) == len(clean["deals"])
    assert not reader.quarantine
    record_property("counted", "hostile names of fields, 0 columns of their making")


@pytest.mark.parametrize("names", [COLLIDING, [f"New column {number}" for number in range(300)]], ids=len)
def test_new_and_colliding_fields_of_airtable_all_keep_their_values(sandbox, names, record_property):
    reader = sandbox.reader("airtable")
    clean = reader.read()
    record_id = airtable_fields(sandbox, names)
    rows = reader.read()
    assert len(values_of(rows, "records", record_id, "fields_json")) == len(names)
    assert len(rows["fields"]) == len(clean["fields"]) + len(names)
    assert len(rows["records"]) == len(clean["records"])
    assert not reader.quarantine
    record_property("counted", "hostile names of fields, 0 columns of their making")


@pytest.mark.parametrize("name", UNSTORABLE)
def test_a_field_name_that_cannot_be_stored_is_repaired_and_named(sandbox, name, record_property):
    reader = sandbox.reader("airtable")
    airtable_fields(sandbox, [UNSTORABLE[name]])
    rows = reader.read()
    assert f"a{REPLACEMENT}b" in {row["name"] for row in rows["fields"]}
    [item] = named(reader, "cannot be stored")
    assert item["table_name"] == "fields"
    record_property("counted", "hostile names of fields, 0 columns of their making")


def test_a_field_of_a_project_with_any_name_and_type_is_kept(sandbox, record_property):
    project = sandbox.world.state.github.projects[0]
    for number, name in enumerate(COLLIDING):
        project["fields"].append(
            copy.deepcopy(project["fields"][0]) | {"id": 990_000 + number, "name": name, "data_type": "of_tomorrow"}
        )
    reader = sandbox.reader("github")
    rows = reader.read()
    assert {row["name"] for row in rows["project_fields"]} >= set(COLLIDING)
    assert {row["data_type"] for row in rows["project_fields"]} >= {"of_tomorrow"}
    told = [item for item in reader.quarantine if "of_tomorrow, which handoff does not know" in item["reason"]]
    assert len(told) == len(reader.quarantine) == len(COLLIDING)
    record_property("counted", "hostile names of fields, 0 columns of their making")


def test_a_value_that_changes_its_type_is_kept_as_it_came(sandbox):
    table = sandbox.world.state.airtable.tables[0]
    field, records = table["primaryFieldId"], sandbox.world.state.airtable.records[table["id"]]
    values = [["a", "list"], {"an": "object"}, True, 12, 0.5, "text"]
    for record, value in zip(records, values, strict=False):
        record["fields"][field] = value
    rows = sandbox.reader("airtable").read()
    kept = {row["id"]: json.loads(row["fields_json"]).get(field) for row in rows["records"]}
    assert [kept[record["id"]] for record in records[: len(values)]] == values
