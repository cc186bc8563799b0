"""Everything about one deal: where it stands, what is open, what was changed, and its handoff packet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards.changes import HISTORY, PROPOSED
from dashboards.findings import show_list, totals
from dashboards.grids import RECORD, WRAPPING, Column, day_column, number, show_grid, text
from dashboards.journal import history
from dashboards.papers import show_downloads, show_sections
from dashboards.parts import checked_url, counted, day, heading, instant, md_escape, show_not_evaluated
from pipelines.acceptances import acceptances
from pipelines.errors import ConfigurationError
from pipelines.packet_pages import packet_document
from pipelines.packets import one_of, read_packet
from pipelines.reports import printable

if TYPE_CHECKING:
    from dashboards.parts import Board
    from dashboards.queries import Row

TITLE: Final = "Deal"
QUESTION: Final = "What do we know about this one deal, on both sides?"
ICON: Final = ":material/handshake:"
HAS_FILTERS: Final = True
REPORTS: Final[tuple[str, ...]] = ()

_KEY: Final = "deal"
_HISTORY_SHOWN: Final = 500
_STEPS: Final = {"done": "✓ done", "missing": "✗ missing", "late": "! late", "not due": "○ not due", "unknown": "? unknown"}
_HANDOFF: Final = (
    ("Agreement", "agreement_step"),
    ("Request", "request_step"),
    ("Engagement", "engagement_step"),
    ("Breakdown", "breakdown_step"),
    ("Started", "started_step"),
)
_DEALS: Final = (
    Column("Deal", "deal_name", text(280)),
    Column("Community", "community_name", text(200)),
    Column("Stage", "stage_name", text(120)),
    Column("Pipeline", "pipeline_name", text(140)),
    Column("Starts", "start_on", day_column()),
    Column("Ends", "end_on", day_column()),
    Column("Owner", lambda row: row["deal_owner"] or "nobody", text(150)),
    Column("Open findings", "finding_count", number(110, "localized")),
    RECORD,
)
_VISITS: Final = (
    Column("Stage", "stage_name", text(160)),
    Column("Pipeline", "pipeline_name", text(150)),
    Column("Entered", lambda row: instant(row["entered_at"]), text(170)),
    Column("Left", lambda row: instant(row["left_at"], missing="still there"), text(170)),
    Column("Days", "elapsed_days", number(80, "localized")),
    Column("Moved by", lambda row: row["moved_by"] or "not known", text(180)),
)
_DELIVERY: Final = (
    Column("Engagement", "engagement_name", text(230)),
    Column("Step", "step_name", text(230)),
    Column("State", "step_status", text(120)),
    Column("Due", "due_on", day_column()),
    Column("Evidence of", "evidence_on", day_column()),
    Column("Evidence", lambda row: row["evidence_type"] or "none", text(150)),
    Column("Record", lambda row: checked_url(row["evidence_url"]) or checked_url(row["record_url"]), RECORD.config),
)
_BILLING: Final = (
    Column("What", "component", text(200)),
    Column("From", "service_from_on", day_column()),
    Column("To", "service_to_on", day_column()),
    Column("Due to bill", "due_to_bill_on", day_column()),
    Column("Expected", "expected_amount", number(120)),
    Column("Invoiced", "invoiced_amount", number(120)),
    Column("Not invoiced", "unbilled_amount", number(120)),
    Column("Currency", "currency", text(80)),
    Column("Invoices", lambda row: row["invoice_ids"] or "none", text(180)),
)


def show(board: Board) -> None:
    """Show the page."""
    deals = {_label(row): row for row in board.reader.deals()}
    fitting = [label for label, row in deals.items() if board.filters.keep([row], owners=("deal_owner",))]
    label = _chosen(deals, fitting)
    if label is None:
        _show_list(board, [deals[name] for name in fitting])
        return
    _show_deal(board, deals[label])


def _label(row: Row) -> str:
    return printable(f"{row['deal_name'] or 'A deal without a name'} ({row['deal_id']})")


def _chosen(deals: dict[str, Row], fitting: list[str]) -> str | None:
    """Show the deals to choose from, bound to ``?deal=``, which may name a deal by its id, its name or a part of it."""
    asked = st.query_params.get(_KEY)
    if asked and asked not in deals and _KEY not in st.session_state:
        _spell_out(deals, asked)
    # a link may name a deal that the filters leave out
    options = fitting if asked not in deals or asked in fitting else [asked, *fitting]
    chosen: Any = st.selectbox(
        "Deal",
        options,
        index=None,
        key=_KEY,
        placeholder="Choose a deal, by its name or number",
        label_visibility="collapsed",
        bind="query-params",
        width=520,
    )
    return chosen if chosen in deals else None


def _spell_out(deals: dict[str, Row], asked: str) -> None:
    """Put the label of the deal that ``asked`` means into the address, or say why there is none."""
    known = [{"deal_id": row["deal_id"], "name": row["deal_name"] or "", "label": label} for label, row in deals.items()]
    try:
        deal_id = one_of(known, asked, "deal", "deal_id", "choose one below")
    except ConfigurationError as error:
        st.warning(md_escape(error.sentence), icon=":material/search_off:")
        return
    st.query_params[_KEY] = next(str(row["label"]) for row in known if row["deal_id"] == deal_id)
    st.rerun()  # the choice takes its value from the address, and only from one that it could have written


def _show_list(board: Board, deals: list[Row]) -> None:
    """Show every deal, to choose one from."""
    troubled = sum(row["finding_count"] > 0 for row in deals)
    heading(
        "Deals",
        f"{counted(len(deals), 'deal')}, {troubled:,} with open findings; those with the most severe first. Choose a row to see all about it.",
        board=board,
        rows=deals,
        name="agreements",
    )
    if not deals:
        st.info("No deal fits the filters.", icon=":material/info:")
        return
    grid_key = f"deals-{board.reader.run_id}-{board.filters.words}"
    shown = deals[:1000]

    def choose() -> None:
        chosen = st.session_state[grid_key].selection.rows
        if chosen:
            st.session_state[_KEY] = _label(shown[chosen[0]])

    show_grid(shown, _DEALS, name="Deals", key=grid_key, on_select=choose, selection_mode="single-row")


# One deal ------------------------------------------------------------------------------------------------------------------------


def _show_deal(board: Board, deal: Row) -> None:
    deal_id = str(deal["deal_id"])
    snapshot = board.reader.snapshot()
    packet = read_packet(snapshot, deal_id)
    accepted = acceptances(board.settings.handoff_home, packet)
    document = packet_document(packet, accepted)
    _show_facts(board, deal, packet.engagements)
    _show_findings(board, deal_id)
    _show_changes(board, deal_id)
    _show_tables(board, deal_id)
    heading(
        "Handoff packet", f"Hash of its facts: {md_escape(packet.sha256)}. Costs and findings are shown, and are no part of it."
    )
    show_downloads(lambda: document, f"packet-{deal_id}-{board.as_of.isoformat()}")
    show_sections(document, leave_out=frozenset({"Risks: open findings"}))


def _show_facts(board: Board, deal: Row, engagements: list[Row]) -> None:
    """Show where the deal stands in a row of boxes, its five handoff steps, and where its records are."""
    amount = "not known" if deal["amount"] is None else f"{deal['amount']:,.2f} {deal['currency'] or ''}"
    delivers = ", ".join(dict.fromkeys(str(row["delivery_owner"]) for row in engagements if row["delivery_owner"])) or "nobody"
    boxes = (
        ("Stage", f"{deal['stage_name']}, {deal['pipeline_name']}"),
        ("Community", deal["community_name"] or "not known"),
        ("Runs", f"{day(deal['start_on'])} to {day(deal['end_on'])}"),
        ("Amount", amount),
        ("Owner", deal["deal_owner"] or "nobody"),
        ("Delivers", delivers),
    )
    for place, (title, words) in zip(st.columns(len(boxes), gap="small"), boxes, strict=True):
        with place, st.container(border=True, height="stretch", gap="xxsmall"):
            st.caption(title)
            st.text(printable(str(words)))
    handoff = board.reader.of_deal("handoff", str(deal["deal_id"]))
    if handoff:
        steps = ", ".join(f"{title} {_STEPS.get(str(handoff[0][column]), '? unknown')}" for title, column in _HANDOFF)
        st.text(f"Handoff since {day(handoff[0]['handoff_started_on'])}: {steps}.")
    with st.container(horizontal=True, gap="small"):
        _show_links(deal, engagements)
        if deal["community_name"]:
            board.link("community", "Its community", community=str(deal["community_name"]))


def _show_links(deal: Row, engagements: list[Row]) -> None:
    links = [
        ("Deal in HubSpot", deal["record_url"]),
        ("Agreement", deal["agreement_url"]),
        *(
            (f"Engagement {number}" if len(engagements) > 1 else "Engagement", row["record_url"])
            for number, row in enumerate(engagements, 1)
        ),
    ]
    for label, address in links:
        url = checked_url(address)
        if url:
            st.link_button(label, url, icon=":material/open_in_new:")


def _show_findings(board: Board, deal_id: str) -> None:
    rows = [row for row in board.reader.findings("findings") if row["deal_id"] == deal_id]
    if board.filters.severities:
        rows = [
            row
            for row in rows
            if board.filters.keep([row | {"owner": board.filters.owner, "community_name": board.filters.community}])
        ]
    note_md = f"{counted(len(rows), 'finding')}: {totals(rows)}." if rows else ""
    heading("Open findings", note_md, board=board, rows=rows, name=f"findings-{deal_id}")
    if not rows:
        show_not_evaluated(board, None)
        st.success(f"Nothing is open about this deal as of {day(board.as_of)}.", icon=":material/check_circle:")
        return
    show_list(board, "deal", rows, most_height=360)


def _show_changes(board: Board, deal_id: str) -> None:
    """Show the changes that are proposed for a deal, and what came of those that were applied."""
    marks = {f"deal-{deal_id}", f"for-deal-{deal_id}"}

    def is_its(row: Row) -> bool:
        parts = {*str(row["change_id"]).split(":"), *str(row.get("finding_id") or "").split(":")}
        return bool(parts & marks) or (row["object"], row["record_id"]) == ("deals", deal_id)

    proposed = [row for row in board.reader.changes() if is_its(row)]
    applied = [row for row in history(board, _HISTORY_SHOWN) if is_its(row)]
    if proposed:
        heading("Proposed changes", f"{counted(len(proposed), 'change')}; a plan on the Fixes page carries them out.")
        show_grid(proposed, PROPOSED, name="Proposed changes of this deal", row_height=WRAPPING, most_height=300)
        board.link("fixes", "To the Fixes page")
    if applied:
        heading("What was changed", "From the ledger, newest first, with what the next load found of it.")
        show_grid(applied, HISTORY, name="What was changed on this deal", row_height=WRAPPING, most_height=300)


def _show_tables(board: Board, deal_id: str) -> None:
    """Show what the other reports know of a deal; what has no row takes no room."""
    tables = (
        ("Way through the stages", "visits", _VISITS),
        ("Delivery steps", "steps", _DELIVERY),
        ("Billing", "billing", _BILLING),
    )
    for title, what, columns in tables:
        rows = board.reader.of_deal(what, deal_id)
        if rows:
            heading(title, counted(len(rows), "row"), board=board, rows=rows, name=f"{what}-{deal_id}")
            show_grid(rows, columns, name=title, most_height=320)
