"""The Pipeline page: stage gates, the flow of deals, conversion, deals in progress and time in each stage."""

from __future__ import annotations

from itertools import pairwise

import invented
import pytest
from opened_pages import grid, open_page, said

from dashboards.flows import LOST, NEXT, PAST, flow_lines, flow_of
from dashboards.pages.pipeline import IN_TIME, SLOW, STALLED, conversion_words, pace
from dashboards.queries import current_reader


@pytest.fixture
def reader(home):
    invented.publish(home, invented.rows())
    return current_reader(home)


def drawn(reader, pipeline="default"):
    stages = [row for row in reader.records("stage-velocity") if row["pipeline_id"] == pipeline]
    return flow_of([row for row in reader.stage_flow() if row["pipeline_id"] == pipeline], stages)


def test_the_flow_says_how_many_deals_went_from_stage_to_stage_past_one_or_were_lost(reader):
    flow = drawn(reader)
    assert {(stage.name, stage.deals, stage.here) for stage in flow.stages} == {
        ("Lead", 4, 0), ("Proposal", 3, 1), ("Closed Won", 2, 2), ("Closed Lost", 1, 1),
    }  # fmt: skip
    assert {(link.source.name, link.target.name, link.deals, link.kind) for link in flow.links} == {
        ("Lead", "Proposal", 3, NEXT), ("Lead", "Closed Won", 1, PAST), ("Proposal", "Closed Won", 1, NEXT),
        ("Proposal", "Closed Lost", 1, LOST),
    }  # fmt: skip
    assert "In Proposal now: 1" in flow_lines(flow)


def test_no_band_of_the_flow_is_wider_than_its_stage_and_bands_do_not_overlap(demo_home):
    flow = drawn(current_reader(demo_home))
    assert len(flow.stages) == 7
    for stage in flow.stages:
        for links, edge in (
            ([link for link in flow.links if link.source == stage], "source_top"),
            ([link for link in flow.links if link.target == stage], "target_top"),
        ):
            spans = sorted((getattr(link, edge), getattr(link, edge) + link.deals) for link in links)
            assert all(before[1] <= after[0] for before, after in pairwise(spans))
            assert all(stage.top <= start and end <= stage.top + stage.deals for start, end in spans)


def test_a_deal_that_was_lost_and_reopened_is_not_drawn_as_lost(home):
    tables = invented.rows()
    way = [row for row in tables["marts.fct_stage_visits"] if row["deal_id"] == "1024"]
    for row in way:
        row["is_open"] = row["stage_id"] == "1003"
    invented.publish(home, tables)
    flow = drawn(current_reader(home))
    assert "Closed Lost" not in {stage.name for stage in flow.stages}
    assert next(stage.here for stage in flow.stages if stage.name == "Proposal") == 2


def test_a_mis_click_is_no_visit_of_the_flow(home):
    tables = invented.rows()
    pattern = tables["marts.fct_stage_visits"][0]
    tables["marts.fct_stage_visits"] += [
        {
            **pattern,
            "visit_id": "x",
            "deal_id": "1023",
            "stage_id": "1007",
            "stage_rank": 0,
            "is_misclick": True,
            "is_open": False,
        }
    ]
    invented.publish(home, tables)
    assert next(stage.deals for stage in drawn(current_reader(home)).stages if stage.name == "Closed Lost") == 1


@pytest.mark.parametrize(
    ("days", "agreed", "most", "expected"),
    [(46, 45, 21, STALLED), (45, 45, 21, SLOW), (21, 45, 21, IN_TIME), (400, None, None, IN_TIME), (30, None, 29, SLOW)],
)
def test_a_deal_is_stalled_after_the_agreed_days_and_slow_after_what_four_in_five_took(days, agreed, most, expected):
    assert pace({"elapsed_days": days, "sla_days": agreed, "p80_days": most}) == expected


def test_a_share_of_few_deals_is_shown_as_a_count_and_undecided_deals_beside_it():
    row = {"converted_count": 8, "not_converted_count": 1, "censored_count": 7, "conversion_ratio": 8 / 9}
    assert conversion_words(row) == "8 of 9, 7 open"
    assert conversion_words(row | {"not_converted_count": 2, "censored_count": 0, "conversion_ratio": 0.8}) == "80% of 10"
    assert conversion_words(None) == ""


def test_the_page_shows_the_story_with_the_stalled_deal_first(on_demo):
    page = open_page("pipeline")
    progress = grid(page, "There since")
    assert list(progress["State"])[:2] == [STALLED, SLOW]
    assert progress["Deal"][0] == "Switchback Palynology spore hub"
    assert "23 deals, 1 stalled" in said(page)
    velocity = grid(page, "Visits that ended").set_index("Stage")
    assert list(velocity.loc["Proposal"]) == [98, "21 days", "21 days", "21 days", 10, "46 days", "45 days"]
    assert grid(page, "to Proposal").set_index("From").loc["Lead", "to Closed Won"] == "98% of 83, 23 open"


def test_an_address_with_a_pipeline_shows_that_one(on_demo):
    page = open_page("pipeline", pipeline="Renewals")
    assert set(grid(page, "There since")["Stage"]) == {"Preparing", "Engaging", "Contracting"}


def test_a_community_filter_leaves_its_deals_in_the_flow_and_among_those_in_progress(reader):
    page = open_page("pipeline", community="Switchback Palynology")
    assert list(grid(page, "There since")["Deal"]) == ["Switchback Palynology spore hub"]
    assert set(grid(page, "What to do")["Subject"]) == {"Switchback Palynology spore hub"}


def test_a_portal_without_any_history_of_stages_says_so(home):
    tables = invented.rows() | {"marts.rpt_stage_velocity": [], "marts.fct_stage_visits": []}
    invented.publish(home, tables)
    assert "No history of stages is known." in [element.value for element in open_page("pipeline").info]
