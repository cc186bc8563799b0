"""One community before a check-in: its agreements, who delivers, costs, renewals, and what is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards.findings import show_list, totals
from dashboards.grids import Column, number, show_grid, text
from dashboards.papers import show_downloads, show_sections
from dashboards.parts import counted, day, heading, md_escape
from pipelines.briefs import NOT_READ, brief_document, read_brief

if TYPE_CHECKING:
    from dashboards.parts import Board
    from dashboards.queries import Row

TITLE: Final = "Community"
QUESTION: Final = "What should we know before we talk to this community?"
ICON: Final = ":material/groups:"
HAS_FILTERS: Final = True
REPORTS: Final[tuple[str, ...]] = ()

_COLUMNS: Final = (
    Column("Community", "community_name", text(320)),
    Column("Deals", "deal_count", number(90, "localized")),
    Column("Open findings", "finding_count", number(120, "localized")),
)


def show(board: Board) -> None:
    """Show the page."""
    name = board.filters.community
    if name is None:
        _show_list(board)
        return
    deals = [row for row in board.reader.deals() if row["community_name"] == name]
    if not deals:
        st.info(md_escape(f"No deal of {name} is known as of {day(board.as_of)}."), icon=":material/info:")
        return
    snapshot = board.reader.snapshot()
    document = brief_document(snapshot, read_brief(snapshot, name))
    heading(md_escape(name), f"{counted(len(deals), 'deal')}. {NOT_READ}")
    show_downloads(lambda: document, f"brief-{_stem(name)}-{board.as_of.isoformat()}")
    _show_deals(board, deals)
    _show_findings(board, name)
    show_sections(document, leave_out=frozenset({"Open findings"}))


def _stem(name: str) -> str:
    return "-".join(
        "".join(character if character.isascii() and character.isalnum() else " " for character in name).lower().split()
    )


def _show_deals(board: Board, deals: list[Row]) -> None:
    with st.container(horizontal=True, gap="small"):
        for row in deals:
            label = md_escape(f"{row['deal_name']} ({row['deal_id']})")
            board.link("deal", label, deal=str(row["deal_id"]))


def _show_findings(board: Board, name: str) -> None:
    rows = board.filters.keep(board.reader.findings("findings"))
    note_md = f"{counted(len(rows), 'finding')}: {totals(rows)}." if rows else ""
    heading("Open findings", note_md, board=board, rows=rows, name=f"findings-{_stem(name)}")
    if not rows:
        st.success(f"Nothing is open about this community as of {day(board.as_of)}.", icon=":material/check_circle:")
        return
    show_list(board, "community", rows, most_height=360)


def _show_list(board: Board) -> None:
    """Show every community with how much is open; the filter above chooses one."""
    rows: dict[str, Row] = {}
    for deal in board.filters.keep(board.reader.deals(), owners=("deal_owner",)):
        name = deal["community_name"]
        if name:
            row = rows.setdefault(name, {"community_name": name, "deal_count": 0, "finding_count": 0})
            row["deal_count"] += 1
            row["finding_count"] += deal["finding_count"]
    listed = sorted(rows.values(), key=lambda row: (-row["finding_count"], row["community_name"]))
    heading(
        "Communities",
        f"{counted(len(listed), 'community', 'communities')}; those with the most open findings first. Choose one in the filter above.",
        board=board,
        rows=listed,
        name="communities",
    )
    show_grid(listed, _COLUMNS, name="Communities")
