"""What is promised of every recipe: it gives way to people, it changes nothing twice, and it can be told what became of it."""

import re

import pytest
from conftest import PROJECT
from recipes import RECIPES, proposed_by_the_models
from write_back import statuses

from pipelines.settings import VENDORS

BY_NAME = [pytest.param(recipe, id=recipe.name) for recipe in RECIPES]


def prepared(recipe, vendors):
    if recipe.prepare:
        recipe.prepare(vendors)
    return recipe.rows(vendors)


def test_every_recipe_of_the_models_is_tried_here_and_every_vendor_is_written_to():
    assert {recipe.name for recipe in RECIPES} == proposed_by_the_models()
    assert {recipe.system for recipe in RECIPES} == set(VENDORS) - {"intacct", "prometheus"}, "invoices and usage are only read"
    assert len({recipe.name for recipe in RECIPES}) == len(RECIPES)


@pytest.mark.parametrize("recipe", BY_NAME)
def test_what_somebody_changed_between_plan_and_apply_is_a_conflict_and_nothing_is_written(recipe, write_back, vendors):
    rows = prepared(recipe, vendors)
    path = write_back.saved(rows)
    recipe.meddle(vendors)
    result = write_back.apply(path)
    assert result.exit_code == 3, result.refused
    assert set(statuses(result).values()) <= {"conflict", "skipped"}, statuses(result)
    assert statuses(result)[rows[0]["change_id"]] == "conflict"
    assert vendors.writes == []
    assert write_back.ledger_rows(phase="intent") == []


@pytest.mark.parametrize("recipe", BY_NAME)
def test_a_second_run_changes_nothing(recipe, write_back, vendors):
    rows = prepared(recipe, vendors)
    first = write_back.apply(write_back.saved(rows))
    assert set(statuses(first).values()) == {"applied"}, [row.sentence for row in first.results]
    written = len(vendors.writes)
    again = write_back.plan(rows)
    assert again.is_empty
    assert not again.held_back
    assert again.equal_already == len(rows)
    assert len(vendors.writes) == written


@pytest.mark.parametrize("recipe", BY_NAME)
def test_an_apply_that_finds_its_work_done_sends_nothing(recipe, write_back, vendors):
    rows = prepared(recipe, vendors)
    path, twin = write_back.saved(rows), write_back.saved(rows)
    write_back.apply(path)
    written = len(vendors.writes)
    result = write_back.apply(twin)
    assert set(statuses(result).values()) == {"already"}, statuses(result)
    assert len(vendors.writes) == written


@pytest.mark.parametrize("recipe", BY_NAME)
def test_undo_restores_what_was_there_and_names_what_was_made(recipe, write_back, vendors):
    rows = prepared(recipe, vendors)
    write_back.apply(write_back.saved(rows))
    undo = write_back.undo("latest")
    taken_back = {change.change_id.rsplit(":", 1)[-1] for change in undo.changes}
    # nothing that was made is deleted, but for a column of a spreadsheet, of which there is nothing but its cells
    made = [row["change_id"] for row in rows if row["record_id"] is None and row["object"] != "billing_columns"]
    assert len(undo.changes) == len(rows) - len(made), taken_back
    assert all("handoff deletes nothing" in held.why for held in undo.held_back)
    assert len(undo.held_back) == len(made)
    if undo.changes:
        result = write_back.apply(write_back.saved([], plan=undo))
        assert set(statuses(result).values()) == {"applied"}, [row.sentence for row in result.results]
        assert {change.change_id for change in write_back.plan(rows).changes} == {
            row["change_id"] for row in rows if row["change_id"] not in made
        }


def test_the_documentation_has_both_rows_of_every_recipe():
    text = (PROJECT / "docs" / "write-back.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", text, re.MULTILINE)
    for name in proposed_by_the_models():
        assert sorted(cells.count("|") for found, cells in rows if found == name) == [1, 4], name
