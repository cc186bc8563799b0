"""A home with a snapshot that holds just what notifications read, made from a few rows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import duckdb

from pipelines import warehouse
from pipelines.ledger import Ledger

AS_OF = date(2026, 11, 16)
AT = datetime(2026, 11, 16, 9, tzinfo=UTC)

_COLUMNS = {
    "rpt_sources": "source varchar, source_name varchar, status varchar, last_complete_at timestamptz, error varchar",
    "fct_renewals_due": "chain_id varchar, deal_id varchar, deal_name varchar, record_url varchar, community_name varchar, "
    "effective_end_on date, days_to_end integer, renewal_deal_name varchar, renewal_stage_name varchar",
    "fct_finding_states": "finding_id varchar, rule_id varchar, status varchar, severity varchar, subject varchar, community_name varchar, "
    "owner_team varchar, owner varchar, due_on date, is_overdue boolean, reason varchar, what_to_do varchar, record_url varchar, "
    "state varchar, state_since_at timestamptz, first_seen_at timestamptz, resolved_at timestamptz, reopen_count bigint",
    "rpt_deal_contacts": "full_name varchar",
}


def source(name="hubspot", status="complete", error=None, at=AT):
    return {"source": name, "source_name": name.title(), "status": status, "last_complete_at": at, "error": error}


def agreement(days, deal="1", chain=None, renewal=None):
    return {
        "chain_id": chain or deal,
        "deal_id": deal,
        "deal_name": f"Alpha hub {deal}",
        "record_url": f"https://app-na2.hubspot.com/{deal}",
        "community_name": "Alpha Ölm",
        "effective_end_on": AS_OF + timedelta(days=days),
        "days_to_end": days,
        "renewal_deal_name": renewal,
        "renewal_stage_name": "Engaging" if renewal else None,
    }


def finding(finding_id="BO01:1", **more):
    return {
        "finding_id": finding_id,
        "rule_id": finding_id.split(":")[0],
        "status": "open",
        "severity": "high",
        "subject": "Alpha hub",
        "community_name": "Alpha Ölm",
        "owner_team": "BD",
        "owner": "Bram Okonquist",
        "due_on": None,
        "is_overdue": False,
        "reason": "Alpha hub used more than its budget.",
        "what_to_do": "Find the cause",
        "record_url": "https://app-na2.hubspot.com/1",
        "state": "open",
        "state_since_at": AT,
        "first_seen_at": AT,
        "resolved_at": None,
        "reopen_count": 0,
    } | more


def publish(home, run_id="r1", *, as_of=AS_OF, sources=None, agreements=(), findings=(), contacts=(), is_sandbox=False):
    """Publish a snapshot with these rows."""
    rows = {
        "rpt_sources": [source()] if sources is None else sources,
        "fct_renewals_due": list(agreements),
        "fct_finding_states": list(findings),
        "rpt_deal_contacts": [{"full_name": name} for name in contacts],
    }
    with warehouse.run_lock(home, what="test", started_at=AT):
        building = warehouse.begin_private_copy(home)
        building.unlink(missing_ok=True)
        with duckdb.connect(str(building)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute("create schema marts")
            connection.execute("create schema ops")
            connection.execute(
                "create table ops.run as select ?::date as as_of_on, ?::boolean as is_sandbox", [as_of, is_sandbox]
            )
            for table, columns in _COLUMNS.items():
                connection.execute(f"create table marts.{table} ({columns})")
                for row in rows[table]:
                    names = ", ".join(row)
                    connection.execute(
                        f"insert into marts.{table} ({names}) values ({', '.join('?' * len(row))})", list(row.values())
                    )
            connection.execute("create table marts.fct_findings as from marts.fct_finding_states where state <> 'resolved'")
        warehouse.publish(home, run_id, {"published_at": AT.isoformat(), "as_of": as_of.isoformat()})
    with Ledger.open(home) as ledger:
        ledger.record_run_started(run_id, what="handoff sync", as_of=as_of, started_at=AT)
        ledger.record_run_finished(run_id, finished_at=AT, outcome="published", exit_code=0, details={"held": None})


def end_run(home, run_id, outcome, held=None):
    with Ledger.open(home) as ledger:
        ledger.record_run_started(run_id, what="handoff sync", as_of=AS_OF, started_at=AT)
        ledger.record_run_finished(run_id, finished_at=AT, outcome=outcome, exit_code=4, details={"held": held})
