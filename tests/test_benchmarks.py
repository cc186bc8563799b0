"""The benchmark's own judgement: it must see what is wrong, and find nothing wrong with handoff."""

import copy
from datetime import UTC, datetime

import duckdb
import pytest

from benchmarks import base, portal
from benchmarks.__main__ import main
from benchmarks.copies import differences
from benchmarks.organisation import COPIED, multiply
from pipelines import warehouse
from pipelines.settings import PROJECT_ROOT

RULES = PROJECT_ROOT / "dbt" / "seeds" / "default"

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def held():
    return portal.truth(portal.build(120))


def test_the_truth_does_not_differ_from_itself(held):
    assert differences(held, copy.deepcopy(held)) == "nothing"


def test_everything_that_a_copy_can_have_wrong_is_counted(held):
    wrong = copy.deepcopy(held)
    first, second, *_ = wrong.records["deals"]
    del wrong.records["deals"][first]
    wrong.records["deals"][second] = "old"
    wrong.records["contacts"]["1"] = "a ghost"
    label = next(iter(wrong.labels))
    wrong.labels.remove(label)
    wrong.links.remove(label[:4])
    assert differences(held, wrong) == (
        "1 records missing; 1 deleted records kept; 1 records out of date; 1 links missing; 1 labels wrong"
    )


def test_a_copy_without_labels_is_told_from_one_with_wrong_ones(held):
    unlabelled = copy.deepcopy(held)
    unlabelled.labels = None
    assert differences(held, unlabelled) == f"{len(held.labels)} labels not read"


def test_an_ordinary_day_leaves_a_copy_of_the_day_before_wrong_in_every_way_that_it_names():
    state = portal.build(120)
    before = portal.truth(state)
    portal.change(state, NOW)
    assert differences(portal.truth(state), before) == (
        "5 records missing; 5 deleted records kept; 50 records out of date; 5 links missing; 15 labels wrong"
    )
    state = base.build(120)
    before = base.truth(state)
    base.change(state, NOW)
    assert differences(base.truth(state), before) == "5 records missing; 5 deleted records kept; 50 records out of date"


# HubSpot: 6 pages of records, a page of archived ones for each of 3 objects, 3 definitions of properties, pairs and labels of 3 pairs,
# active and former owners, pipelines. Airtable: the schema, 2 pages, 3 empty tables; after deletions the table once more.
@pytest.mark.parametrize(("vendor", "requests"), [("hubspot", (21, 21)), ("airtable", (6, 8))])
def test_handoff_reads_the_truth_with_as_few_requests_as_pages_and_batches_allow(vendor, requests, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.__main__.SCRATCH", tmp_path)
    assert main(["--vendor", vendor, "--size", "120", "--loaders", "handoff"]) == 0
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| handoff")]
    assert [(row[1], row[-1]) for row in rows] == [("full", "nothing"), ("incremental", "nothing")]
    assert tuple(int(row[2]) for row in rows) == requests


def test_copies_of_the_organisation_are_whole_and_share_no_record(demo_home, tmp_path):
    base_file = warehouse.current_version(demo_home) / warehouse.FILE_NAME
    database, rules = multiply(base_file, RULES, copies=3, services=2, to=tmp_path)
    with duckdb.connect(str(base_file), read_only=True) as one, duckdb.connect(str(database), read_only=True) as three:

        def counts(sql):
            return one.execute(sql).fetchall()[0][0], three.execute(sql).fetchall()[0][0]

        for table in COPIED:
            before, after = counts(f"select count(*) from {table}")
            assert (table, after) == (table, 3 * before)
        before, after = counts("select count(*) from raw_aws.costs")
        assert after == 6 * before
        for table in ("raw_hubspot.deals", "raw_airtable.records", "raw_github.project_items", "raw_aws.accounts"):
            total, different = three.execute(f"select count(*), count(distinct id) from {table}").fetchall()[0]
            assert total == different, table
        # every link leads to a record of its own copy, as in the original
        loose = """
            select count(*) from raw_hubspot.associations as links
            left join raw_hubspot.deals as deals on links.from_id = deals.id
            where links.from_object = 'deals' and deals.id is null
        """
        before, after = counts(loose)
        assert after == 3 * before
        linked = """
            select count(*) from raw_airtable.records as records
            inner join raw_hubspot.deals as deals on contains(records.fields_json, '/0-3/' || deals.id || '"')
        """
        before, after = counts(linked)
        assert before > 0
        assert after == 3 * before
    lines = (rules / "map_accounts_to_deals.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) - 1 == 3 * (len((RULES / "map_accounts_to_deals.csv").read_text(encoding="utf-8").splitlines()) - 1)
