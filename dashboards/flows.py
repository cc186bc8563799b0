"""The flow of deals through the stages of a pipeline, drawn as a Sankey diagram out of areas.

Vega has no such mark, and a library that has one would bring scripts that the content security policy of app.py does not allow.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import altair as alt
import pandas as pd
import streamlit as st

from dashboards.drawing import AMBER, BLUE, TEAL, ink, label, legend

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dashboards.queries import Row

NEXT: Final = "● to the next stage"
PAST: Final = "▲ past a stage"
LOST: Final = "✗ lost"
_COLOURS: Final = {NEXT: TEAL, PAST: BLUE, LOST: AMBER}
# of the distance between two stages
_NODE_WIDTH: Final = 0.05
_ROOM_RIGHT: Final = 0.75
# of the height of the highest stage
_GAP: Final = 0.14
_ROOM_ABOVE: Final = 0.2
_POINTS: Final = 24
_HEIGHT: Final = 300
_LABEL_PIXELS: Final = 130


@dataclass(frozen=True)
class Stage:
    """A stage with the deals that got there: its column, its upper edge, and its height in deals."""

    stage_id: str
    name: str
    column: int
    top: float
    deals: int
    here: int


@dataclass(frozen=True)
class Link:
    """Deals that went from one stage straight to another, with where the band begins and ends."""

    source: Stage
    target: Stage
    deals: int
    source_top: float
    target_top: float
    kind: str


@dataclass(frozen=True)
class Flow:
    """The stages of a pipeline, and the bands between them."""

    stages: list[Stage]
    links: list[Link]

    @property
    def skipping(self) -> int:
        """How many times a deal went past a stage."""
        return sum(link.deals for link in self.links if link.kind == PAST)


def flow_of(steps: Iterable[Row], stages: list[Row]) -> Flow:
    """Lay out the flow. ``stages`` are those of rpt_stage_velocity of one pipeline; a stage of rank 0 is where deals are lost."""
    between: dict[tuple[str, str], int] = defaultdict(int)
    reached: dict[str, int] = defaultdict(int)
    here: dict[str, int] = defaultdict(int)
    for step in steps:
        reached[step["stage_id"]] += step["deal_count"]
        here[step["stage_id"]] += step["here_count"]
        if step["next_stage_id"] is not None:
            between[step["stage_id"], step["next_stage_id"]] += step["deal_count"]
    on_the_way = [row for row in stages if row["stage_rank"]]
    ranks = sorted({row["stage_rank"] for row in on_the_way})
    gap = _GAP * max(reached.values(), default=0)
    bottoms: dict[int, float] = {}
    placed: dict[str, Stage] = {}
    for row in [*on_the_way, *(row for row in stages if row["stage_rank"] == 0)]:
        stage_id = row["stage_id"]
        if stage_id not in reached:
            continue
        column = ranks.index(row["stage_rank"]) if row["stage_rank"] else len(ranks) - 1
        top = bottoms.get(column, -gap) + gap
        if not row["stage_rank"]:  # below the last column's stages, and low enough for the bands that lead there
            top = max(top, max(bottoms.values(), default=0) - reached[stage_id])
        placed[stage_id] = Stage(stage_id, label(row["stage_name"]), column, top, reached[stage_id], here[stage_id])
        bottoms[column] = top + reached[stage_id]
    lost = {row["stage_id"] for row in stages if row["stage_rank"] == 0}
    return Flow(list(placed.values()), _links(between, placed, lost))


def _links(between: dict[tuple[str, str], int], placed: dict[str, Stage], lost: set[str]) -> list[Link]:
    """Return the bands, each below the one before it at both its ends: short ones above, those to the lost deals below."""
    links = []
    out: dict[str, float] = defaultdict(float)
    into: dict[str, float] = defaultdict(float)
    pairs = [(placed[source], placed[target], deals) for (source, target), deals in between.items()]
    for source, target, deals in sorted(pairs, key=lambda pair: (pair[1].column - pair[0].column, pair[1].top, pair[0].top)):
        is_lost = target.stage_id in lost
        kind = LOST if is_lost else NEXT if target.column - source.column <= 1 else PAST
        links.append(
            Link(source, target, deals, source.top + out[source.stage_id], target.top + into[target.stage_id], kind),
        )
        out[source.stage_id] += deals
        into[target.stage_id] += deals
    return links


def _band(number: int, link: Link) -> list[Row]:
    """Return the points of a band: level where it leaves a stage and where it arrives, bent between."""
    start, end = link.source.column + _NODE_WIDTH, float(link.target.column)
    rows = []
    for point in range(_POINTS + 1):
        share = point / _POINTS
        bend = share * share * (3 - 2 * share)
        top = link.source_top + (link.target_top - link.source_top) * bend
        rows.append(
            {
                "Band": number, "x": start + (end - start) * share, "Top": top, "Bottom": top + link.deals,
                "From": link.source.name, "To": link.target.name, "Deals": link.deals, "Way": link.kind,
            }
        )  # fmt: skip
    return rows


def _caption(stage: Stage, last: int) -> str:
    """Return what stands beside a stage: its name, how many deals got there, and how many are there now."""
    now = f", {stage.here:,} now" if stage.here and stage.column < last else ""
    return f"{stage.name}\n{stage.deals:,}{now}"


def show_flow(flow: Flow, name: str) -> None:
    """Draw the flow; ``name`` is the pipeline's, for a screen reader."""
    last = max(stage.column for stage in flow.stages)
    depth = max(stage.top + stage.deals for stage in flow.stages)
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, last + _ROOM_RIGHT], nice=False))
    scale = alt.Scale(domain=[depth * 1.04, -depth * _ROOM_ABOVE], nice=False)
    nodes = pd.DataFrame(
        {
            "Stage": [stage.name for stage in flow.stages],
            "x": [float(stage.column) for stage in flow.stages],
            "x2": [stage.column + _NODE_WIDTH for stage in flow.stages],
            "Top": [stage.top for stage in flow.stages],
            "Bottom": [stage.top + stage.deals for stage in flow.stages],
            "Got there": [stage.deals for stage in flow.stages],
            "There now": [stage.here for stage in flow.stages],
            "Caption": [_caption(stage, last) for stage in flow.stages],
            "Caption at": [stage.top - depth * 0.02 for stage in flow.stages],
        }
    )
    tall = (
        alt.Chart(nodes)
        .mark_rect(color=ink())
        .encode(x=x, x2="x2:Q", y=alt.Y("Top:Q", axis=None, scale=scale), y2="Bottom:Q",
                tooltip=["Stage:N", "Got there:Q", "There now:Q"])
    )  # fmt: skip
    words = (
        alt.Chart(nodes)
        .mark_text(align="left", baseline="bottom", dy=-16, lineBreak="\n", limit=_LABEL_PIXELS, fontSize=13, color=ink())
        .encode(x=x, y=alt.Y("Caption at:Q", axis=None, scale=scale), text="Caption:N")
    )
    layers: list[Any] = [tall, words]
    bands = [row for number, link in enumerate(flow.links) for row in _band(number, link)]
    if bands:
        layers.insert(
            0,
            alt.Chart(pd.DataFrame(bands))
            .mark_area(opacity=0.55)
            .encode(
                x=x,
                y=alt.Y("Top:Q", axis=None, scale=scale, stack=None),
                y2="Bottom:Q",
                detail="Band:N",
                color=alt.Color(
                    "Way:N", title=None, scale=alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values())), legend=legend()
                ),
                tooltip=["From:N", "To:N", "Deals:Q"],
            ),
        )
    chart = alt.layer(*layers).properties(height=_HEIGHT).configure_view(strokeWidth=0)
    st.altair_chart(chart, width="stretch", alt=f"How deals of {name} went from stage to stage; the table below has the numbers")


def flow_lines(flow: Flow) -> list[str]:
    """Return the flow as lines of text, for a screen that is too narrow for the drawing."""
    ordered = sorted(flow.links, key=lambda link: (link.source.column, link.target.column))
    lines = [f"{link.source.name} to {link.target.name}: {link.deals:,}" for link in ordered]
    return [*lines, *(f"In {stage.name} now: {stage.here:,}" for stage in flow.stages if stage.here)]
