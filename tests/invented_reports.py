"""Invented rows of the reports that have a page of their own: few, and of every kind that a page tells apart."""

from __future__ import annotations

from datetime import UTC, date, datetime

from invented_rows import filled, finding

# the marts of findings, and the rules of each report
FINDINGS = ("rpt_stage_gates",)
RULES = {
    "stage-gates": ("SG01", "SG06"),
}
_PIPELINE = {"pipeline_id": "default", "pipeline_name": "New business"}
_STAGES = (("1001", "Lead", 10), ("1003", "Proposal", 30), ("1006", "Closed Won", 60), ("1007", "Closed Lost", 0))


def rows():
    """Return the rows of each mart."""
    return {**_stages()}


def _stages():
    names = {stage_id: (name, rank) for stage_id, name, rank in _STAGES}
    ways = {
        "1021": ("Hollowcrag Speleology hub", ("1001", "1003", "1006")),
        "1022": ("Windrow Agronomy weather hub", ("1001", "1006")),
        "1023": ("Switchback Palynology spore hub", ("1001", "1003")),
        "1024": ("Switchback Palynology loess hub", ("1001", "1003", "1007")),
    }
    visits = [
        filled(
            "fct_stage_visits", visit_id=f"{deal}:{stage}", deal_id=deal, deal_name=name, **_PIPELINE, stage_id=stage,
            community_name=" ".join(name.split()[:2]), stage_name=names[stage][0], stage_rank=names[stage][1],
            entered_at=datetime(2026, 10, 1, 18, tzinfo=UTC), elapsed_days=46, is_open=stage == way[-1], is_known_stage=True,
        )
        for deal, (name, way) in ways.items()
        for stage in way
    ]  # fmt: skip
    velocity = [
        filled(
            "rpt_stage_velocity", **_PIPELINE, stage_id=stage, stage_name=name, stage_rank=rank, visit_count=3, closed_visit_count=2,
            median_days=21.0, p80_days=28.0, median_total_days=21.0, longest_open_days=46, sla_days=45 if rank == 30 else None,
        )
        for stage, name, rank in _STAGES
    ]  # fmt: skip
    conversion = [
        filled(
            "rpt_stage_conversion", **_PIPELINE, from_stage_id="1001", from_stage_name="Lead", from_stage_rank=10, to_stage_id=to,
            to_stage_name=names[to][0], to_stage_rank=names[to][1], cohort_count=40, converted_count=converted,
            not_converted_count=failed, censored_count=40 - converted - failed, conversion_days=180,
            conversion_ratio=converted / (converted + failed),
        )
        for to, converted, failed in (("1003", 30, 10), ("1006", 6, 2))
    ]  # fmt: skip
    gates = [
        filled("rpt_stage_gates")
        | finding("SG06:deal-1023", "stage-gates", "low", "Switchback Palynology spore hub",
                  "Switchback Palynology spore hub has been in Proposal for 46 days; 45 days are agreed for this stage.",
                  "Take the next step, or close the deal as lost"),
        filled("rpt_stage_gates")
        | finding("SG01:deal-1022", "stage-gates", "low", "Windrow Agronomy weather hub",
                  "Windrow Agronomy weather hub moved from Lead to Closed Won and skipped Proposal.",
                  "Check that the work of the skipped stages was done", due_on=date(2026, 11, 18)),
    ]  # fmt: skip
    return {
        "marts.fct_stage_visits": visits,
        "marts.rpt_stage_velocity": velocity,
        "marts.rpt_stage_conversion": conversion,
        "marts.rpt_stage_gates": gates,
    }
