"""The documentation says what is there: commands, settings, targets, rules, marts and pages."""

from __future__ import annotations

import csv
import re

import pytest
from conftest import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")
DOCS = {path.name: path.read_text(encoding="utf-8") for path in (PROJECT / "docs").glob("*.md")}


def commands() -> list[str]:
    from typer.main import get_command

    from pipelines.cli import app

    group = get_command(app)
    names = [name for name in group.commands if name != "import"]
    return [*names, *(f"import {name}" for name in group.commands["import"].commands)]


@pytest.mark.parametrize("command", commands())
def test_every_command_is_documented(command):
    assert f"`handoff {command}" in DOCS["commands.md"]


def test_every_option_is_documented():
    from typer.main import get_command

    from pipelines.cli import app

    group = get_command(app)
    options = {option for command in group.commands.values() for parameter in command.params for option in parameter.opts}
    undocumented = {option for option in options if option.startswith("--")} - set(re.findall(r"--[a-z-]+", DOCS["commands.md"]))
    assert undocumented <= {"--keep"}, undocumented


def test_every_setting_is_documented_and_nothing_else_is():
    from pipelines.settings import Settings

    documented = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", "".join(re.findall(r"(?m)^\| (`.*?) \|", DOCS["settings.md"]))))
    assert documented == {name.upper() for name in Settings.model_fields}


def test_every_make_target_is_documented_and_there_are_at_most_eight():
    targets = re.findall(r"(?m)^([a-z]+):.*##", (PROJECT / "Makefile").read_text())
    assert len(targets) <= 8
    for target in set(targets) - {"help"}:
        assert f"`make {target}`" in DOCS["commands.md"]


def test_every_rule_is_documented_with_its_severity():
    with (PROJECT / "dbt/seeds/default/rule_findings.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            assert re.search(rf"\| `{row['rule_id']}` \|.*\| {row['severity']} \|", DOCS["rules.md"]), row["rule_id"]


def test_every_mart_and_action_is_documented():
    for path in [*PROJECT.glob("dbt/models/marts/**/*.sql"), *PROJECT.glob("dbt/models/actions/*.sql")]:
        assert f"`{path.stem}`" in DOCS["marts.md"], path.stem


def test_every_rule_table_is_documented():
    for path in (PROJECT / "dbt/seeds/default").glob("*.csv"):
        assert f"`{path.name}`" in DOCS["rules.md"], path.name


def test_every_dashboard_page_is_documented():
    for path in (PROJECT / "dashboards/pages").glob("*.py"):
        if path.stem != "__init__":
            assert path.stem.replace("_", " ") in DOCS["dashboard.md"].casefold(), path.stem


@pytest.mark.parametrize("name", ["README.md", *sorted(DOCS)])
def test_every_link_to_a_file_leads_somewhere(name):
    folder = PROJECT if name == "README.md" else PROJECT / "docs"
    text = README if name == "README.md" else DOCS[name]
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (folder / target).exists(), target


def test_the_tree_in_the_architecture_page_is_true():
    named = re.findall(r"(?m)^  ([a-z_]+\.py)\s", DOCS["architecture.md"])
    actual = {path.name for path in (PROJECT / "pipelines").glob("*.py")} - {"__init__.py"}
    assert set(named) == actual


def test_every_promise_is_documented_with_what_it_says():
    from promises import PROMISES

    for number, (words, _) in PROMISES.items():
        assert f"| {number} | {words} |" in DOCS["promises.md"]
