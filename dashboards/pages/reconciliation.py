"""Which deals and engagements belong together, which do not as they are linked, and where their fields differ."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards.findings import show_findings
from dashboards.grids import RECORD, WRAPPING, Column, number, percent, share, show_grid, text
from dashboards.parts import checked_url, counted, heading, instant, show_nothing

if TYPE_CHECKING:
    from dashboards.parts import Board
    from dashboards.queries import Row

TITLE: Final = "Reconciliation"
QUESTION: Final = "Which deals and engagements do not belong together as they are linked?"
ICON: Final = ":material/compare_arrows:"
HAS_FILTERS: Final = True
REPORTS: Final[tuple[str, ...]] = ("reconciliation",)

_RELATIONS: Final = {
    "ok_1_1": "✓ one to one",
    "deal_only": "✗ deal without engagement",
    "engagement_only": "✗ engagement without deal",
    "one_to_many": "! one deal, several engagements",
    "many_to_one": "! several deals, one engagement",
    "many_to_many": "! several of both",
    "asymmetric": "! linked from one side only",
    "broken_link": "✗ link leads nowhere",
    "wrong_portal": "✗ link into another portal",
    "archived_side": "! one side is archived",
    "suggested": "? engagement without deal, one suggested",
}
_KINDS: Final = {
    "stale_copy": "● copied, then the deal changed",
    "amended_upstream": "● agreement was amended",
    "manual_override": "▲ changed by hand",
    "format_only": "○ written differently only",
}
# whose value counts; the word stands beside the value, so that nobody has to know the rule
_TRUTHS: Final = {"deal": "HubSpot deal", "engagement": "engagement"}


def relation_words(row: Row) -> str:
    """Return the relation in words, with its shape; what somebody allowed is in order."""
    words = _RELATIONS.get(str(row["relation"]), f"? {row['relation']}")
    return f"✓ {words[2:]}, allowed" if row["is_allowed"] else words


def kind_words(row: Row) -> str:
    """Return how the two values came apart."""
    if row["is_conflict"]:
        return "◆ both sides changed"
    return _KINDS.get(str(row["kind"]), str(row["kind"] or "? not known"))


def _side(column: str, side: str) -> Column:
    """Return a column with the value of a side; the side that counts is marked as the truth."""
    title = "Deal says" if side == "deal" else "Engagement says"
    return Column(
        title,
        lambda row: f"{row[column] or '(empty)'}{' ✓' if row['truth'] == side and not row['is_conflict'] else ''}",
        text(200),
    )


_RELATION_COLUMNS: Final = (
    Column("Relation", relation_words, text(250)),
    Column("Deals", lambda row: row["deal_names"] or "none", text(270)),
    Column("Engagements", lambda row: row["engagement_names"] or "none", text(270)),
    Column(
        "Note",
        lambda row: (
            row["allowed_reason"] or (f"Leads nowhere: {row['unresolved_addresses']}" if row["unresolved_addresses"] else "")
        ),
        text(290),
    ),
    Column("Findings", "finding_count", number(80, "localized")),
    RECORD,
)
_SUGGESTION_COLUMNS: Final = (
    Column("Engagement", "engagement_name", text(260)),
    Column("Perhaps delivers", "deal_name", text(260)),
    Column("Confidence", percent("confidence_ratio"), share(120)),
    Column("Because", "reasons", text(390)),
    Column("Best for both", lambda row: "✓ yes" if row["is_best"] else "○ no", text(110)),
    Column("Deal", lambda row: checked_url(row["deal_url"]), st.column_config.LinkColumn(width=68, display_text="Open")),
    Column(
        "Delivery", lambda row: checked_url(row["engagement_url"]), st.column_config.LinkColumn(width=76, display_text="Open")
    ),
)
_DRIFT_COLUMNS: Final = (
    Column("Engagement", "engagement_name", text(190)),
    Column("Field", "field_name", text(92)),
    _side("deal_value", "deal"),
    _side("engagement_value", "engagement"),
    Column(
        "Truth", lambda row: "ask both" if row["is_conflict"] else _TRUTHS.get(str(row["truth"]), str(row["truth"])), text(100)
    ),
    Column("What happened", kind_words, text(180)),
    Column("Deal changed", lambda row: instant(row["deal_changed_at"], missing="not known"), text(135)),
    Column("What to do", lambda row: row["fix"] or "nothing", text(260)),
)


def show(board: Board) -> None:
    """Show the page."""
    show_findings(board, "reconciliation", nothing="No deal and engagement are at odds", most_height=400)
    _show_relations(board)
    _show_suggestions(board)
    _show_drift(board)


def _show_relations(board: Board) -> None:
    rows = board.filters.keep(board.reader.records("relations"), owners=("deal_owner", "delivery_owner"))
    if not rows:
        heading("How deals and engagements are linked")
        st.info(
            "No deal or engagement fits the filters." if board.filters.are_set else "No deal is known.", icon=":material/info:"
        )
        return
    odd = [row for row in rows if row["relation"] != "ok_1_1"]
    counts = Counter(relation_words(row) for row in rows)
    heading(
        "How deals and engagements are linked",
        f"{counted(len(rows), 'group')} of deals and engagements that lead to each other, {counts['✓ one to one']:,} of them one to "
        "one; a chain of renewals counts as one agreement for each period. The others are listed.",
        board=board,
        rows=rows,
        name="relations",
    )
    if odd:
        odd.sort(key=lambda row: (bool(row["is_allowed"]), -row["finding_count"]))
        show_grid(
            odd, _RELATION_COLUMNS, name="Deals and engagements that are not one to one", row_height=WRAPPING, most_height=480
        )
    else:
        st.success("Every deal and engagement is one to one.", icon=":material/check_circle:")


def _show_suggestions(board: Board) -> None:
    rows = board.filters.keep(board.reader.records("link-suggestions"), owners=())
    heading(
        "Which may belong together",
        "A suggestion is never linked by itself: open both and judge." if rows else "",
        board=board,
        rows=rows,
        name="link-suggestions",
    )
    if rows:
        show_grid(rows, _SUGGESTION_COLUMNS, name="Suggested links", most_height=320)
    else:
        show_nothing(board, "reconciliation", "No engagement without a deal looks like one that lacks an engagement")


def _show_drift(board: Board) -> None:
    rows = board.reader.records("field-drift")
    if board.filters.are_set:
        shown = {
            row["component_id"]
            for row in board.filters.keep(board.reader.records("relations"), owners=("deal_owner", "delivery_owner"))
        }
        rows = [row for row in rows if row["component_id"] in shown]
    heading(
        "Fields that differ",
        "The value with ✓ is the truth, and the other is the copy to be corrected. Where both sides changed, ask both."
        if rows
        else "",
        board=board,
        rows=rows,
        name="field-drift",
    )
    if rows:
        show_grid(
            rows, _DRIFT_COLUMNS, name="Fields that differ between deal and engagement", row_height=WRAPPING, most_height=480
        )
    else:
        show_nothing(board, "reconciliation", "No field of an engagement differs from its deal")
