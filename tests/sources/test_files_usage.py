"""Usage files: who or how many used a hub; damaged rows are set aside, persons are hashed, and staff is marked."""

from __future__ import annotations

from datetime import date

import pytest
from conftest import PROJECT

from pipelines.errors import ConfigurationError
from pipelines.rules import load_rules
from pipelines.settings import load_settings
from pipelines.sources.files_usage import open_usage_file


def opened(tmp_path, *lines):
    path = tmp_path / "usage.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    settings = load_settings(handoff_home=tmp_path, _env_file=None, email_hash_key="the same in every test")
    return open_usage_file(path, settings, load_rules(PROJECT / "dbt/seeds/default"))


def read(tmp_path, *lines):
    file = opened(tmp_path, *lines)
    return file, list(file.rows())


def test_numbers_by_month_load_and_no_data_is_not_zero(tmp_path):
    file, rows = read(
        tmp_path, "Cluster,Month,Users", "moss,2026-09,12", "moss,2026-10-01,0", "moss,2026-11,N/A", "moss,2026-12,"
    )
    assert [(row["hub"], row["period_kind"], row["period_on"], row["user_count"]) for row in rows] == [
        ("moss", "month", date(2026, 9, 1), 12),
        ("moss", "month", date(2026, 10, 1), 0),
        ("moss", "month", date(2026, 11, 1), None),
        ("moss", "month", date(2026, 12, 1), None),
    ]
    assert file.row_count == 4
    assert [row["line_number"] for row in rows] == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        ("moss,2026-09-31,3", "date '2026-09-31' is not a day like 2026-11-16"),
        ("moss,September,3", "date 'September' is not a day like 2026-11-16"),
        ("moss,2026-09-01,many", "users 'many' is not a number of people"),
        ("moss,2026-09-01,-3", "users '-3' is not a number of people"),
        ("moss,2026-09-01,2.5", "users '2.5' is not a number of people"),
        (" ,2026-09-01,3", "hub is empty"),
        ("moss,2026-09-01", "the row has 2 cells, the header has 3"),
    ],
)
def test_a_damaged_row_is_set_aside_with_its_line_and_reason_and_the_others_load(tmp_path, damaged, reason):
    file, rows = read(tmp_path, "hub,date,users", "moss,2026-09-01,3", damaged, "moss,2026-09-02,4")
    assert [row["user_count"] for row in rows] == [3, 4]
    [aside] = file.quarantine
    assert aside.reason == reason
    assert aside.place == "line 3"


def test_persons_are_hashed_and_staff_is_marked(tmp_path):
    _, rows = read(
        tmp_path, "hub,date,user", "moss,2026-09-01,Ada", "moss,2026-09-01,deployment-service-check", "moss,2026-09-01,ci[bot]"
    )
    assert [row["is_staff"] for row in rows] == [False, True, True]
    assert all(row["user_key"].startswith("hmac:") for row in rows)
    assert all(row.get("user_count") is None for row in rows)


def test_an_address_is_one_person_on_every_hub_and_another_name_is_not(tmp_path):
    _, rows = read(
        tmp_path,
        *("hub,date,user", "moss,2026-09-01,ada@moss.example", "fern,2026-09-01,ADA@moss.example"),
        *("moss,2026-09-01,ada", "fern,2026-09-01,ada", "moss,2026-09-02,Ada"),
    )
    mossy, ferny, moss, fern, later = (row["user_key"] for row in rows)
    assert mossy == ferny
    assert moss != fern
    assert moss == later


@pytest.mark.parametrize(
    ("header", "lacking"),
    [("date,users", "engagement or hub or cluster"), ("hub,users", "date or month"), ("hub,date", "user or users")],
)
def test_a_file_without_what_is_needed_is_refused_in_one_sentence(tmp_path, header, lacking):
    with pytest.raises(ConfigurationError, match=f"is not a usage file: it has no column {lacking}"):
        opened(tmp_path, header, "1,2")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    settings = load_settings(handoff_home=tmp_path, _env_file=None, email_hash_key="the same in every test")
    with pytest.raises(ConfigurationError, match="does not exist"):
        open_usage_file(tmp_path / "nothing.csv", settings, load_rules(PROJECT / "dbt/seeds/default"))
