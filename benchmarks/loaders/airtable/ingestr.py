"""ingestr: the table named, into SQLite."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

TITLE = "ingestr, to SQLite"
REQUIREMENTS = "ingestr.txt"


def prepare(home: Path) -> dict[str, str]:
    """Return the environment of the run: a home of its own, and no telemetry."""
    from pipelines.sandbox.story import build_state

    base = build_state().airtable.base_id
    return {"BENCH_BASE": base, "HOME": str(home), "INGESTR_DISABLE_TELEMETRY": "true", "DISABLE_TELEMETRY": "true"}


def read_copy(home: Path):
    """Return what the database holds of the table."""
    from benchmarks.base import FIELDS, TABLE
    from benchmarks.copies import Copy

    with sqlite3.connect(home / "airtable.db") as connection:
        known = {name: name for _, name, *_ in connection.execute("pragma table_info(benchmark)")}
        names = [known.get(f"fields__{name.lower().replace(' ', '_')}") or known.get(name) for name in FIELDS.values()]
        columns = ", ".join(f'"{name}"' if name else "null" for name in names)
        rows = connection.execute(f"select id, {columns} from benchmark").fetchall()
    return Copy({TABLE: {record_id: "\x1f".join(value or "" for value in values) for record_id, *values in rows}})


def main(home: Path) -> None:
    """Load the table into HOME/airtable.db."""
    command = shutil.which("ingestr", path=str(Path(sys.executable).parent))
    source = ["--source-uri", f"airtable://?access_token={os.environ['BENCH_TOKEN']}&base_id={os.environ['BENCH_BASE']}"]
    target = ["--dest-uri", f"sqlite:///{home / 'airtable.db'}", "--dest-table", "benchmark"]
    named = ["--source-table", f"{os.environ['BENCH_BASE']}/Benchmark"]
    subprocess.run([command, "ingest", *source, *named, *target, "--yes", "--progress", "log"], check=True, stdout=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
