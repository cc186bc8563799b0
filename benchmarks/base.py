"""An invented Airtable base of any size, what happens to it between two syncs, and what a copy of it must hold afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from benchmarks.copies import Copy
from pipelines.sandbox.story import build_state

if TYPE_CHECKING:
    from datetime import datetime

    from pipelines.sandbox.state import SandboxState

VENDOR: Final = "airtable"
TABLE: Final = "tblBenchmark00000"
# field id -> name; nobody ever filled in the last one
FIELDS: Final = {f"fldBenchmark{number:05d}": f"Custom {number:02d}" for number in range(1, 31)}
_EMPTY: Final = list(FIELDS)[-1]


def build(size: int) -> SandboxState:
    """Return a sandbox whose base has one table with ``size`` records of 30 fields."""
    state = build_state()
    base = state.airtable
    base.records = {table["id"]: [] for table in base.tables}
    base.tables.append(
        {
            "id": TABLE,
            "name": "Benchmark",
            "primaryFieldId": next(iter(FIELDS)),
            "views": [],
            "fields": [{"id": field_id, "name": name, "type": "singleLineText"} for field_id, name in FIELDS.items()],
        }
    )
    base.records[TABLE] = [_record(number) for number in range(size)]
    return state


def describe(size: int) -> str:
    """Say what there is to read."""
    return f"{size:,} records of {len(FIELDS)} fields"


def change(state: SandboxState, now: datetime) -> None:  # noqa: ARG001 - every vendor's day is asked alike
    """Let an ordinary day happen: 50 records changed, 5 deleted, 5 added."""
    records = state.airtable.records[TABLE]
    size = len(records)
    for record in records[:50]:
        record["fields"][next(iter(FIELDS))] = f"changed {record['id']}"
    del records[50:55]
    records += [_record(number) for number in range(size, size + 5)]


def truth(state: SandboxState) -> Copy:
    """Return what the table holds."""
    return Copy({TABLE: {record["id"]: digest(record["fields"]) for record in state.airtable.records[TABLE]}})


def digest(fields: Any) -> str:
    """Return the values of a record as one text that can be compared."""
    return "\x1f".join(str(fields.get(name) or "") for name in FIELDS)


def _record(number: int) -> dict[str, Any]:
    values = {field_id: f"{name} of {number}" for field_id, name in FIELDS.items() if field_id != _EMPTY}
    return {"id": f"recBench{number:09d}", "createdTime": "2026-06-18T18:00:00.000Z", "fields": values}
