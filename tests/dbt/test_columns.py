"""Every column of a snapshot is described, by words of its own or of the dictionary, and nothing is described that is not there."""

from __future__ import annotations

from collections import Counter

import duckdb
import pytest
from project import PROJECT_FOLDER, parsed

BUILT = ("model", "seed", "snapshot")
DICTIONARY = PROJECT_FOLDER / "models" / "dictionary"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return parsed(tmp_path_factory.mktemp("parsed"))


@pytest.fixture(scope="module")
def built(manifest):
    """Return what dbt builds, by name."""
    return {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] in BUILT}


@pytest.fixture(scope="module")
def columns_there(demo_home, built):
    """Return the columns that the demo's snapshot has of each."""
    with duckdb.connect(str(demo_home / "warehouse" / "CURRENT" / "wh.duckdb"), read_only=True) as snapshot:
        columns = snapshot.sql("select schema_name, table_name, column_name from duckdb_columns() where not internal").fetchall()
    return {name: {column for *table, column in columns if table == [node["schema"], name]} for name, node in built.items()}


@pytest.fixture(scope="module")
def used_blocks(manifest):
    """Return how often each block of the documentation stands in a description."""
    described = [*manifest["nodes"].values(), *manifest["sources"].values(), *manifest["exposures"].values()]
    described += [column for node in described for column in node.get("columns", {}).values()]
    return Counter(block for thing in described for block in thing.get("doc_blocks", []))


def test_every_column_is_described(built, columns_there):
    nowhere = [name for name, columns in columns_there.items() if not columns]
    assert not nowhere, "the demo's snapshot does not hold these"
    bare = [
        f"{name}.{column}"
        for name, columns in columns_there.items()
        for column in sorted(columns)
        if not built[name]["columns"].get(column, {}).get("description", "").strip()
    ]
    assert not bare, "describe these in the yml beside the model, if their name always means the same in dbt/models/dictionary"


def test_no_description_is_of_a_column_that_is_not_there(built, columns_there):
    gone = [f"{name}.{column}" for name, node in built.items() for column in node["columns"] if column not in columns_there[name]]
    assert not gone


def test_every_description_of_a_column_is_a_sentence(built):
    for name, node in built.items():
        for column, about in node["columns"].items():
            assert about["description"].strip().endswith("."), f"{name}.{column}: {about['description']!r}"


def test_every_block_of_the_documentation_is_used(manifest, used_blocks):
    unused = [block for block in manifest["docs"] if block.startswith("doc.handoff.") and not used_blocks[block]]
    assert not unused


def test_a_block_of_the_dictionary_is_named_after_the_columns_that_it_describes(manifest, built):
    """Behind two underscores stands which of several meanings it is: ``amount__deal`` describes columns called ``amount``."""
    in_dictionary = {
        block for block, about in manifest["docs"].items() if (PROJECT_FOLDER / about["original_file_path"]).parent == DICTIONARY
    }
    assert in_dictionary
    misplaced = [
        f"{name}.{column} is described by {block}"
        for name, node in built.items()
        for column, about in node["columns"].items()
        for block in about["doc_blocks"]
        if block in in_dictionary and block.removeprefix("doc.handoff.").split("__")[0] != column
    ]
    assert not misplaced
