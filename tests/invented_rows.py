"""What invented rows are made of: the marts' contracts as tables, the columns of a finding, and rows that fill a contract."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import yaml

from pipelines.settings import PROJECT_ROOT

AS_OF = date(2026, 11, 16)
SEEN = datetime(2026, 11, 16, 6, 2, tzinfo=UTC)
RUN_ID = "20261116T060200000000Z-aaaa"

_TYPES = {"varchar": "text", "timestamp with time zone": "timestamptz"}


def _contracts():
    """Return the columns of everything that a snapshot publishes, as DDL."""
    tables = {}
    for schema in ("marts", "actions"):
        for path in sorted((PROJECT_ROOT / "dbt" / "models" / schema).rglob("*.yml")):
            for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
                columns = [
                    f"{column['name']} {_TYPES.get(column['data_type'], column['data_type'])}" for column in model["columns"]
                ]
                tables[f"{schema}.{model['name']}"] = ", ".join(columns)
    return tables


TABLES = _contracts()

PEOPLE = {"BD": "Rosa Lindqvist", "PS": "Tomas Okafor"}


def deal_url(deal_id):
    return f"https://app-na2.hubspot.com/contacts/4400001/record/0-3/{deal_id}"


def finding(finding_id, report, severity, subject, reason, what_to_do, team="BD", **more):  # noqa: PLR0917 - a row reads left to right
    """Return the columns of one finding."""
    rule_id, subject_id = finding_id.split(":")[0], finding_id.split(":")[1]
    kind, number = subject_id.split("-", 1)
    evidence = [{"field": "start_on", "value": "2026-11-02", "source": "hubspot", "seen_at": "2026-11-16T06:00:00Z"}]
    return {
        "finding_id": finding_id,
        "rule_id": rule_id,
        "report": report,
        "status": "open",
        "severity": severity,
        "subject_type": kind,
        "subject_id": number,
        "subject": subject,
        "deal_id": number if kind == "deal" else None,
        "community_name": " ".join(subject.split()[:2]),
        "owner_team": team,
        "owner": PEOPLE[team],
        "due_on": date(2026, 11, 18),
        "is_overdue": False,
        "reason": reason,
        "what_to_do": what_to_do,
        "record_url": deal_url(number) if kind == "deal" else None,
        "evidence": json.dumps(evidence),
        "as_of_on": AS_OF,
        **more,
    }


def filled(mart, **values):
    """Return a row of a mart in which every column holds something, and the named ones hold ``values``."""
    row = {}
    for column in TABLES[f"marts.{mart}"].split(", "):
        name, kind = column.split(maxsplit=1)
        match kind:
            case "text":
                row[name] = deal_url("1021") if name.endswith("_url") else name.replace("_", " ")
            case "date":
                row[name] = AS_OF
            case "timestamptz":
                row[name] = SEEN
            case "boolean":
                row[name] = False
            case "integer" | "bigint":
                row[name] = 1
            case "double":
                row[name] = 0.5
            case _:
                row[name] = Decimal("10.00")
    return row | values
