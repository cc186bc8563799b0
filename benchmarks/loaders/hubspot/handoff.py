"""handoff's own reading and loading of HubSpot, as `handoff sync` does it before the models are built."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from pathlib import Path

from benchmarks.loaders import ours

TITLE = "handoff"
REQUIREMENTS = None
RULES = Path(__file__).parents[3] / "dbt/seeds/default"


def prepare(home: Path) -> dict[str, str]:
    """Write rule tables that name what the portal has, and return the settings of the run."""
    from benchmarks.portal import PAIRS, PROPERTIES

    rules = home / "rules"
    shutil.copytree(RULES, rules)
    objects = {word for pair in PAIRS for word in pair}
    fields = [row for row in _rows(rules / "map_fields.csv") if row["system"] != "hubspot" or row["object"] in objects]
    named = {"system": "hubspot", "vendor_label": ""}
    custom = [
        {**named, "object": word, "canonical_field": f"{word}_{name}", "vendor_field": name}
        for word in sorted(objects)
        for name in PROPERTIES
    ]
    _write(rules / "map_fields.csv", [*fields, *custom])
    _write(
        rules / "map_associations.csv",
        [
            {**_rows(rules / "map_associations.csv")[0], "from_object": one, "to_object": other, "purpose": "benchmark"}
            for one, other in PAIRS
        ],
    )
    intake = rules / "rule_intake_fields.csv"
    intake.write_text(intake.read_text().partition("\n")[0] + "\n")
    return {
        "HANDOFF_HOME": str(home),
        "RULES_DIR": str(rules),
        "HUBSPOT_STAGE_HISTORY": "false",
    }


def read_copy(home: Path):
    """Return what the warehouse holds of the portal."""
    import duckdb

    from benchmarks.copies import Copy
    from benchmarks.portal import PAIRS, digest

    with duckdb.connect(str(home / ours.FILE_NAME), read_only=True) as connection:
        held = Copy(
            {
                word: {
                    str(record_id): digest(json.loads(values))
                    for record_id, values in connection.execute(
                        f"select id, properties_json from raw_hubspot.{word} where not archived"
                    ).fetchall()
                }
                for word in ("deals", "companies", "contacts")
            }
        )
        for one, from_id, other, to_id, label in connection.execute(
            "select from_object, from_id, to_object, to_id, label from raw_hubspot.associations"
        ).fetchall():
            if (one, other) in PAIRS:
                held.links.add((one, str(from_id), other, str(to_id)))
                held.labels.add((one, str(from_id), other, str(to_id), label))
    return held


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    heads = path.read_text().partition("\n")[0].strip().split(",")
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, heads, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    ours.load("hubspot", Path(sys.argv[1]), sys.argv[2])
