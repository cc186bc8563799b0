"""``handoff export`` and ``handoff restore``: everything as Parquet, proved file by file, and back again."""

from __future__ import annotations

import json
import shutil

import duckdb
import pytest
from small_home import AT, every_value, publish, record_run

from pipelines import backups, doctor, warehouse
from pipelines.errors import ConfigurationError
from pipelines.ledger import Ledger, LedgerProblem
from pipelines.settings import load_settings


def fill(connection):
    connection.execute(
        "create or replace table marts.types as select 170141183460469231731687303715884105727::hugeint as big, "
        "12.34::decimal(18, 2) as usd, timestamptz '2026-11-16 09:30:00+00' as at, date '2026-02-28' as day, "
        "null::varchar as nothing, '' as empty, 'a''b\"c\n😀' as text, [1, 2] as list, 0.1::double as ratio, true as is_it"
    )
    connection.execute('create or replace table marts."../odd name" as select 1 as n')


@pytest.fixture
def kept(home):
    publish(home, "r1", fill)
    publish(home, "r2")
    record_run(home, "r2")
    (home / "plans").mkdir()
    (home / "plans/plan-1.json").write_text("{}")
    return home


@pytest.fixture
def elsewhere(tmp_path):
    return tmp_path / "elsewhere"


def test_everything_comes_back_as_it_was(kept, elsewhere, tmp_path):
    exported = backups.export(kept, tmp_path / "x", at=AT, with_keys=True)
    restored = backups.restore(elsewhere, tmp_path / "x", at=AT)
    assert (exported.snapshots, exported.ledger_rows) == (restored.snapshots, restored.ledger_rows) == (2, 1)
    assert warehouse.current_run_id(elsewhere) == "r2"
    for run_id in ("r1", "r2"):
        versions = [warehouse.Snapshot(warehouse.Layout(home).versions / run_id) for home in (kept, elsewhere)]
        tables = versions[0].rows("select schema_name as s, table_name as t from duckdb_tables() order by all")
        for row in tables:
            query = f'from "{row["s"]}"."{row["t"]}"'
            assert versions[0].rows(query) == versions[1].rows(query), row
        assert versions[1].rows("select * from staging.a_reader") == []
        columns = "select schema_name, table_name, column_name, data_type, is_nullable from duckdb_columns() where not internal order by all"
        assert versions[0].rows(columns) == versions[1].rows(columns)
    assert (elsewhere / "plans/plan-1.json").read_text() == "{}"
    with Ledger.open(elsewhere) as ledger:
        assert ledger.verify().is_sound
        assert [row["run_id"] for row in ledger.run_rows()] == ["r2"]
        assert ledger.event_rows()[0]["kind"] == "restore"


def test_a_restored_home_is_in_order_for_doctor_and_private(kept, elsewhere, tmp_path):
    backups.export(kept, tmp_path / "x", at=AT, with_keys=True)
    backups.restore(elsewhere, tmp_path / "x", at=AT)
    assert [line.text for line in doctor.examine(load_settings(handoff_home=elsewhere)) if not line.is_ok] == []
    paths = [path for folder in (elsewhere, tmp_path / "x") for path in folder.rglob("*") if not path.is_symlink()]
    assert [path for path in paths if path.stat().st_mode & 0o077] == []


def test_what_parquet_has_no_type_for_keeps_its_value(kept, tmp_path):
    backups.export(kept, tmp_path / "x", at=AT)
    [row] = duckdb.sql(f"select big from '{tmp_path}/x/snapshots/r1/marts/types.parquet'").fetchall()
    assert row == ("170141183460469231731687303715884105727",)


def test_names_of_tables_lead_nowhere_else(kept, tmp_path, record_property):
    backups.export(kept, tmp_path / "x", at=AT)
    assert {path.name for path in tmp_path.iterdir() if path.name != "home"} <= {"x"}
    assert (tmp_path / "x/snapshots/r1/marts/%2E%2E%2Fodd%20name.parquet").exists()
    record_property("figure", "0 files outside of an export")


def test_keys_are_left_out_unless_asked_for(kept, elsewhere, tmp_path):
    backups.export(kept, tmp_path / "x", at=AT)
    assert not list((tmp_path / "x").rglob("*.key"))
    with pytest.raises(ConfigurationError, match=r"Copy plan\.key"):
        backups.restore(elsewhere, tmp_path / "x", at=AT)
    shutil.copyfile(kept / "plan.key", elsewhere / "plan.key")
    assert backups.restore(elsewhere, tmp_path / "x", at=AT).ledger_rows == 1


def test_a_ledger_sealed_by_another_key_is_not_taken_over(kept, elsewhere, tmp_path):
    backups.export(kept, tmp_path / "x", at=AT)
    elsewhere.mkdir()
    (elsewhere / "plan.key").write_text("ab" * 32)
    with pytest.raises(LedgerProblem, match="not sealed with the key of this home"):
        backups.restore(elsewhere, tmp_path / "x", at=AT)
    assert warehouse.current_version(elsewhere) is None


def damage(kind, folder):
    file = folder / "snapshots/r1/marts/run.parquet"
    match kind:
        case "a flipped byte":
            content = bytearray(file.read_bytes())
            content[len(content) // 2] ^= 1
            file.write_bytes(content)
        case "a file that is gone":
            file.unlink()
        case "a file too many":
            (folder / "ledger/more.parquet").write_bytes(b"")
        case "no manifest, as an export that was killed leaves it":
            (folder / "manifest.json").unlink()
        case "a name that leads elsewhere":
            manifest = json.loads((folder / "manifest.json").read_text())
            manifest["files"]["../outside"] = {"sha256": "0"}
            (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "kind",
    [
        "a flipped byte",
        "a file that is gone",
        "a file too many",
        "no manifest, as an export that was killed leaves it",
        "a name that leads elsewhere",
    ],
)
def test_an_export_that_is_not_whole_is_refused_before_anything_is_written(kept, elsewhere, tmp_path, kind):
    backups.export(kept, tmp_path / "x", at=AT, with_keys=True)
    damage(kind, tmp_path / "x")
    with pytest.raises(ConfigurationError, match="nothing was changed"):
        backups.restore(elsewhere, tmp_path / "x", at=AT)
    assert not elsewhere.exists()


def test_a_home_that_is_in_use_is_not_restored_over(kept, tmp_path):
    backups.export(kept, tmp_path / "x", at=AT)
    with pytest.raises(ConfigurationError, match="does not mix two homes"):
        backups.restore(kept, tmp_path / "x", at=AT)
    with pytest.raises(ConfigurationError, match="is not empty"):
        backups.export(kept, tmp_path / "x", at=AT)


def test_a_restore_that_was_killed_before_the_pointer_is_done_again(kept, elsewhere, tmp_path, monkeypatch):
    backups.export(kept, tmp_path / "x", at=AT, with_keys=True)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(warehouse, "point_to", killed)
        with pytest.raises(KeyboardInterrupt):
            backups.restore(elsewhere, tmp_path / "x", at=AT)
    assert warehouse.current_version(elsewhere) is None
    backups.restore(elsewhere, tmp_path / "x", at=AT)
    assert warehouse.current_run_id(elsewhere) == "r2"
    with Ledger.open(elsewhere) as ledger:
        assert len(ledger.entries()) == 2
        assert ledger.verify().is_sound
    assert set(every_value(kept)) <= set(every_value(elsewhere))
