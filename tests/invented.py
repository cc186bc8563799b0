"""A small published snapshot with invented rows for every mart that the dashboard reads. No sync, no vendor, no dbt."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import duckdb
import invented_papers
import invented_reports
from invented_rows import AS_OF, PEOPLE, RUN_ID, SEEN, deal_url, finding
from invented_rows import TABLES as PUBLISHED

from pipelines import warehouse

TABLES = PUBLISHED | invented_papers.TABLES


def _handoff():
    about = {
        "pipeline_name": "New business",
        "stage_name": "closed_won",
        "handoff_started_on": date(2026, 10, 28),
        "company_name": "Hollowcrag University",
        "deal_owner": PEOPLE["BD"],
        "start_on": date(2026, 11, 2),
        "end_on": date(2027, 11, 1),
        "amount": Decimal("48000.00"),
        "currency": "USD",
        "age_business_days": 12,
    }
    url = {"fix_action": "create_airtable_engagement"}
    gaps = [
        finding("HG02:deal-1022", "handoff-gaps", "high", "Windrow Agronomy soil hub", "No order and no request issue names it.",
                "Create the HubSpot order or open the request issue for P&S"),
        finding("HG01:deal-1021", "handoff-gaps", "blocker", "Hollowcrag Speleology hub",
                "Won and begun on 2 November 2026, and no engagement is linked in either direction.",
                "Create the engagement and link it to the deal", "PS", is_overdue=True, due_on=date(2026, 11, 4), **url),
        finding("HG09:deal-1023", "handoff-gaps", "low", "Halfbridge Oceanics glider hub",
                "The engagement names the deal and the deal names nothing.", "Add the missing link", "PS"),
        finding("HG03:deal-1024", "handoff-gaps", "medium", "Emptybench Ecology forest hub", "The engagement has no project.",
                "Add what is missing to the engagement", "PS", status="indeterminate"),
    ]  # fmt: skip
    steps = ("agreement_step", "request_step", "engagement_step", "breakdown_step", "started_step")
    deals = [
        ("1021", "Hollowcrag Speleology hub", ("done", "done", "missing", "missing", "late"), 0.4, 0.4, 1),
        ("1022", "Windrow Agronomy soil hub", ("done", "late", "done", "done", "not due"), 0.75, 0.75, 1),
        ("1024", "Emptybench Ecology forest hub", ("done", "done", "done", "unknown", "done"), 1.0, 0.8, 1),
        ("1001", "Brimful Bathymetry sonar hub", ("done",) * 5, 1.0, 1.0, 0),
    ]
    rows = [
        {
            **{key: about[key] for key in ("pipeline_name", "stage_name", "start_on", "end_on", "amount", "currency")},
            "handoff_started_on": about["handoff_started_on"],
            "deal_id": deal_id,
            "deal_name": name,
            "record_url": deal_url(deal_id),
            "community_name": " ".join(name.split()[:2]),
            "company_name": "Hollowcrag University",
            "deal_owner": PEOPLE["BD"],
            "delivery_owner": PEOPLE["PS"],
            "engagement_status": "Planned",
            **dict(zip(steps, states, strict=True)),
            "handoff_score_ratio": score,
            "handoff_score_low_ratio": low,
            "gap_count": gap_count,
            "as_of_on": AS_OF,
        }
        for deal_id, name, states, score, low, gap_count in deals
    ]
    return [{**gap, **about} for gap in gaps], rows


def _intake():
    def field(key, label, state, value, **more):
        return {
            "subject": "Blankslate Fisheries hub",
            "deal_id": "1028",
            "community_name": "Blankslate Fisheries",
            "owner_team": "BD",
            "owner": PEOPLE["BD"],
            "record_url": deal_url("1028"),
            "as_of_on": AS_OF,
            "field_key": key,
            "field_label": label,
            "field_status": state,
            "value_shown": value,
            "source_used": "hubspot",
            "required_since_on": date(2026, 10, 1),
            "weight": 1.0,
            **more,
        }

    ask = "Ask the community and fill the field in HubSpot"
    community_id = finding(
        "missing_intake:deal-1028:community_id", "missing-intake", "high", "Blankslate Fisheries hub",
        'Community id holds the placeholder "TBD" since 1 October 2026.', ask, fix_action="fill_hubspot_property",
    )  # fmt: skip
    logo = finding(
        "missing_intake:deal-1028:logo_url", "missing-intake", "low", "Blankslate Fisheries hub", "Logo is empty.", ask
    )
    fields = [
        field("community_id", "Community id", "placeholder", "TBD", **community_id),
        field("logo_url", "Logo", "missing", None, **logo),
        field("website", "Website", "ok", "https://blankslate.example"),
    ]
    deals = [
        {
            "deal_id": "1028",
            "deal_name": "Blankslate Fisheries hub",
            "record_url": deal_url("1028"),
            "community_name": "Blankslate Fisheries",
            "pipeline_name": "New business",
            "stage_name": "contract_admin",
            "deal_owner": PEOPLE["BD"],
            "required_count": 3,
            "ok_count": 1,
            "completeness_ratio": 1 / 3,
            "weighted_completeness_ratio": 0.25,
            "missing_fields": "Community id, Logo",
            "as_of_on": AS_OF,
        },
    ]
    return fields, deals


def _renewals():
    def chain(number, name, end, days, window, rank, **more):  # noqa: PLR0917 - a row reads left to right
        return {
            "chain_id": number,
            "deal_id": number,
            "deal_name": name,
            "record_url": deal_url(number),
            "community_name": " ".join(name.split()[:2]),
            "company_name": "Lastlight Institute",
            "deal_owner": PEOPLE["BD"],
            "is_owner_active": True,
            "chain_length": 2,
            "start_on": date(2025, 12, 1),
            "effective_end_on": end,
            "end_source": "contract",
            "days_to_end": days,
            "window_key": window.replace(" ", "_"),
            "window_name": window,
            "window_rank": rank,
            "is_within_horizon": days is not None and days <= 180,
            "renewal_win_ratio": None if days is None else 0.8,
            "at_risk_amount": None if days is None else Decimal("7200.00"),
            "last_contacted_on": date(2026, 9, 1),
            "amount": Decimal("36000.00"),
            "currency": "USD",
            "annual_amount": Decimal("36000.00"),
            "finding_count": 0,
            "as_of_on": AS_OF,
            **more,
        }

    chains = [
        chain("1039", "Afterglow Astrochemistry comet hub", date(2026, 11, 11), -5, "Overdue", 1, finding_count=1),
        chain("1037", "Silentharbor Acoustics whale hub", date(2027, 1, 15), 60, "31 to 90 days", 3, finding_count=1,
              renewal_deal_id="9037", renewal_deal_name="[27] Silentharbor whale hub", renewal_stage_name="engaging",
              expected_stage_name="contracting", stages_behind=1),
        chain("1036", "Lastlight Lichenology rock hub", date(2027, 5, 15), 180, "91 to 180 days", 4, finding_count=1),
        chain("1001", "Brimful Bathymetry sonar hub", date(2027, 6, 30), 226, "More than 180 days", 5),
        chain("1038", "Endless Ethnography hub", None, None, "No end date", 6, end_source="none", finding_count=1),
    ]  # fmt: skip
    findings = [
        finding("RN01:deal-1039", "renewals-due", "high", "Afterglow Astrochemistry comet hub",
                "Ended on 11 November 2026 and no renewal deal exists.", "Open a renewal deal and link it to this one",
                effective_end_on=date(2026, 11, 11), days_to_end=-5, window_name="Overdue"),
        finding("RN05:deal-1038", "renewals-due", "medium", "Endless Ethnography hub", "Won without an end date.",
                "Fill the contract end date from the agreement"),
    ]  # fmt: skip
    return chains, findings


def _budget():
    def month(subject_id, name, month_on, budget, gross, forecast, *, kind="deal", uncovered="0.00", **more):  # noqa: PLR0917 - likewise
        return {
            "subject_type": kind,
            "subject_id": subject_id,
            "subject": name,
            "deal_id": subject_id if kind == "deal" else None,
            "community_name": " ".join(name.split()[:2]) if kind == "deal" else None,
            "month_on": month_on,
            "budget_usd": budget and Decimal(budget),
            "budget_source": "engagement" if budget else None,
            "gross_usd": Decimal(gross),
            "credits_usd": Decimal("0.00"),
            "refunds_usd": Decimal("0.00"),
            "tax_usd": Decimal("0.00"),
            "net_usd": Decimal(gross),
            "complete_through_on": date(2026, 11, 14),
            "forecast_usd": forecast and Decimal(forecast),
            "forecast_method": "weekday mean of 28 days",
            "uncovered_usd": Decimal(uncovered),
            "variance_usd": budget and Decimal(gross) - Decimal(budget),
            "burn_ratio": budget and float(gross) / float(budget),
            "elapsed_ratio": 0.5,
            "record_url": deal_url(subject_id) if kind == "deal" else None,
            "as_of_on": AS_OF,
            **more,
        }

    october, november = date(2026, 10, 1), date(2026, 11, 1)
    months = [
        month("1041", "Brimful Bathymetry sonar hub", october, "1100.00", "1240.00", None),
        month("1041", "Brimful Bathymetry sonar hub", november, "1100.00", "600.00", "1200.00"),
        month("1042", "Steepgrade Genomics exome hub", november, "1000.00", "960.00", "1920.00"),
        month("1043", "Openpurse Proteomics hub", november, None, "240.00", "480.00"),
        month("222200103901", "afterglow-comet", november, None, "48.00", None, kind="account", uncovered="48.00"),
    ]
    findings = [
        finding("BO01:deal-1041:2026-10", "budget-overruns", "high", "Brimful Bathymetry sonar hub",
                "October 2026: spend of 1,240.00 USD is above the budget of 1,100.00 USD.",
                "Find the cause and decide to absorb or pass on", "PS", month_on=october, budget_usd=Decimal("1100.00"),
                gross_usd=Decimal("1240.00"), net_usd=Decimal("1240.00")),
        finding("BO05:account-222200103901:2026-11", "budget-overruns", "high", "afterglow-comet",
                "12 to 15 November 2026: 48.00 USD on days without an agreement.",
                "Sign an agreement for these days or switch the account off", month_on=november,
                gross_usd=Decimal("48.00"), net_usd=Decimal("48.00"), uncovered_usd=Decimal("48.00")),
    ]  # fmt: skip
    days = [
        {
            "cost_source": "aws",
            "import_name": "",
            "provider_name": "AWS",
            "billing_account_id": "999900001111",
            "sub_account_id": account,
            "sub_account_name": name,
            "usage_on": date(2026, 11, day),
            "charge_category": "Usage",
            "currency": "USD",
            "billed_cost": Decimal(cost),
            "is_counted": True,
            "is_estimated": day > 14,
            "deal_id": deal_id,
            "deal_name": deal,
            "community_name": deal and " ".join(deal.split()[:2]),
            "coverage": coverage,
        }
        for day in range(1, 16)
        for account, name, cost, deal_id, deal, coverage in (
            ("222200104101", "brimful-sonar", "40", "1041", "Brimful Bathymetry sonar hub", "covered"),
            ("222200103901", "afterglow-comet", "12", "1039", "Afterglow Astrochemistry comet hub", "lapsed"),
            ("222200100001", "nobody", "6", None, None, "unattributed"),
        )
    ]
    return months, findings, days


def _run_tables():
    sources = [
        ("airtable", "Airtable", 61), ("aws", "AWS", 1800), ("files", "Imported files", 0), ("github", "GitHub", 95),
        ("hubspot", "HubSpot", 400),
    ]  # fmt: skip
    reports = {
        "handoff-gaps": ("HG01", "HG02", "HG03", "HG09"),
        "missing-intake": ("missing_intake",),
        "renewals-due": ("RN01", "RN05"),
        "budget-overruns": ("BO01", "BO05"),
        **invented_reports.RULES,
    }
    return {
        "marts.rpt_sources": [
            {
                "source": source,
                "source_name": name,
                "status": "complete",
                "is_sandbox": source != "files",
                "last_attempt_at": SEEN,
                "last_complete_at": SEEN,
                "max_age_hours": 36,
                "row_count": rows,
                "request_count": 12,
                "retry_count": 1 if source == "hubspot" else 0,
                "quarantined_count": 1 if source == "airtable" else 0,
                "load_seconds": 1.5,
                "paid_call_count": 14 if source == "aws" else None,
                "paid_usd": Decimal("0.14") if source == "aws" else None,
            }
            for source, name, rows in sources
        ],
        "marts.rpt_source_tables": [
            {
                "source": "hubspot",
                "table_name": "deals",
                "row_count": 120,
                "reading_mode": "full",
                "reading_reason": "500 records or fewer",
                "fully_read_at": SEEN,
                "vendor_row_count": None,
            }
        ],
        "marts.rpt_quarantine": [
            {
                "source": "airtable", "table_name": "records", "record_ref": "recBroken", "reason": "Start is not a date",
                "payload": '{"Start": "soon"}', "quarantined_at": SEEN,
            }
        ],
        "marts.rpt_rule_evaluations": [
            {
                "rule_id": rule, "title": f"Title of {rule}", "report": report, "severity": "high", "kind": "absence",
                "needs": "hubspot;airtable", "gate": "evaluated", "open_count": 1, "indeterminate_count": 0, "set_aside_count": 0,
                "what_to_do": "Do it", "reason": "Because", "as_of_on": AS_OF,
            }
            for report, rules in reports.items()
            for rule in rules
        ],
        "marts.rpt_run": [
            {
                "run_id": RUN_ID, "organisation_name": "Example organisation", "timezone": "America/Los_Angeles",
                "currency": "USD", "as_of_on": AS_OF, "started_at": SEEN, "is_sandbox": True, "rules_profile": "default",
                "version": "0.1.0",
            }
        ],
        "marts.rpt_summary": [
            {"summary_rank": rank, "summary_key": key, "label": label, "value_text": value, "what_to_do": todo, "report": report}
            for rank, (key, label, value, todo, report) in enumerate(
                (
                    ("delivering", "Deals past handoff", "4", "Read what each lacks", "handoff-gaps"),
                    ("gaps", "Handoff gaps, blockers", "1", "Create the engagement today", "handoff-gaps"),
                    ("intake", "Deals with missing intake", "1", "Ask the community in one call", "missing-intake"),
                    ("renewals", "Agreements ending within 90 days", "2", "Open a renewal deal", "renewals-due"),
                    ("budget", "Spend without agreement, this month", "48.00 USD", "Sign, or switch off", "budget-overruns"),
                )
            )
        ],
    }  # fmt: skip


def rows():
    """Return every table's rows."""
    gaps, handoff_deals = _handoff()
    fields, intake_deals = _intake()
    chains, renewals = _renewals()
    months, overruns, days = _budget()
    changes = [
        {
            "change_id": "create_airtable_engagement:deal-1021", "finding_id": "HG01:deal-1021",
            "recipe": "create_airtable_engagement", "system": "airtable", "object": "engagement",
            "after": json.dumps({"name": "Hollowcrag Speleology hub", "deal_url": deal_url("1021")}), "policy": "if_empty",
            "reason": "Delivery cannot start without an engagement", "risk": "low", "is_reversible": True,
            "natural_key": "1021", "record_url": deal_url("1021"), "needs": "hubspot;airtable", "is_blocked": False,
            "as_of_on": AS_OF,
        },
        {
            "change_id": "fill_hubspot_property:deal-1028:community_id", "finding_id": "missing_intake:deal-1028:community_id",
            "recipe": "fill_hubspot_property", "system": "hubspot", "object": "community", "record_id": "5028",
            "field": "community_id", "before": "TBD", "after": "blankslate", "policy": "if_empty",
            "reason": "The short name gives it", "risk": "low", "is_reversible": True, "record_url": deal_url("1028"),
            "needs": "hubspot", "is_blocked": True, "blocked_reason": "HubSpot is stale since 2026-11-14 06:00 UTC",
            "as_of_on": AS_OF,
        },
    ]  # fmt: skip
    return {
        "marts.fct_handoff_gaps": gaps,
        "marts.rpt_handoff_deals": handoff_deals,
        "marts.fct_missing_intake": fields,
        "marts.rpt_intake_deals": intake_deals,
        "marts.fct_renewals_due": chains,
        "marts.fct_renewal_findings": renewals,
        "marts.fct_budget_months": months,
        "marts.fct_budget_overruns": overruns,
        "marts.fct_daily_costs": days,
        "actions.act_changes": changes,
        **invented_reports.rows(),
        **invented_papers.rows(),
        **_run_tables(),
    }


def all_findings(tables):
    """Return what fct_findings makes of the findings of the reports."""
    names = list(finding("HG01:deal-1", "", "", "", "", ""))
    marts = ("fct_handoff_gaps", "fct_missing_intake", "fct_renewal_findings", "fct_budget_overruns", *invented_reports.FINDINGS)
    return [
        {name: row.get(name) for name in names}
        | {"state": row["status"], "state_since_at": SEEN, "first_seen_at": SEEN, "last_seen_at": SEEN, "reopen_count": 0}
        for mart in marts
        for row in tables[f"marts.{mart}"]
        if row.get("finding_id")
    ]


def publish(home, tables, run_id=RUN_ID, as_of=AS_OF):
    """Publish ``tables`` as a snapshot of ``home`` and return its folder; fct_findings is made of the reports' unless it is given."""
    tables = {"marts.fct_findings": all_findings(tables), **tables}
    states = [{**row, "evidence_hash": "e", "material_hash": "m"} for row in tables["marts.fct_findings"]]
    tables = {"marts.fct_finding_states": states, **tables}
    with warehouse.run_lock(home, what="test", started_at=SEEN):
        building = warehouse.begin_private_copy(home)
        building.unlink(missing_ok=True)
        with duckdb.connect(str(building)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(
                "begin transaction; create schema marts; create schema actions; create schema ops; create schema rules"
            )
            for name, columns in TABLES.items():
                connection.execute(f"create table {name} ({columns})")
                known = [column.split()[0] for column in columns.split(", ")]
                for row in tables.get(name, []):
                    unknown = set(row) - set(known)
                    if unknown:
                        raise AssertionError(f"{name} has no {unknown}")
                    values = [row.get(column) for column in known]
                    connection.execute(f"insert into {name} values ({', '.join('?' * len(known))})", values)
            connection.execute("commit; checkpoint")
        return warehouse.publish(home, run_id, {"published_at": SEEN.isoformat(), "as_of": as_of.isoformat()})
