"""`handoff rules init`: what is called otherwise is found, what could be two things or none is listed, and nothing is overwritten."""

from __future__ import annotations

import csv
import dataclasses
import json
import re

import pytest
from conftest import PROJECT
from demo import shared_demo_home
from loop import findings, run

from pipelines.access.definitions import Base, Portal
from pipelines.drafts import check_place, page_of, write
from pipelines.errors import ConfigurationError
from pipelines.likeness import LIKELY, SURE, Thing, Wanted, matched
from pipelines.proposals import Draft, propose_fields, propose_labels, propose_organisation, propose_pipelines
from pipelines.rules import load_rules, mistakes_in
from pipelines.sandbox.attachment import state_file
from pipelines.sandbox.story import build_state, process_of

DEFAULT = PROJECT / "dbt/seeds/default"


@pytest.fixture
def rules():
    return load_rules(DEFAULT)


def stage(stage_id, label, probability="0.5", closed="false"):
    return {"id": stage_id, "label": label, "metadata": {"isClosed": closed, "probability": probability}}


def portal_of(*pipelines, **properties):
    return Portal({"portalId": 77, "uiDomain": "app.hubspot.com", "companyCurrency": "EUR"}, list(pipelines), properties)


SALES = {
    "id": "55",
    "label": "Sales Pipeline",
    "stages": [
        stage("a", "Prospect"),
        stage("b", "Qualified-to-buy"),
        stage("c", "Zebra"),
        stage("d", "NEGOTIATION"),
        stage("e", "Paperwork"),
        stage("w", "Hooray", "1.0", "true"),
        stage("l", "Oh no", "0.0", "true"),
    ],
}


def named(field, label, *others, key=""):
    return Wanted(field, key, (label, *others))


def test_its_own_label_outweighs_another_name_and_what_only_resembles_is_a_hint():
    [start, end] = matched(
        [named("start_on", "Contract start date", "Agreement start"), named("end_on", "Contract end date")],
        [
            Thing("p1", "Agreement start", "date"),
            Thing("p2", "contract start-date", "date"),
            Thing("p3", "Contract ends", "date"),
        ],
    )
    assert (start.thing.key, start.confidence) == ("p2", SURE)
    assert end.thing is None
    assert [hint.key for hint in end.hints] == ["p3"]


def test_where_two_fit_or_one_thing_fits_two_nobody_guesses():
    twice = matched([named("start_on", "Start")], [Thing("p1", "Start", "date"), Thing("p2", "start", "date")])
    assert (twice[0].thing, twice[0].reason, len(twice[0].hints)) == (None, "2 fit", 2)
    shared = matched(
        [named("start_on", "Begin", "Start"), named("target_start_on", "Plan", "Start")], [Thing("p1", "Start", "date")]
    )
    assert [(match.thing, match.reason) for match in shared] == [
        (None, "it may as well be target_start_on"),
        (None, "it may as well be start_on"),
    ]


def test_a_field_that_cannot_hold_a_day_is_no_date():
    [match] = matched([named("start_on", "Start")], [Thing("p1", "Start", "checkbox")])
    assert match.thing is None


def test_stages_are_known_by_their_names_and_by_how_they_close_a_deal_and_others_are_listed(rules):
    draft = Draft()
    propose_pipelines(draft, rules, portal_of(SALES, {"id": "66", "label": "Partners", "stages": []}))
    assert {row["stage_id"]: row["stage_key"] for row in draft.tables["rule_stages"]} == {
        "a": "lead",
        "b": "qualified",
        "d": "negotiation",
        "e": "contract_admin",
        "w": "closed_won",
        "l": "closed_lost",
    }
    assert {row["pipeline_id"] for row in draft.tables["rule_stages"]} == {"55"}
    # what goes with a stage comes along
    assert next(row for row in draft.tables["rule_stages"] if row["stage_id"] == "e")["is_handoff"] == "true"
    assert [row["pipeline_id"] for row in draft.tables["rule_engagement_stores"]] == ["55"]
    confidences = {proposal.meaning: proposal.confidence for proposal in draft.proposals}
    assert (confidences["Hooray (w)"], confidences["Paperwork (e)"]) == (SURE, LIKELY)
    listed = {item.subject: item.next_step for item in draft.unknown}
    assert "the stage proposal" in listed
    assert "stage_id c to rule_stages.csv; until then no rule judges deals in it" in listed["Zebra (c)"]
    assert {"the pipeline for Renewals", "the pipeline for Gifts", "Partners (66)"} <= listed.keys()


def test_two_stages_that_win_a_deal_are_listed_and_not_guessed(rules):
    draft = Draft()
    two = SALES | {"stages": [stage("w1", "Signed", "1.0", "true"), stage("w2", "Paid", "1.0", "true")]}
    propose_pipelines(draft, rules, portal_of(two))
    assert draft.tables["rule_stages"] == []
    assert "the stage closed_won" in {item.subject for item in draft.unknown}


def test_the_id_of_a_pipeline_says_nothing_where_its_label_is_another(rules):
    draft = Draft()
    propose_pipelines(draft, rules, portal_of({"id": "7001", "label": "Partners", "stages": []}))
    assert draft.tables["rule_pipelines"] == []


def test_a_field_that_is_not_there_is_left_out_with_the_line_that_would_add_it(rules):
    draft = Draft()
    deals = [
        Thing("dealname", "Deal Name", "string"),
        Thing("begin", "Agreement start", "date"),
        Thing("x9", "Contract end day", "date"),
    ]
    tables = [Thing("tbl1", "Engagements"), Thing("tbl2", "Projects"), Thing("tbl3", "Projects")]
    base = Base(tables, {"tbl1": [Thing("fld1", "Engagement", "singleLineText")]}, {})
    propose_fields(draft, rules, portal_of(deals=deals), base, {})
    rows = {(row["system"], row["object"], row["canonical_field"]): row["vendor_field"] for row in draft.tables["map_fields"]}
    assert rows["hubspot", "deals", "start_on"] == "begin"
    assert ("hubspot", "deals", "end_on") not in rows
    assert rows["airtable", "engagements", "table_id"] == "tbl1"
    assert rows["airtable", "engagements", "engagement_name"] == "fld1"
    assert not {key for key in rows if key[:2] == ("airtable", "projects")}
    # nobody could be asked: the rows stay as they ship
    assert rows["hubspot", "communities", "community_id"] == "community_id"
    listed = {item.subject: item for item in draft.unknown}
    assert "`hubspot,deals,end_on,x9,Contract end day` to map_fields.csv" in listed["end_on (Contract end date)"].next_step
    assert "2 fit; perhaps Projects (tbl2), Projects (tbl3)" in listed["the table of projects"].reason


def test_the_profile_holds_only_what_differs_and_nothing_is_overwritten(rules, tmp_path):
    draft, portal = Draft(), portal_of(SALES)
    portal.contact_labels = [Thing("Buyer", "Buyer"), Thing("Champion or PI", "Champion or PI")]
    propose_organisation(draft, rules, portal)
    propose_labels(draft, rules, portal)
    folder = tmp_path / "mine"
    check_place(folder)
    assert write(draft, folder, DEFAULT) == ["rule_contact_roles.csv", "rule_organisation.csv"]
    with (folder / "rule_contact_roles.csv").open() as file:
        assert {row["role_key"]: row["label"] for row in csv.DictReader(file)}["champion"] == "Champion or PI"
    assert mistakes_in(folder) == []
    mine = load_rules(folder)
    assert (mine.organisation["hubspot_portal_id"], mine.organisation["currency"]) == ("77", "EUR")
    assert "| Organisation | currency | EUR | sure | HubSpot says so of the portal |" in page_of(draft)
    with pytest.raises(ConfigurationError, match="is there already, and nothing is overwritten. Give the path of a new folder"):
        check_place(folder)


def test_a_profile_from_one_that_is_based_on_another_stands_on_the_same_base(tmp_path):
    write(Draft(), tmp_path / "mine", PROJECT / "dbt/seeds/2i2c_2026")
    assert (tmp_path / "mine/profile.toml").read_text() == f'based_on = "{DEFAULT}"\n'
    assert mistakes_in(tmp_path / "mine") == []
    mine, shipped = load_rules(tmp_path / "mine"), load_rules(PROJECT / "dbt/seeds/2i2c_2026")
    assert mine.table("rule_stages") == shipped.table("rule_stages")


PROPERTIES = {
    "contract_start_date": ("agreement_begin", "Agreement start date"),
    "contract_end_date": ("agreement_finish", "Agreement end"),
    "agreement_url": ("paper_link", "Contract link"),
    "agreement_executed": ("paper_done", "Fully executed"),
    "renewal_status": ("renewal_decision", "Renewal decision"),
    "cloud_paid_by": ("payer", "Who pays the cloud"),
    "community_name": ("nick", "Short name"),
    "github_username": ("gh", "GitHub id"),
}
LABELS = {"Proposal": "Proposal sent", "Negotiation": "Terms", "Contract Admin": "Paperwork", "Qualified": "Sales qualified"}
PIPELINES = {"7001": ("88001", "Existing business"), "7002": ("88002", "Donations")}


def renamed(state):
    """Return the invented organisation as JSON, with other names and ids for its stages, pipelines, properties, tables and fields."""
    content = dataclasses.asdict(state)
    hubspot = content["hubspot"]
    for pipeline in hubspot["pipelines"]["deals"]:
        pipeline["id"], pipeline["label"] = PIPELINES.get(pipeline["id"], (pipeline["id"], pipeline["label"]))
        for item in pipeline["stages"]:
            item["id"], item["label"] = f"9{item['id']}", LABELS.get(item["label"], item["label"])
    for record in hubspot["objects"]["deals"].values():
        record["properties"]["dealstage"] = f"9{record['properties']['dealstage']}"
        record["properties"]["pipeline"] = PIPELINES.get(record["properties"]["pipeline"], (record["properties"]["pipeline"],))[0]
        for entry in record["history"].get("dealstage", []):
            entry["value"] = f"9{entry['value']}"
        for entry in record["history"].get("pipeline", []):
            entry["value"] = PIPELINES.get(entry["value"], (entry["value"],))[0]
    for definitions in hubspot["property_definitions"].values():
        for definition in definitions:
            definition["name"], definition["label"] = PROPERTIES.get(
                definition["name"], (definition["name"], definition["label"])
            )
            if definition["name"] in {"dealstage", "pipeline"}:
                definition["options"] = []
    for records in hubspot["objects"].values():
        for record in records.values():
            for held in (record["properties"], record["history"]):
                for old, (new, _) in PROPERTIES.items():
                    if old in held:
                        held[new] = held.pop(old)
    for table in content["airtable"]["tables"]:
        for field in table["fields"]:
            field["name"] = {"HubSpot deal": "Deal URL", "Delivery owner": "Delivered by"}.get(field["name"], field["name"])
    text = json.dumps(content)
    for old, new in (
        ("fldEngStart000000", "fldOurOwnStart000"),
        ("fldEngDealUrl0000", "fldOurOwnDeal0000"),
        ("tblEngagements000", "tblOurOwnEngage00"),
    ):
        text = text.replace(old, new)
    return text


@pytest.mark.thorough
def test_an_organisation_that_calls_everything_otherwise_gets_a_profile_with_the_same_findings(tmp_path, tmp_path_factory):
    home, mine = tmp_path / "home", tmp_path / "mine"
    home.mkdir()
    file = state_file(home)
    file.parent.mkdir(parents=True)
    file.write_text(renamed(build_state(process_of(DEFAULT))))
    made = run(home, "rules", "init", str(mine))
    assert made.returncode == 0, made.stdout + made.stderr
    assert "SANDBOX: no token is set" in made.stderr
    assert {path.name for path in mine.iterdir()} >= {"map_fields.csv", "rule_stages.csv", "rule_pipelines.csv", "profile.toml"}
    assert mistakes_in(mine) == []
    assert {path.name for path in mine.iterdir()} == {
        *("PROPOSALS.md", "map_fields.csv", "profile.toml", "rule_engagement_stores.csv", "rule_pipelines.csv", "rule_stages.csv")
    }
    looked = run(home, "doctor", RULES_DIR=str(mine))
    assert looked.returncode == 0, looked.stdout + looked.stderr
    synced = run(home, "sync", "--as-of", "2026-11-16", RULES_DIR=str(mine))
    assert synced.returncode == 0, synced.stdout + synced.stderr
    said = ("rule_id", "status", "severity", "deal_id", "community_name", "owner_team", "owner", "due_on")

    def of(place):
        # the id of a finding about a move has the id of the stage in it
        return {re.sub(r":9(\d{4}-)", r":\1", key): [row[name] for name in said] for key, row in findings(place).items()}

    assert of(home) == of(shared_demo_home(tmp_path_factory))
