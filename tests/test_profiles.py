"""A profile that says only in what it differs: which tables are in force, and what is said of a profile that does not hold together."""

from __future__ import annotations

import shutil

import pytest
from conftest import PROJECT

from pipelines.errors import ConfigurationError
from pipelines.profiles import in_one_folder, table_files
from pipelines.rules import load_rules, mistakes_in

SEEDS = PROJECT / "dbt/seeds"


@pytest.fixture
def seeds(tmp_path):
    """Return a folder with the default profile and one that is based on it."""
    folder = tmp_path / "seeds"
    shutil.copytree(SEEDS / "default", folder / "default")
    (folder / "mine").mkdir()
    (folder / "mine/profile.toml").write_text('based_on = "default"\n')
    return folder


@pytest.mark.parametrize("name", sorted(path.name for path in SEEDS.iterdir()))
def test_every_profile_that_ships_is_in_order(name):
    assert mistakes_in(SEEDS / name) == []


def test_a_table_of_the_profile_counts_and_every_other_one_is_that_of_its_base(seeds):
    shutil.copyfile(seeds / "default/rule_modes.csv", seeds / "mine/rule_modes.csv")
    with (seeds / "mine/rule_modes.csv").open("a") as file:
        file.write("HG04,off,Not ours\n")
    rules = load_rules(seeds / "mine")
    assert rules.profile == "mine"
    assert {row["rule_id"]: row["mode"] for row in rules.table("rule_modes")}["HG04"] == "off"
    assert rules.table("rule_stages") == load_rules(seeds / "default").table("rule_stages")


def test_dbt_gets_one_folder_with_what_is_in_force(seeds, tmp_path):
    (seeds / "mine/rule_holidays.csv").write_text("holiday_on,reason\n2027-01-01,New Year\n")
    together = in_one_folder(seeds / "mine", tmp_path / "work")
    assert {path.name for path in together.iterdir()} == {path.name for path in table_files(seeds / "mine")}
    assert "2027-01-01,New Year" in (together / "rule_holidays.csv").read_text()
    # what was taken out of the profile is its base's again
    (seeds / "mine/rule_holidays.csv").unlink()
    together = in_one_folder(seeds / "mine", tmp_path / "work")
    assert (together / "rule_holidays.csv").read_text() == (seeds / "default/rule_holidays.csv").read_text()
    assert in_one_folder(seeds / "default", tmp_path / "work") == seeds / "default"


def test_a_mistake_names_the_file_that_holds_it(seeds):
    (seeds / "mine/rule_holidays.csv").write_text("holiday_on,reason\nChristmas,Closed\n")
    assert [str(seeds / "mine/rule_holidays.csv") in mistake.sentence for mistake in mistakes_in(seeds / "mine")] == [True]


def test_two_kinds_of_line_ends_in_one_file_are_a_mistake_before_they_are_an_error_of_the_database(seeds):
    with (seeds / "default/rule_holidays.csv").open("ab") as file:
        file.write(b"2028-01-01,New Year\r\n")
    assert ["two kinds of line ends" in mistake.sentence for mistake in mistakes_in(seeds / "default")] == [True]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("based_on = default", "not readable TOML"),
        ("", "says nothing that is understood"),
        ("based_on = 3", "says nothing that is understood"),
        ('based_on = "default"\nname = "x"', "says nothing that is understood"),
        ('based_on = "nowhere"', "which is not a folder"),
        ('based_on = "mine"', "is itself based on another profile"),
        ('based_on = "\xff"', "not readable TOML"),
    ],
)
def test_a_profile_that_does_not_hold_together_is_one_sentence_with_the_next_step(seeds, content, words):
    (seeds / "mine/profile.toml").write_text(content, encoding="latin-1")
    with pytest.raises(ConfigurationError) as raised:
        load_rules(seeds / "mine")
    assert words in raised.value.sentence
    assert "profile.toml" in raised.value.sentence
    assert raised.value.sentence.endswith(("stands for itself.", "on that other one."))
