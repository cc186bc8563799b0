"""What deals, engagements and project items said before is kept, each with the time in which it held."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from conftest import PROJECT
from project import RULES

pytestmark = pytest.mark.thorough

DEAL, GONE = "1001", "1002"

_CHANGE_AND_BUILD = """
import json, sys
from datetime import date
from pathlib import Path
import duckdb
from pipelines.transform import build
folder = Path(sys.argv[1])
file = folder / "wh.duckdb"
def rows():
    with duckdb.connect(str(file)) as connection:
        return connection.execute(
            "select deal_id, stage_id, valid_from_at is not null, valid_to_at is not null from history.snp_deals "
            "where deal_id in (?, ?) order by deal_id, valid_from_at", sys.argv[3:5]).fetchall()
seen = []
for statement in json.loads(sys.argv[5]):
    with duckdb.connect(str(file)) as connection:
        connection.execute(statement)
    built = build(building_file=file, rules_dir=Path(sys.argv[2]), work_folder=folder, as_of=date(2026, 11, 16), only_for="snp_deals")
    assert not built.errors, built.errors
    seen.append(rows())
print(json.dumps(seen))
"""


def test_a_changed_deal_gets_a_second_row_and_a_deleted_one_an_end(demo_home, tmp_path):
    database = shutil.copy(demo_home / "warehouse" / "CURRENT" / "wh.duckdb", tmp_path / "wh.duckdb")
    database.chmod(0o600)
    statements = [
        "select 1",
        f"update raw_hubspot.deals set properties_json = replace(properties_json, '\"dealstage\":\"', '\"dealstage\":\"x') where id = '{DEAL}'",
        f"delete from raw_hubspot.deals where id = '{GONE}'",
    ]
    done = subprocess.run(
        [sys.executable, "-c", _CHANGE_AND_BUILD, str(tmp_path), str(RULES), DEAL, GONE, json.dumps(statements)],
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    unchanged, changed, deleted = json.loads(done.stdout)
    # nothing changed between the demo's own sync and this build
    assert [row[0] for row in unchanged] == [DEAL, GONE]
    assert [row[3] for row in unchanged] == [False, False]
    [before, after] = [row for row in changed if row[0] == DEAL]
    assert after[1] == "x" + before[1]
    assert [before[2:], after[2:]] == [[True, True], [True, False]]
    assert [row[3] for row in deleted if row[0] == GONE] == [True]
    assert [row for row in deleted if row[0] == DEAL] == [before, after], "what did not change again has no further row"
