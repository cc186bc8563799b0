"""The Deal and the Community page: everything about one, and papers to take along."""

from __future__ import annotations

from datetime import UTC, datetime

import invented
import pytest
from opened_pages import grid, open_page, said

from pipelines.acceptances import record_acceptance
from pipelines.documents import Side
from pipelines.ledger import Ledger
from pipelines.packets import read_packet
from pipelines.warehouse import open_current

AT = datetime(2026, 11, 16, 7, tzinfo=UTC)


@pytest.fixture
def published(home):
    return invented.publish(home, invented.rows())


@pytest.mark.parametrize("asked", ["1021", "Hollowcrag Speleology hub", "hollowcrag", "Hollowcrag Speleology hub (1021)"])
def test_the_address_names_a_deal_by_its_number_its_name_or_a_part_of_it(published, asked):
    page = open_page("deal", deal=asked)
    assert page.selectbox(key="deal").value == "Hollowcrag Speleology hub (1021)"
    text = said(page)
    assert "2 Nov 2026 to 31 Oct 2027" in text
    assert "24,000.00 USD" in text
    assert "Engagement ✗ missing" in text


def test_a_name_that_means_no_deal_or_several_says_so_and_shows_the_list(published):
    assert "There is no deal 'nowhere' in this snapshot" in said(open_page("deal", deal="nowhere")).replace("\\", "")
    page = open_page("deal", deal="hub")
    assert "can be any of 3" in said(page)
    assert len(grid(page, "Open findings")) == 3


def test_the_list_of_deals_has_those_with_the_worst_findings_first(published):
    deals = grid(open_page("deal"), "Open findings")
    assert deals["Deal"][0] == "Hollowcrag Speleology hub"
    assert dict(zip(deals["Deal"], deals["Open findings"], strict=True))["Quiet Quarry hub"] == 0


def test_a_deal_shows_its_own_findings_and_changes_and_those_of_no_other(home, published):
    with Ledger.open(home) as ledger:
        for change, record in (("fill:deal-1021:engagement_url", "1021"), ("fill:deal-10215:engagement_url", "10215")):
            ledger.record_change(
                "plan-1", change, "result", at=AT, status="applied", system="hubspot", object="deals", record_id=record,
                field="engagement_url", before=None, after=f"https://airtable.com/{record}", actor="rosa", sentence="Written.",
            )  # fmt: skip
    page = open_page("deal", deal="1021")
    assert set(grid(page, "What to do")["Subject"]) == {"Hollowcrag Speleology hub"}
    assert list(grid(page, "Finding")["Finding"]) == ["HG01:deal-1021"]
    assert list(grid(page, "What happened")["After"]) == ["https://airtable.com/1021"]


def test_a_deal_without_anything_open_says_so_with_the_day(published):
    assert "Nothing is open about this deal as of 16 Nov 2026." in said(open_page("deal", deal="1029"))


def test_the_packet_names_its_hash_who_accepted_it_and_what_has_changed_since(home, published):
    snapshot = open_current(home)
    packet = read_packet(snapshot, "1021")
    for side, name in ((Side.sales, "Rosa"), (Side.delivery, "Tomas")):
        record_acceptance(home, packet, side, name, at=AT, operator="root")
    snapshot.close()
    text = said(open_page("deal", deal="1021"))
    assert packet.sha256 in text
    assert "Rosa" in text
    tables = invented.rows()
    tables["marts.rpt_deals"][0]["stage_name"] = "Contract Admin"
    invented.publish(home, tables, "20261117T060200000000Z-bbbb")
    page = open_page("deal", deal="1021")
    changed = grid(page, "Now")
    assert list(changed["Now"]) == ["Contract Admin"]


@pytest.mark.parametrize(("name", "query"), [("deal", {"deal": "1021"}), ("community", {"community": "Hollowcrag Speleology"})])
def test_a_paper_can_be_taken_along_as_html_and_as_markdown(published, name, query):
    labels = [button.proto.label for button in open_page(name, **query).get("download_button")]
    assert {"HTML page", "Markdown"} <= set(labels)


def test_a_community_shows_its_deals_its_findings_and_its_people(published):
    page = open_page("community", community="Hollowcrag Speleology")
    links = {link.proto.label: link.proto.query_string for link in page.get("page_link")}
    assert "deal=1021" in links["Hollowcrag Speleology hub \\(1021\\)"]
    assert set(grid(page, "What to do")["Subject"]) == {"Hollowcrag Speleology hub"}
    assert list(grid(page, "Who")["Who"]) == ["Ada Park"]


def test_without_a_community_those_with_the_most_open_come_first(published):
    communities = grid(open_page("community"), "Community")
    assert list(communities["Open findings"]) == sorted(communities["Open findings"], reverse=True)
    assert "No deal of Nowhere is known as of 16 Nov 2026." in said(open_page("community", community="Nowhere")).replace("\\", "")


def test_a_finding_in_full_and_a_card_lead_to_the_deal(published):
    page = open_page("handoff", finding="HG01:deal-1021")
    assert next(link.proto.query_string for link in page.get("page_link") if link.proto.label == "The deal") == "deal=1021"
