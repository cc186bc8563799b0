"""ingestr: one command for each object, into SQLite (its DuckDB driver is downloaded at run time, which this benchmark does not do)."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

TITLE = "ingestr, to SQLite"
REQUIREMENTS = "ingestr.txt"
_OBJECTS = ("deals", "companies", "contacts")


def prepare(home: Path) -> dict[str, str]:
    """Return the environment of the run: a home of its own, and no telemetry."""
    return {"HOME": str(home), "INGESTR_DISABLE_TELEMETRY": "true", "DISABLE_TELEMETRY": "true"}


def read_copy(home: Path):
    """Return what the database holds of the portal; ingestr keeps no labels."""
    from benchmarks.copies import Copy
    from benchmarks.portal import PAIRS, PROPERTIES

    held = Copy(labels=None)
    with sqlite3.connect(home / "hubspot.db") as connection:
        for word in _OBJECTS:
            names = {name for _, name, *_ in connection.execute(f"pragma table_info({word})")}
            columns = ", ".join(name if name in names else "null" for name in PROPERTIES)
            live = "where _archived_at is null" if "_archived_at" in names else ""
            held.records[word] = {
                str(record_id): "\x1f".join(value or "" for value in values)
                for record_id, *values in connection.execute(f"select id, {columns} from {word} {live}")
            }
            for other in names.intersection(_OBJECTS):
                for from_id, found in connection.execute(f"select id, {other} from {word} where {other} is not null"):
                    for link in json.loads(found) or ():
                        ends = (word, str(from_id), other, str(link[f"{other}_id"]))
                        held.links.add(ends if (word, other) in PAIRS else (*ends[2:], *ends[:2]))
    return held


def main(home: Path) -> None:
    """Load HubSpot into HOME/hubspot.db."""
    command = shutil.which("ingestr", path=str(Path(sys.executable).parent))
    for word in _OBJECTS:
        source = ["--source-uri", f"hubspot://?api_key={os.environ['BENCH_TOKEN']}", "--source-table", word]
        target = ["--dest-uri", f"sqlite:///{home / 'hubspot.db'}", "--dest-table", word]
        subprocess.run(
            [
                command,
                "ingest",
                *source,
                *target,
                "--incremental-strategy",
                "merge",
                "--primary-key",
                "id",
                "--yes",
                "--progress",
                "log",
            ],
            check=True,
            stdout=sys.stderr,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
