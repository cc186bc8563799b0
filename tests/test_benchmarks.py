"""The benchmark's own judgement: it must see what is wrong, and find nothing wrong with handoff."""

import copy
from datetime import UTC, datetime

import pytest

from benchmarks import base, portal
from benchmarks.__main__ import main
from benchmarks.copies import differences

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
