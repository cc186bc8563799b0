"""handoff's own reading and loading of Airtable, as `handoff sync` does it before the models are built."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.loaders import ours

TITLE = "handoff"
REQUIREMENTS = None


def prepare(home: Path) -> dict[str, str]:
    """Return the settings of the run."""
    from pipelines.sandbox.story import build_state

    return {"HANDOFF_HOME": str(home), "AIRTABLE_BASE_ID": build_state().airtable.base_id}


def read_copy(home: Path):
    """Return what the warehouse holds of the table."""
    import duckdb

    from benchmarks.base import TABLE, digest
    from benchmarks.copies import Copy

    with duckdb.connect(str(home / ours.FILE_NAME), read_only=True) as connection:
        rows = connection.execute("select id, fields_json from raw_airtable.records where table_id = ?", [TABLE]).fetchall()
    return Copy({TABLE: {record_id: digest(json.loads(fields)) for record_id, fields in rows}})


if __name__ == "__main__":
    ours.load("airtable", Path(sys.argv[1]), sys.argv[2])
