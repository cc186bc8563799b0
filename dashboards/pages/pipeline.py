"""Where deals wait, skip or get lost: stage gates, the flow through the stages, and how long each takes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards.choices import choose
from dashboards.findings import show_findings
from dashboards.flows import flow_lines, flow_of, show_flow
from dashboards.grids import RECORD, Column, number, show_grid, text
from dashboards.parts import counted, heading, instant
from dashboards.stage_charts import time_in_stages
from pipelines.reports import printable

if TYPE_CHECKING:
    from dashboards.parts import Board
    from dashboards.queries import Row

TITLE: Final = "Pipeline"
QUESTION: Final = "Where do deals wait, skip a stage or get lost?"
ICON: Final = ":material/conversion_path:"
HAS_FILTERS: Final = True
REPORTS: Final[tuple[str, ...]] = ("stage-gates",)

STALLED: Final = "▲ stalled"
SLOW: Final = "● slower than most"
IN_TIME: Final = "○ in time"
_FEW_DEALS: Final = 10


def pace(row: Row) -> str:
    """Return in words whether a deal has been in its stage for longer than agreed, or than four in five were."""
    days = row["elapsed_days"]
    if row["sla_days"] is not None and days > row["sla_days"]:
        return STALLED
    return SLOW if row["p80_days"] is not None and days > row["p80_days"] else IN_TIME


_OPEN_COLUMNS: Final = (
    Column("State", pace, text(150)),
    Column("Deal", "deal_name", text(330)),
    Column("Stage", "stage_name", text(170)),
    Column("There since", lambda row: instant(row["entered_at"]), text(180)),
    Column("Days", "elapsed_days", number(80, "localized")),
    Column("Agreed days", "sla_days", number(110, "localized")),
    Column("Four in five took", lambda row: days_words(row["p80_days"]), text(140, alignment="right")),
    RECORD,
)


def days_words(days: float | None) -> str:
    """Return a number of days as text; nothing where there is none to speak of."""
    return "" if days is None else f"{counted(round(days), 'day')}"


_VELOCITY_COLUMNS: Final = (
    Column("Stage", "stage_name", text(250)),
    Column("Visits that ended", "closed_visit_count", number(150, "localized")),
    Column("Median", lambda row: days_words(row["median_days"]), text(130, alignment="right")),
    Column("Four in five within", lambda row: days_words(row["p80_days"]), text(140, alignment="right")),
    Column("Median, all visits of a deal", lambda row: days_words(row["median_total_days"]), text(220, alignment="right")),
    Column("There now", "open_visit_count", number(120, "localized")),
    Column("Longest of them", lambda row: days_words(row["longest_open_days"]), text(130, alignment="right")),
    Column("Agreed", lambda row: days_words(row["sla_days"]), text(120, alignment="right")),
)


def show(board: Board) -> None:
    """Show the page."""
    show_findings(board, "stage-gates", nothing="No deal left the agreed path of stages", most_height=400)
    stages = board.reader.records("stage-velocity")
    pipelines = list({row["pipeline_id"]: row for row in stages if row["visit_count"]}.values())
    if not pipelines:
        heading("Flow")
        st.info("No history of stages is known.", icon=":material/info:")
        return
    heading("One pipeline", "Everything below is about the pipeline that is chosen here.")
    busiest = sorted(pipelines, key=lambda row: -_visits(stages, row["pipeline_id"]))
    pipeline = choose("Pipeline", busiest, key="pipeline", name="pipeline_name", identity="pipeline_id")
    if pipeline is None:
        return
    mine = [row for row in stages if row["pipeline_id"] == pipeline["pipeline_id"]]
    _show_flow(board, pipeline, mine)
    _show_conversion(board, pipeline)
    _show_waiting(board, pipeline, mine)
    _show_velocity(board, mine)


def _visits(stages: list[Row], pipeline_id: str) -> int:
    return sum(row["visit_count"] for row in stages if row["pipeline_id"] == pipeline_id)


def _show_flow(board: Board, pipeline: Row, stages: list[Row]) -> None:
    steps = [
        row for row in board.filters.keep(board.reader.stage_flow(), owners=()) if row["pipeline_id"] == pipeline["pipeline_id"]
    ]
    flow = flow_of(steps, stages)
    if not flow.stages:
        heading("How deals flow")
        st.info("No deal of this pipeline fits the filters.", icon=":material/info:")
        return
    heading(
        "How deals flow",
        "Every deal with a known history, as far as it has got; one that moved back is drawn to where it is now. The height of a "
        f"stage is how many deals got there.{board.filters.note_on_people}",
    )
    with st.container(key="wide-flow"):
        show_flow(flow, pipeline["pipeline_name"])
    with st.container(key="narrow-flow"):
        st.text("\n".join(flow_lines(flow)))


def conversion_words(row: Row | None) -> str:
    """Return how many got there: "98% of 96", with those that are not decided beside it; a share of few deals is no share."""
    if row is None:
        return ""
    decided = row["converted_count"] + row["not_converted_count"]
    undecided = f", {row['censored_count']:,} open" if row["censored_count"] else ""
    if decided < _FEW_DEALS:
        return f"{row['converted_count']:,} of {decided:,}{undecided}"
    return f"{row['conversion_ratio']:.0%} of {decided:,}{undecided}"


def _converted(pairs: dict[tuple[str, str], Row], target: str, stage: Row) -> str:
    return conversion_words(pairs.get((stage["id"], target)))


def _show_conversion(board: Board, pipeline: Row) -> None:
    rows = [row for row in board.reader.records("stage-conversion") if row["pipeline_id"] == pipeline["pipeline_id"]]
    if not rows:
        return
    heading(
        "Conversion",
        f"Of the deals that first entered the stage on the left, how many got to the stage above within "
        f"{counted(rows[0]['conversion_days'], 'day')}. Open: not there yet, and still in time; they count neither way. "
        "The whole organisation; no filter applies.",
        board=board,
        rows=rows,
        name="stage-conversion",
    )
    pairs = {(row["from_stage_id"], row["to_stage_id"]): row for row in rows}
    sources = {row["from_stage_id"]: row["from_stage_name"] for row in rows}
    targets = {row["to_stage_id"]: row["to_stage_name"] for row in sorted(rows, key=lambda row: row["to_stage_rank"])}
    columns = [Column("From", lambda stage: sources[stage["id"]], text(170))]
    columns += [
        Column(f"to {printable(name)}", partial(_converted, pairs, target), text(max(130, 1180 // len(targets))))
        for target, name in targets.items()
    ]
    show_grid([{"id": stage} for stage in sources], columns, name="Conversion from stage to stage")


def _show_waiting(board: Board, pipeline: Row, stages: list[Row]) -> None:
    """Show the deals that are in progress; a closed stage is the end, and nobody waits there."""
    highest = max(row["stage_rank"] for row in stages)
    rows = [
        row
        for row in board.filters.keep(board.reader.open_stages(), owners=())
        if row["pipeline_id"] == pipeline["pipeline_id"] and row["stage_rank"] not in {0, highest}
    ]
    rows.sort(key=lambda row: ([STALLED, SLOW, IN_TIME].index(pace(row)), -row["elapsed_days"]))
    if not rows:
        heading("Deals in progress")
        st.info(
            "No deal in progress fits the filters." if board.filters.are_set else "No deal is in progress.",
            icon=":material/info:",
        )
        return
    stalled = sum(pace(row) == STALLED for row in rows)
    heading(
        "Deals in progress",
        f"{counted(len(rows), 'deal')}, {stalled:,} stalled: in a stage for longer than agreed. Slower than most: longer than four in "
        "five visits that ended there.",
        board=board,
        rows=rows,
        name="deals-in-progress",
    )
    show_grid(rows, _OPEN_COLUMNS, name="Deals in progress, the stalled first", most_height=420)


def _show_velocity(board: Board, stages: list[Row]) -> None:
    heading(
        "Time in each stage",
        "Visits that have ended; those that go on have no length yet, so they stand beside the medians and are not averaged in. "
        "The whole organisation; no filter applies.",
        board=board,
        rows=stages,
        name="stage-velocity",
    )
    time_in_stages(stages)
    show_grid(sorted(stages, key=lambda row: row["stage_rank"] == 0), _VELOCITY_COLUMNS, name="Time in each stage")
