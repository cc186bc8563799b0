"""``handoff doctor``: a line for each thing that was looked at, with the next step where something must be done."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import UTC, date, datetime

import duckdb
import pytest
from conftest import PROJECT

from pipelines import doctor, warehouse
from pipelines.ledger import FILE_NAME, Ledger
from pipelines.settings import load_settings

AT = datetime(2026, 11, 16, 9, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory of the test's own, where ``.env`` is looked for."""
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def examined(**settings):
    return list(doctor.examine(load_settings(**settings)))


def to_do(lines):
    return [line.text for line in lines if not line.is_ok]


def fine(lines):
    return [line.text for line in lines if line.is_ok]


def publish(home, run_id):
    building = warehouse.begin_private_copy(home)
    with duckdb.connect(str(building)) as connection:
        connection.execute(f"create or replace table run as select '{run_id}' as run_id")
    return warehouse.publish(home, run_id, {})


@pytest.fixture
def published(home):
    publish(home, "run-1")
    publish(home, "run-2")
    with Ledger.open(home) as ledger:
        ledger.record_run_started("run-2", what="handoff sync", as_of=date(2026, 11, 16), started_at=AT)
    return home


def test_an_empty_home_without_settings_is_in_order(folder, home):
    lines = examined()
    assert to_do(lines) == []
    assert sum("SANDBOX" in text for text in fine(lines)) == 4
    assert any("none yet" in text and "`handoff sync`" in text for text in fine(lines))
    assert not home.exists(), "doctor only looks"


def test_sound_snapshots_and_a_sound_ledger_are_in_order(folder, published):
    lines = examined()
    assert to_do(lines) == []
    assert "Snapshot run-2 (current) is as it was published." in fine(lines)
    assert "Snapshot run-1 is as it was published." in fine(lines)
    assert "Ledger: 1 rows, the chain is unbroken." in fine(lines)


def flip_last_byte(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_the_current_snapshot_that_was_changed_is_replaced_by_a_sync(folder, published):
    flip_last_byte(published / "warehouse/versions/run-2/wh.duckdb")
    [text] = to_do(examined())
    assert "Snapshot run-2 (current) was changed" in text
    assert "Run `handoff sync`" in text


def test_an_earlier_snapshot_that_was_changed_is_removed(folder, published):
    version = published / "warehouse/versions/run-1"
    flip_last_byte(version / "wh.duckdb")
    [text] = to_do(examined())
    assert "Snapshot run-1 was changed" in text
    assert f"remove {version}" in text


@pytest.mark.parametrize("name", ["manifest.json", "wh.duckdb"])
def test_a_snapshot_without_one_of_its_files_is_not_whole(folder, published, name):
    (published / "warehouse/versions/run-2" / name).unlink()
    [text] = to_do(examined())
    assert "Snapshot run-2 (current) is not whole" in text


@pytest.mark.parametrize("also_the_folder", [False, True])
def test_a_pointer_that_leads_nowhere_is_named(folder, published, also_the_folder):
    shutil.rmtree(published / "warehouse/versions" / ("" if also_the_folder else "run-2"))
    [text] = to_do(examined())
    assert "CURRENT leads to" in text
    assert "Run `handoff sync`" in text


def test_a_broken_row_of_the_ledger_is_named(folder, published):
    with sqlite3.connect(published / FILE_NAME) as connection:
        connection.execute("update runs set what = 'nothing' where seq = 1")
    [text] = to_do(examined())
    assert "runs row 1" in text
    assert "Restore ledger.sqlite" in text


def test_a_file_that_is_no_ledger_is_named(folder, published):
    (published / FILE_NAME).write_bytes(b"not a database at all, but long enough to be taken for one" * 50)
    [text] = to_do(examined())
    assert "ledger.sqlite cannot be used" in text


@pytest.mark.parametrize("below", ["", "below"])
def test_a_home_that_is_a_file_ends_in_one_line(folder, tmp_path, below):
    (tmp_path / "home").write_text("not a folder")
    [text] = to_do(examined(handoff_home=tmp_path / "home" / below))
    assert "home is a file" in text
    assert "set HANDOFF_HOME to another one" in text


def test_a_broken_rule_table_is_named_and_no_vendor_is_asked_by_it(folder, home, tmp_path):
    profile = shutil.copytree(PROJECT / "dbt/seeds/default", tmp_path / "profile")
    (profile / "rule_stages.csv").write_text("pipeline\n")
    first, second = to_do(examined(rules_dir=profile, hubspot_access_token="a-token"))
    assert "rule_stages.csv, line 1" in first
    assert "hubspot: not asked, because the rule tables" in second


@pytest.mark.parametrize(("mode", "to_dos"), [(0o600, 0), (0o400, 0), (0o640, 1), (0o604, 1), (0o620, 1)])
def test_an_env_file_that_others_may_use_is_named_with_the_command(folder, home, mode, to_dos):
    (folder / ".env").write_text("HANDOFF_HOME=elsewhere\n")
    (folder / ".env").chmod(mode)
    texts = to_do(examined())
    assert len(texts) == to_dos
    for text in texts:
        assert f"mode {mode:o}" in text
        assert f"chmod 600 {folder / '.env'}" in text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("HUBSPOT_TOKEN=abc", "HUBSPOT_TOKEN"),
        ("AIRTABLE_ACCESS_TOKEN=abc", "AIRTABLE_ACCESS_TOKEN"),
        ("GITHUB_ORGANIZATION=ours", "GITHUB_ORGANIZATION"),
        ("AWS_ACCES_KEY_ID=abc", "AWS_ACCES_KEY_ID (perhaps AWS_ACCESS_KEY_ID)"),
        ("HANDOF_HOME=abc", "HANDOF_HOME (perhaps HANDOFF_HOME)"),
    ],
)
def test_a_misspelt_name_in_the_env_file_is_named_and_its_value_is_not(folder, home, line, words):
    (folder / ".env").write_text(f"{line}\n")
    (folder / ".env").chmod(0o600)
    [text] = to_do(examined())
    assert words in text
    assert "docs/settings.md" in text
    assert "=abc" not in text


def test_an_env_file_may_hold_what_is_meant_for_others(folder, home):
    (folder / ".env").write_text("AWS_REGION=us-west-2\nEDITOR=vi\nHUBSPOT_ACCESS_TOKEN=\nhandoff_home=elsewhere\n")
    (folder / ".env").chmod(0o600)
    assert to_do(examined()) == []


@pytest.mark.parametrize(
    ("settings", "given", "wanted"),
    [
        ({"airtable_base_id": "appX"}, "AIRTABLE_BASE_ID", "AIRTABLE_TOKEN"),
        ({"hubspot_write_token": "w"}, "HUBSPOT_WRITE_TOKEN", "HUBSPOT_ACCESS_TOKEN"),
        ({"github_org": "o", "github_project_numbers": "1"}, "GITHUB_ORG, GITHUB_PROJECT_NUMBERS", "GITHUB_TOKEN"),
        ({"aws_secret_access_key": "s"}, "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
    ],
)
def test_settings_of_a_vendor_without_its_token_are_not_taken_for_the_sandbox(folder, home, settings, given, wanted):
    [text] = to_do(examined(**settings))
    assert f"{given} is set and {wanted} is not" in text


def test_a_write_token_is_pointed_out_and_no_fault_of_its_own(folder, home, monkeypatch):
    monkeypatch.setattr("pipelines.access.probe", lambda *_: doctor_access())
    lines = examined(hubspot_access_token="r", hubspot_write_token="w")
    assert to_do(lines) == []
    [text] = [text for text in fine(lines) if "HUBSPOT_WRITE_TOKEN" in text]
    assert "No plan was ever made in this home." in text
    assert "Unset it where only syncs run." in text
    with Ledger.open(warehouse.make_private_folder(home)) as ledger:
        ledger.record_plan("plan-1", "made", at=AT, run_id="run-1", seal_of_plan="s", details={})
    [text] = [text for text in fine(examined(hubspot_access_token="r", hubspot_write_token="w")) if "HUBSPOT_WRITE_TOKEN" in text]
    assert "No plan was ever made" not in text


def test_one_token_for_reading_and_writing_must_be_two(folder, home, monkeypatch):
    monkeypatch.setattr("pipelines.access.probe", lambda *_: doctor_access())
    [text] = to_do(examined(github_token="same", github_write_token="same"))
    assert "GITHUB_WRITE_TOKEN and GITHUB_TOKEN are the same" in text
    assert "Make one of its own for reading" in text


def doctor_access():
    from pipelines.access import Access

    return Access("the token opens it.", [])


def test_a_channel_that_nobody_set_and_a_message_that_may_not_have_arrived_are_named(folder, published):
    with Ledger.open(published) as ledger:
        ledger.record_event("notice", "budget_exceeded:BO01:1:0@mail/abc", "Budget exceeded", at=AT, details={"phase": "intent"})
    said = to_do(examined(notify_urls="mail=mailto://127.0.0.1"))
    assert [text for text in said if "sends to operations, which NOTIFY_URLS does not have" in text]
    assert [text for text in said if "a run died while it sent budget_exceeded:BO01:1:0@mail/abc" in text]


def test_object_storage_that_shows_another_snapshot_or_does_not_answer_is_named(folder, published, tmp_path):
    from pipelines.snapshot_store import publish_there

    url = (tmp_path / "share").as_uri()
    assert any(f"{url} shows nothing, this home run-2" in text for text in to_do(examined(snapshot_url=url)))
    assert publish_there(load_settings(snapshot_url=url)) is None
    assert f"Object storage: {url} shows the same snapshot as this home." in fine(examined(snapshot_url=url))
    nowhere = {"snapshot_url": "s3://b/p", "aws_endpoint_url_s3": "http://127.0.0.1:9", "snapshot_access_key_id": "abcdefg"}
    assert any("could not be read" in text for text in to_do(examined(**nowhere, snapshot_secret_access_key="hijklmn")))
