"""The catalogue of findings: the reports of what is wrong, their names, the questions they answer, and the marts that answer them."""

from __future__ import annotations

from typing import Final

from pipelines.errors import ConfigurationError
from pipelines.overviews import OVERVIEWS
from pipelines.report_shapes import AGREEMENT_END, FINDING_COLUMNS, Report

_ORDER: Final = """
    order by
        case severity when 'blocker' then 0 when 'high' then 1 when 'medium' then 2 when 'low' then 3 else 4 end,
        due_on nulls last,
        finding_id
"""

# what somebody snoozed or waived is counted, and listed by the report set-aside
_LISTED: Final = "state not in ('snoozed', 'waived')"


def _findings_of(name: str, mart: str) -> str:
    """Return the SELECT of a report: its findings as fct_findings has them, then what the report's own mart adds to each."""
    return f"""
        select *
        from (
            select findings.*, details.* exclude ({", ".join(FINDING_COLUMNS)})
            from marts.fct_findings as findings
            left join marts.{mart} as details on findings.finding_id = details.finding_id
            where findings.report = '{name}' and findings.{_LISTED}
        ) {_ORDER}
    """


REPORTS: Final[dict[str, Report]] = {
    report.name: report
    for report in (
        Report(
            "findings",
            "Everything that is missing, late, due or over budget.",
            f"select * from marts.fct_findings where {_LISTED} {_ORDER}",
        ),
        Report(
            "handoff-gaps",
            "What was sold and has not reached delivery?",
            _findings_of("handoff-gaps", "fct_handoff_gaps"),
        ),
        Report(
            "missing-intake",
            "What must be asked of which community before delivery?",
            _findings_of("missing-intake", "fct_missing_intake"),
        ),
        Report(
            "renewals-due",
            "Which agreements end soon, and is somebody talking?",
            _findings_of("renewals-due", "fct_renewal_findings"),
            occasion=AGREEMENT_END,
        ),
        Report(
            "lapsed-but-active",
            "What is still in use without an agreement, and by when must somebody decide?",
            _findings_of("lapsed-but-active", "fct_lapsed_findings"),
        ),
        Report(
            "budget-overruns",
            "Where does cloud spend leave its budget or agreement?",
            _findings_of("budget-overruns", "fct_budget_overruns"),
            occasion=None,
        ),
        Report(
            "stage-gates",
            "Which deals left the agreed path of stages?",
            _findings_of("stage-gates", "rpt_stage_gates"),
            occasion=None,
        ),
        Report(
            "delivery-verification",
            "Was what we sold delivered, and how do we know?",
            _findings_of("delivery-verification", "fct_delivery_findings"),
        ),
        Report(
            "billing",
            "Which invoice must be written, collected or corrected?",
            _findings_of("billing", "fct_billing_findings"),
            occasion=None,
        ),
        Report(
            "reconciliation",
            "Which deals and engagements do not belong together as they are linked?",
            _findings_of("reconciliation", "fct_reconciliation_findings"),
            occasion=None,
        ),
        Report(
            "write-back",
            "Which fixes did the vendors not keep?",
            _findings_of("write-back", "fct_unkept_writes"),
            occasion=None,
        ),
    )
}


def report_named(name: str) -> Report:
    """Return the report called ``name``. Raises ConfigurationError that lists the names."""
    known = REPORTS | OVERVIEWS
    try:
        return known[name]
    except KeyError:
        raise ConfigurationError(f"There is no report called {name!r}. Choose one of {', '.join(known)}.") from None
