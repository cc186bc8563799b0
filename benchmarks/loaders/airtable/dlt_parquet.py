"""dlt as its Airtable source does it: every table listed, replaced as a whole; Parquet files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

TITLE = "dlt, Parquet"
REQUIREMENTS = "dlt.txt"


def prepare(home: Path) -> dict[str, str]:
    """Return the environment of the run: its folders, and no telemetry."""
    from pipelines.sandbox.story import build_state

    return {
        "BENCH_BASE": build_state().airtable.base_id,
        "DLT_DATA_DIR": str(home / "dlt"),
        "DLT_CONFIG_FOLDER": str(home / "dlt"),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
        "HOME": str(home),
    }


def read_copy(home: Path):
    """Return what the warehouse holds of the table."""
    import duckdb

    from benchmarks.base import FIELDS, TABLE
    from benchmarks.copies import Copy

    with duckdb.connect(str(home / "airtable.duckdb"), read_only=True) as connection:
        known = {row[0] for row in connection.execute("describe base.benchmark").fetchall()}
        names = [f"fields__{name.lower().replace(' ', '_')}" for name in FIELDS.values()]
        columns = ", ".join(name if name in known else "null" for name in names)
        rows = connection.execute(f"select id, {columns} from base.benchmark").fetchall()
    return Copy({TABLE: {record_id: "\x1f".join(value or "" for value in values) for record_id, *values in rows}})


def main(home: Path) -> None:
    """Load every table of the base into HOME/airtable.duckdb."""
    import dlt
    from dlt.sources.helpers import requests

    base = os.environ["BENCH_BASE"]

    def ask(path, **params):
        headers = {"Authorization": f"Bearer {os.environ['BENCH_TOKEN']}"}
        answer = requests.get(f"https://api.airtable.com/v0/{path}", headers=headers, params=params)
        answer.raise_for_status()
        return answer.json()

    def records(table):
        params = {"pageSize": 100}
        while True:
            page = ask(f"{base}/{table}", **params)
            yield page["records"]
            if "offset" not in page:
                return
            params["offset"] = page["offset"]

    tables = ask(f"meta/bases/{base}/tables")["tables"]
    pipeline = dlt.pipeline("airtable", destination=dlt.destinations.duckdb(str(home / "airtable.duckdb")), dataset_name="base")
    resources = [dlt.resource(records(table["id"]), name=table["name"].lower(), write_disposition="replace") for table in tables]
    info = pipeline.run(resources, loader_file_format="parquet")
    info.raise_on_failed_jobs()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
