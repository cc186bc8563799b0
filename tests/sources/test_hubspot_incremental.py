"""HubSpot in several readings: what changed, went or came in between is there after the next one, for few requests."""

from __future__ import annotations

import copy
from collections import Counter
from datetime import UTC, date, datetime

import duckdb
import pytest
from conftest import PROJECT

from pipelines.extract import COMPLETE, SourceOutcome, land
from pipelines.rules import load_rules
from pipelines.sandbox.server import running
from pipelines.sandbox.story import build_state
from pipelines.settings import load_settings, prepare_dlt
from pipelines.sources.registry import SOURCES, Errand

AS_OF = date(2026, 11, 16)
LATER = "2026-11-20T09:00:00Z"
TABLES = {
    "records": "select 'deals', id, properties_json, archived from raw_hubspot.deals union all select 'companies', id, properties_json, "
    "archived from raw_hubspot.companies union all select 'contacts', id, properties_json, archived from raw_hubspot.contacts",
    "links": "select from_object, from_id, to_object, to_id, category, type_id, label from raw_hubspot.associations",
    "histories": "select object_type, id, histories_json from raw_hubspot.property_histories",
}


@pytest.fixture(scope="module")
def server():
    with running(build_state()) as sandbox:
        yield sandbox


class Warehouse:
    """A private copy that is read into again and again, as ``sync`` does it."""

    def __init__(self, sandbox, folder):
        self.sandbox, self.folder, self.count = sandbox, folder, 0
        self.building = folder / "wh.duckdb"

    def read(self, **settings):
        """Read once and return how many requests of which kind it took."""
        self.count += 1
        work = self.folder / f"run-{self.count}"
        prepare_dlt(work)
        chosen = {
            "hubspot_full_list_records": 0,
            "hubspot_full_sweep_days": 3650,
            "email_hash_key": "the same in every home",
        } | settings
        errand = Errand(
            load_settings(handoff_home=self.folder, _env_file=None, **chosen),
            load_rules(PROJECT / "dbt/seeds/default"),
            AS_OF,
            self.sandbox.url,
            self.building,
            work / "landing",
        )
        outcome = SourceOutcome("hubspot", True, datetime.now(UTC))
        self.sandbox.world.requests.clear()
        land(outcome, lambda: SOURCES["hubspot"](errand), building_file=self.building, previous_file=None, work=work)
        assert outcome.status == COMPLETE, outcome.error
        self.quarantine = outcome.quarantine
        kinds = Counter()
        for request in self.sandbox.world.requests:
            path = request["path"]
            known = ("labels", "associations", "search", "batch/read", "properties", "pipelines", "owners")
            kinds[next((kind for kind in known if kind in path), "list")] += 1
        return kinds

    def rows(self, table):
        with duckdb.connect(str(self.building)) as connection:
            return sorted(connection.execute(TABLES[table]).fetchall(), key=repr)

    def modes(self):
        with duckdb.connect(str(self.building)) as connection:
            rows = connection.execute("select object_type, mode, reason from raw_hubspot.readings").fetchall()
        return {word: (mode, reason) for word, mode, reason in rows}


@pytest.fixture
def warehouse(server, tmp_path, monkeypatch):
    # the pace is the transport's matter and has tests of its own
    monkeypatch.setattr("pipelines.dialects.HubspotDialect.rate", (10_000, 1.0))
    monkeypatch.setattr("pipelines.dialects.HubspotDialect.special_rates", ())
    monkeypatch.setattr("pipelines.dialects.HubspotDialect.told_rate", lambda *_: None)
    server.world.state = build_state()
    server.world.limits = {}
    return Warehouse(server, tmp_path)


def objects(warehouse, word):
    return warehouse.sandbox.world.state.hubspot.objects[word]


def live(warehouse, word):
    return [record for record in objects(warehouse, word).values() if not record.archived]


def change(record, when=LATER, **properties):
    record.properties.update(properties | {"hs_lastmodifieddate": when})
    record.updated_at = when


def assert_like_a_first_reading(warehouse, tmp_path):
    """Everything must be as if it had been read into an empty warehouse just now."""
    fresh = Warehouse(warehouse.sandbox, tmp_path / "fresh")
    fresh.read()
    for table in TABLES:
        assert warehouse.rows(table) == fresh.rows(table), table


def test_a_second_reading_without_a_change_asks_for_changes_and_leaves_the_tables_as_they_were(warehouse):
    first = warehouse.read()
    before = {table: warehouse.rows(table) for table in TABLES}
    second = warehouse.read()
    assert {mode for mode, _ in warehouse.modes().values()} == {"incremental"}
    assert {table: warehouse.rows(table) for table in TABLES} == before
    assert (first["search"], second["search"]) == (0, 12)  # what changed, and the portal's own count, for six objects
    assert second["batch/read"] == 0
    assert second["labels"] == 0


def test_fifty_changes_five_archived_five_relabelled_five_linked_and_five_added_are_all_there(warehouse, tmp_path):
    warehouse.read()
    state = warehouse.sandbox.world.state.hubspot
    deals = live(warehouse, "deals")
    for record in deals[:50]:
        change(record, dealname=f"{record.properties['dealname']} (renamed)")
    for record in deals[50:55]:  # archiving moves no modification time
        record.archived, record.archived_at = True, LATER
    contact_links = [link for link in state.associations if (link["from"], link["to"]) == ("deals", "contacts")]
    other = next(
        item for item in state.association_labels if (item["from"], item["to"]) == ("deals", "contacts") and item["label"]
    )
    for link in contact_links[:5]:
        link["typeId"], link["category"] = other["typeId"], other["category"]
    people = list(objects(warehouse, "contacts"))
    for record, contact_id in zip(deals[60:65], people, strict=False):
        state.associations.append(contact_links[0] | {"fromId": record.id, "toId": contact_id})
    for number in range(5):
        added = copy.deepcopy(deals[0])
        added.id = str(990_000 + number)
        change(added, hs_object_id=added.id)
        objects(warehouse, "deals")[added.id] = added
    kinds = warehouse.read()
    assert warehouse.modes()["deals"][0] == "incremental"
    assert kinds["batch/read"] == 2  # the histories of 55 changed deals
    assert_like_a_first_reading(warehouse, tmp_path)


def test_a_purged_record_leaves_no_ghost_because_the_portals_count_is_compared(warehouse, tmp_path):
    warehouse.read()
    gone = live(warehouse, "companies")[3]
    del objects(warehouse, "companies")[gone.id]
    state = warehouse.sandbox.world.state.hubspot
    state.associations = [link for link in state.associations if gone.id not in (link["fromId"], link["toId"])]
    warehouse.read()
    mode, reason = warehouse.modes()["companies"]
    assert mode == "full"
    there = len(live(warehouse, "companies"))
    assert f"the portal counts {there} and the changes lead to {there + 1}" in reason
    assert_like_a_first_reading(warehouse, tmp_path)


def test_a_restored_record_is_live_again_although_its_modification_time_did_not_move(warehouse, tmp_path):
    record = live(warehouse, "deals")[7]
    record.archived, record.archived_at = True, LATER
    warehouse.read()
    record.archived, record.archived_at = False, None
    warehouse.read()
    assert warehouse.modes()["deals"][0] == "incremental"
    assert_like_a_first_reading(warehouse, tmp_path)


def test_of_merged_records_only_the_winner_stays(warehouse, tmp_path):
    warehouse.read()
    winner, loser = live(warehouse, "deals")[:2]
    change(winner, hs_merged_object_ids=loser.id)
    del objects(warehouse, "deals")[loser.id]
    state = warehouse.sandbox.world.state.hubspot
    state.associations = [link for link in state.associations if loser.id not in (link["fromId"], link["toId"])]
    warehouse.read()
    assert warehouse.modes()["deals"][0] == "incremental"
    assert_like_a_first_reading(warehouse, tmp_path)


def test_more_changes_than_a_search_gives_are_all_found_though_they_share_one_moment(warehouse, tmp_path):
    warehouse.read()
    for record in live(warehouse, "deals"):
        change(record, dealname="All at once")
    warehouse.sandbox.world.limits = {"hubspot.search_cap": 3}
    # a search gives three results in all here, where HubSpot gives ten thousand
    warehouse.read()
    warehouse.sandbox.world.limits = {}
    assert warehouse.modes()["deals"][0] == "incremental"
    assert_like_a_first_reading(warehouse, tmp_path)


def test_what_the_index_did_not_show_yet_is_found_by_the_next_reading(warehouse, tmp_path):
    record = live(warehouse, "deals")[0]
    newest = max(item.updated_at for item in live(warehouse, "deals"))
    warehouse.read()
    # changed before the newest record that was seen, and shown only now
    moment = datetime.fromisoformat(newest).replace(minute=1)
    change(record, when=f"{moment:%Y-%m-%dT%H:%M:%SZ}", dealname="Late in the index")
    warehouse.read()
    assert warehouse.modes()["deals"][0] == "incremental"
    assert_like_a_first_reading(warehouse, tmp_path)


def test_a_new_property_is_filled_for_old_records_too(warehouse, tmp_path):
    warehouse.read()
    definitions = warehouse.sandbox.world.state.hubspot.property_definitions["deals"]
    definitions.append({**definitions[0], "name": "brand_new", "label": "Brand new"})
    for record in live(warehouse, "deals"):
        record.properties["brand_new"] = "set by a bulk import that moves no modification time"
    warehouse.read()
    assert warehouse.modes()["deals"] == ("full", "other properties are asked for than before")
    assert_like_a_first_reading(warehouse, tmp_path)


def test_few_records_are_listed_in_full_and_only_the_histories_of_changed_deals_are_asked_for(warehouse, tmp_path):
    warehouse.read(hubspot_full_list_records=500)
    change(live(warehouse, "deals")[0], dealname="Changed")
    kinds = warehouse.read(hubspot_full_list_records=500)
    assert kinds["search"] == 0
    assert kinds["batch/read"] == 1
    assert warehouse.modes()["deals"][0] == "full"
    assert_like_a_first_reading(warehouse, tmp_path)


def test_after_the_days_of_the_setting_everything_is_read_in_full(warehouse):
    warehouse.read()
    warehouse.read(hubspot_full_sweep_days=0)
    assert warehouse.modes()["deals"] == ("full", "every 0 days all records are read")


def test_a_history_that_does_not_end_where_the_record_is_is_named(warehouse):
    record = live(warehouse, "deals")[0]
    record.history["dealstage"] = record.history["dealstage"][1:]
    warehouse.read()
    named = [item for item in warehouse.quarantine if item["table_name"] == "property_histories"]
    assert [item["record_ref"] for item in named] == [record.id]
    assert "the history of dealstage ends with" in named[0]["reason"]


def test_without_stage_history_none_is_asked_for_and_none_is_kept(warehouse):
    warehouse.read()
    assert warehouse.rows("histories")
    kinds = warehouse.read(hubspot_stage_history=False)
    assert kinds["batch/read"] == 0
    assert warehouse.rows("histories") == []


def test_an_owner_who_left_is_known_as_one_who_left(warehouse):
    warehouse.read()
    owner = next(item for item in warehouse.sandbox.world.state.hubspot.owners if not item.get("archived"))
    owner["archived"] = True
    kinds = warehouse.read()
    with duckdb.connect(str(warehouse.building)) as connection:
        found = connection.execute("select archived from raw_hubspot.owners where id = ?", [str(owner["id"])]).fetchall()
    assert found == [(True,)]
    assert kinds["owners"] > 1
    assert warehouse.read()["owners"] == 1
