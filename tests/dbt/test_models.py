"""The models keep the sentences that their unit tests say, and their names, contracts and pages agree."""

from __future__ import annotations

import re
import shutil

import duckdb
import pytest
from conftest import PROJECT
from project import PROJECT_FOLDER, rules, run_unit_tests, unit_tests

MODELS = sorted(PROJECT_FOLDER.glob("models/**/*.sql"))
PUBLISHED = [path.stem for path in MODELS if {"marts", "actions"} & set(path.parts)]
SENTENCES = unit_tests()
# rule -> the unit test of the model that judges it, where the one that words it gets only what was found
JUDGED_ELSEWHERE = {"BO10": "an_alarm_of_aws_without_an_overrun_here_is_named_and_so_is_an_overrun_without_an_alarm"}


@pytest.fixture(scope="module")
def tested(demo_home, tmp_path_factory):
    """Run dbt's unit tests once, over a copy of the demo's snapshot."""
    folder = tmp_path_factory.mktemp("unit-tests")
    database = shutil.copy(demo_home / "warehouse" / "CURRENT" / "wh.duckdb", folder / "wh.duckdb")
    database.chmod(0o600)
    return run_unit_tests(database, folder)


@pytest.fixture(scope="module")
def models(tested):
    _, manifest = tested
    return {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_the_models_do_what_their_unit_test_says(tested, sentence):
    results, _ = tested
    result = results[sentence]
    assert result["status"] == "pass", f"{SENTENCES[sentence]['model']}: {sentence.replace('_', ' ')}\n{result['message']}"


def test_dbt_ran_every_unit_test_that_is_written_down(tested):
    results, _ = tested
    assert set(results) == set(SENTENCES)


def test_every_rule_has_a_unit_test_in_which_it_fires():
    expected = str([test["expect"] for test in SENTENCES.values()])
    for rule in rules():
        assert re.search(rf"\b{rule['rule_id']}:", expected), rule["rule_id"]


@pytest.mark.parametrize("rule_id", [rule["rule_id"] for rule in rules()])
def test_every_rule_leaves_something_alone_where_it_fires(rule_id):
    """One of its unit tests gives more records of a kind than the rule names: those beside the edge."""
    if rule_id in JUDGED_ELSEWHERE:
        assert JUDGED_ELSEWHERE[rule_id] in SENTENCES
        return
    for test in SENTENCES.values():
        fired = len([row for row in test["expect"].get("rows", []) if re.search(rf"\b{rule_id}:", str(row))])
        if test["model"].startswith("int_") and 0 < fired < most_records(test):
            return
    pytest.fail(f"no unit test shows what {rule_id} does not name")


def most_records(test):
    """Return how many rows the largest input of a unit test has; rule tables and gates are no records."""
    records = [given["rows"] for given in test["given"] if not re.search(r"'(rule|map)_|gates|loads", given["input"])]
    return max((len(rows) for rows in records if isinstance(rows, list)), default=0)


def test_every_unit_test_is_named_by_a_sentence_and_knows_its_model():
    names = {path.stem for path in MODELS}
    for name, test in SENTENCES.items():
        assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+){3,}", name), name
        assert test["model"] in names, name


def test_every_model_is_described(models):
    assert set(models) == {path.stem for path in MODELS}
    for name, model in models.items():
        assert re.match(r"(One row|Two rows)\b", model["description"]), f"{name}: a description begins with the grain"


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_model_has_an_enforced_contract_and_describes_every_column(models, name):
    model = models[name]
    assert model["config"]["contract"]["enforced"]
    assert model["columns"]
    for column in model["columns"].values():
        assert column["description"], f"{name}.{column['name']}"
        assert column["data_type"], f"{name}.{column['name']}"


def test_the_history_describes_every_column(tested, demo_home):
    _, manifest = tested
    snapshots = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "snapshot"}
    with duckdb.connect(str(demo_home / "warehouse" / "CURRENT" / "wh.duckdb"), read_only=True) as warehouse:
        columns = warehouse.execute(
            "select table_name, column_name from duckdb_columns() where schema_name = 'history' and not internal"
        ).fetchall()
    described = {
        (name, column["name"]) for name, node in snapshots.items() for column in node["columns"].values() if column["description"]
    }
    assert {table for table, _ in columns} == set(snapshots)
    assert set(columns) == described


def pages() -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """Return each model that docs/marts.md describes: its text, and its columns with their meaning."""
    text = (PROJECT / "docs" / "marts.md").read_text(encoding="utf-8")
    sections = re.split(r"(?m)^### `(\w+)`\n", text)[1:]
    found = {}
    for name, section in zip(sections[::2], sections[1::2], strict=True):
        body = section.split("\n## ")[0]
        found[name] = (body, re.findall(r"(?m)^\| `(\w+)` \| (.+) \|$", body))
    return found


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_documentation_names_exactly_the_columns_of_the_contract(models, name):
    described = pages()
    body, columns = described[name]
    if "The columns of `fct_findings` as far as `as_of_on`, then:" in body:
        shared = described["fct_findings"][1]
        columns = shared[: [name for name, _ in shared].index("as_of_on") + 1] + columns
    contract = [(column["name"], " ".join(column["description"].split())) for column in models[name]["columns"].values()]
    assert columns == contract


def test_the_documentation_describes_no_model_that_is_not_there():
    assert set(pages()) == set(PUBLISHED)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_model_is_named_for_its_layer(path):
    layer, *folders = path.relative_to(PROJECT_FOLDER / "models").parts[:-1]
    match layer:
        case "staging":
            [vendor] = folders
            assert re.fullmatch(rf"stg_{vendor}__[a-z_]+", path.stem)
        case "intermediate":
            assert not folders
            assert re.fullmatch(r"int_[a-z_]+", path.stem)
        case "marts":
            assert len(folders) == 1
            assert re.fullmatch(r"(dim|fct|rpt)_[a-z_]+", path.stem)
        case "actions":
            assert not folders
            assert re.fullmatch(r"act_[a-z_]+", path.stem)
        case _:
            pytest.fail(f"{layer} is no layer")


def test_rule_tables_are_named_rule_or_map():
    for path in (PROJECT_FOLDER / "seeds" / "default").glob("*"):
        assert re.fullmatch(r"(rule|map)_[a-z_]+\.csv", path.name), path.name


@pytest.mark.parametrize("path", sorted(PROJECT_FOLDER.glob("tests/*.sql")), ids=lambda path: path.stem)
def test_a_singular_test_says_when_it_returns_a_row(path):
    assert re.fullmatch(r"assert_[a-z_]+", path.stem)
    assert path.read_text(encoding="utf-8").startswith("-- Returns a row when ")


def test_a_primary_key_is_what_every_row_has_and_no_two_rows_share():
    text = (PROJECT_FOLDER / "tests/generic/primary_key.sql").read_text(encoding="utf-8")
    query = (
        re.sub(r"\{[%#].*?[%#]\}", "", text, flags=re.DOTALL).replace("{{ column_name }}", "id").replace("{{ model }}", "rows")
    )
    with duckdb.connect() as connection:
        connection.execute("create table rows as from (values ('a'), ('b')) as listed (id)")
        assert connection.execute(query).fetchall() == []
        connection.execute("insert into rows values ('b'), (null)")
        assert sorted(connection.execute(query).fetchall(), key=str) == [("b", 2), (None, 1)]


def test_dbt_leaves_nothing_in_the_project(tested):
    for name in ("target", "logs", "dbt_packages"):
        assert not (PROJECT_FOLDER / name).exists(), name
