"""Airbyte's HubSpot connector: discover, then read, its messages kept as JSON lines; a destination would come on top."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

TITLE = "Airbyte, to JSON lines"
REQUIREMENTS = "airbyte.txt"
_OBJECTS = ("deals", "companies", "contacts")


def prepare(home: Path) -> dict[str, str]:
    """Return the environment of the run: a home of its own, no telemetry, and the benchmark's authorities.

    Airbyte's requests heed no environment variable for authorities, only what certifi names.
    """
    start = home / "start"
    start.mkdir()
    (start / "sitecustomize.py").write_text(f"import certifi\n\ncertifi.where = lambda: {str(home / 'authorities.pem')!r}\n")
    return {"HOME": str(home), "DO_NOT_TRACK": "1", "PYTHONPATH": str(start)}


def read_copy(home: Path):
    """Return the last version of every record, as a destination that merges by id would keep it; Airbyte keeps no labels."""
    from benchmarks.copies import Copy
    from benchmarks.portal import PAIRS, PROPERTIES

    records: dict[str, dict[str, dict]] = {word: {} for word in _OBJECTS}
    for file in sorted(home.glob("messages-*.jsonl")):
        with file.open() as lines:
            for line in lines:
                message = json.loads(line)
                if message["type"] == "RECORD":
                    data = message["record"]["data"]
                    records[message["record"]["stream"]][str(data["id"])] = data
    held = Copy(labels=None)
    for word, found in records.items():
        live = {record_id: data for record_id, data in found.items() if not data.get("archived")}
        held.records[word] = {
            record_id: "\x1f".join(str(data.get(f"properties_{name}") or "") for name in PROPERTIES)
            for record_id, data in live.items()
        }
        for one, other in PAIRS:
            if one == word:
                held.links |= {(one, i, other, str(to_id)) for i, data in live.items() for to_id in data.get(other) or ()}
    return held


def main(home: Path, phase: str) -> None:
    """Discover at the first run, then read into HOME/messages-PHASE.jsonl with the state of the run before."""
    command = shutil.which("source-hubspot", path=str(Path(sys.executable).parent))
    config, catalog, state = home / "config.json", home / "catalog.json", home / "state.json"
    if not catalog.exists():
        credentials = {"credentials_title": "Private App Credentials", "access_token": os.environ["BENCH_TOKEN"]}
        config.write_text(json.dumps({"credentials": credentials, "start_date": "2020-01-01T00:00:00Z"}))
        found = subprocess.run([command, "discover", "--config", str(config)], check=True, capture_output=True, text=True).stdout
        streams = next(
            message["catalog"]["streams"] for message in map(json.loads, found.splitlines()) if message.get("type") == "CATALOG"
        )
        chosen = [
            {"stream": stream, "sync_mode": "incremental", "destination_sync_mode": "append_dedup"}
            for stream in streams
            if stream["name"] in _OBJECTS
        ]
        catalog.write_text(json.dumps({"streams": chosen}))
    known = ["--state", str(state)] if state.exists() else []
    messages = home / f"messages-{phase}.jsonl"
    with messages.open("w") as output:
        subprocess.run([command, "read", "--config", str(config), "--catalog", str(catalog), *known], check=True, stdout=output)
    states = {}
    with messages.open() as lines:
        for line in lines:
            message = json.loads(line)
            if message["type"] == "STATE":
                states[message["state"]["stream"]["stream_descriptor"]["name"]] = message["state"]
    state.write_text(json.dumps(list(states.values())))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
