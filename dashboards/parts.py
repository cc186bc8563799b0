"""What every page is made of: safe text, the freshness banner, filters in the address, empty states and CSV downloads.

Vendor text reaches the screen through elements that render no markup (st.text, st.code, grid cells, select options), or through
md_escape(). A name that ends in ``_md`` holds Markdown that is safe to render.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import streamlit as st

from dashboards.exports import export_buttons
from pipelines.reports import printable
from pipelines.settings import VENDORS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from streamlit.navigation.page import StreamlitPage

    from dashboards.login import Person
    from dashboards.queries import Reader, Row
    from pipelines.settings import Settings

_MARKUP: Final = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$&=\"'^@/])")
# what an address may be made of (RFC 3986); no space, quote or bracket that could end the link it stands in
_ADDRESS: Final = re.compile(r"https://[A-Za-z0-9][A-Za-z0-9.\-]*(:\d{1,5})?([/?#][A-Za-z0-9\-._~:/?#\[\]!$&'*+,;=%]*)?")
# rules of which a warning says the title, too
_RULES_TITLED: Final = 3


def md_escape(text: object) -> str:
    """Return ``text`` as Markdown that shows exactly its characters: no markup, image, link, icon or formula."""
    escaped = _MARKUP.sub(r"\\\1", printable(str(text)))
    # a word joiner ends what the renderer looks for in plain text after parsing: addresses, :icons:, mail addresses
    return (
        re.sub(r":(?=\S)", ":\u2060", escaped).replace("\\@", "\u2060\\@").replace("www", "w\u2060ww").replace("WWW", "W\u2060WW")
    )


def checked_url(address: object) -> str | None:
    """Return ``address`` if it is a plain https address of a named host, else None: nothing else becomes a link."""
    if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
        return None
    host = urlsplit(address).hostname or ""
    return address if "." in host and ".." not in host else None


def link_md(label: str, address: object) -> str:
    """Return a Markdown link with our own ``label``, or nothing when the address may not be one."""
    url = checked_url(address)
    return f"[{label}](<{url}>)" if url else ""


def day(value: date | None, *, missing: str = "no date") -> str:
    """Return a date that needs no context: 16 Nov 2026."""
    return f"{value.day} {value:%b %Y}" if value is not None else missing


def long_day(value: date) -> str:
    """Return a date with its weekday: Monday, 16 November 2026."""
    return f"{value:%A}, {value.day} {value:%B %Y}"


def instant(value: datetime | None, *, missing: str = "never") -> str:
    """Return an instant with its zone: 16 Nov 2026 06:02 UTC."""
    return f"{day(value)} {value:%H:%M} UTC" if value is not None else missing


def instant_of(text: object) -> str:
    """Return an ISO 8601 instant in the same form as the others; what is none stays as it is."""
    try:
        return instant(datetime.fromisoformat(str(text)).astimezone(UTC))
    except ValueError:
        return str(text)


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number with its noun: 1 finding, 2 findings."""
    return f"{number:,} {singular if number == 1 else plural or f'{singular}s'}"


SEVERITIES: Final = ("blocker", "high", "medium", "low", "unknown")


def severity_of(row: Row) -> str:
    """Return the severity of a finding; one that is not certain has none but "unknown"."""
    if row.get("status") == "indeterminate":
        return "unknown"
    severity = str(row.get("severity"))
    return severity if severity in SEVERITIES else "low"


@dataclass(frozen=True)
class Filters:
    """What the reader asked to see; the address carries it."""

    owner: str | None = None
    team: str | None = None
    community: str | None = None
    severities: tuple[str, ...] = ()

    @property
    def are_set(self) -> bool:
        """Whether anything is left out."""
        return any((self.owner, self.team, self.community, self.severities))

    @property
    def query(self) -> dict[str, str | list[str]]:
        """The filters as a link carries them."""
        kept = {"owner": self.owner, "team": self.team, "community": self.community}
        return {name: value for name, value in kept.items() if value} | (
            {"severity": list(self.severities)} if self.severities else {}
        )

    @property
    def words(self) -> str:
        """The filters in words, as plain text."""
        severities = " or ".join(self.severities)
        parts = (("owner", self.owner), ("team", self.team), ("community", self.community), ("severity", severities))
        return ", ".join(f"{name} {value}" for name, value in parts if value)

    @property
    def note_on_people(self) -> str:
        """What a table says of the owner and team filters when its rows know neither; nothing while they are not set."""
        return " The owner and team filters apply to the findings only." if self.owner or self.team else ""

    def keep(self, rows: Iterable[Row], *, owners: Sequence[str] = ("owner",), community: str = "community_name") -> list[Row]:
        """Return the rows that fit. ``owners`` are the columns that name a person; team and severity filter findings only."""
        return [
            row
            for row in rows
            if (self.owner is None or self.owner in {row.get(name) for name in owners})
            and (self.team is None or row.get("owner_team", self.team) == self.team)
            and (self.community is None or row.get(community) == self.community)
            and (not self.severities or "finding_id" not in row or severity_of(row) in self.severities)
        ]


@dataclass(frozen=True)
class Board:
    """What a page is given: one snapshot, its head, the filters, and the other pages to link to."""

    reader: Reader
    settings: Settings
    run: Row
    sources: list[Row]
    evaluations: list[Row]
    filters: Filters = field(default_factory=Filters)
    pages: dict[str, StreamlitPage] = field(default_factory=dict)
    # which page shows the findings of a report
    report_pages: dict[str, str] = field(default_factory=dict)
    earlier: str | None = None  # the words for a snapshot that is not the latest
    person: Person | None = None  # who logged in; None where nobody needs to

    @property
    def is_latest(self) -> bool:
        """Whether the latest snapshot is shown; nothing is planned, applied or decided from an earlier one."""
        return self.earlier is None

    @property
    def as_of(self) -> date:
        """The date that the snapshot speaks of."""
        as_of: date = self.run["as_of_on"]
        return as_of

    def not_evaluated(self, report: str | None = None) -> list[Row]:
        """Return the rules that could not be judged from complete data, of one report or of all."""
        return [row for row in self.evaluations if row["gate"] != "evaluated" and report in {None, row["report"]}]

    def link(self, page: str, label: str, *, icon: str = ":material/arrow_forward:", **more: str) -> None:
        """Show a link to another page that keeps the filters and the snapshot; ``more`` is added to the address."""
        snapshot = {} if self.earlier is None else {"snapshot": self.earlier}
        kept: dict[str, Any] = self.filters.query | snapshot | more
        st.page_link(self.pages[page], label=label, query_params=kept, icon=icon)

    def link_report(self, report: str, label: str | None = None, **more: str) -> None:
        """Show a link to the page with a report's findings, by the page's title if there is no ``label``; nothing if none has them."""
        page = self.report_pages.get(report)
        if page is not None:
            self.link(page, label or self.pages[page].title, **more)


def _option(name: str, label: str, known: list[str], placeholder: str, *, width: int) -> str | None:
    asked = st.query_params.get(name)
    # a link names somebody who owns nothing any more: the page says so instead of showing everything
    options = [*known, asked] if asked and asked not in known else known
    chosen: str | None = st.selectbox(
        label,
        options,
        index=None,
        key=name,
        placeholder=placeholder,
        label_visibility="collapsed",
        bind="query-params",
        width=width,
    )
    return chosen


def choose_filters(reader: Reader) -> Filters:
    """Show the filters, bound to ``?severity=``, ``?team=``, ``?owner=`` and ``?community=``, and return what is chosen."""
    with st.container(horizontal=True, key="filters", gap="small", width="content"):
        severities = _severities()
        team = _option("team", "Team", reader.teams(), "Every team", width=150)
        owner = _option("owner", "Owner", reader.owners(), "Every owner", width=220)
        community = _option("community", "Community", reader.communities(), "Every community", width=250)
    return Filters(owner=owner, team=team, community=community, severities=severities)


def _severities() -> tuple[str, ...]:
    asked = st.query_params.get_all("severity")
    # a link that people write by hand may name several at once, with commas
    if any("," in words for words in asked):
        named = {word.strip().casefold() for words in asked for word in words.split(",")}
        st.query_params["severity"] = [severity for severity in SEVERITIES if severity in named]
        st.rerun()  # the choice takes its value from the address, and only from one that it could have written
    chosen: list[str] = st.multiselect(
        "Severity",
        SEVERITIES,
        key="severity",
        placeholder="Every severity",
        label_visibility="collapsed",
        bind="query-params",
        width=200,
    )
    return tuple(severity for severity in SEVERITIES if severity in chosen)


_FRESHNESS: Final[dict[str, tuple[str, str, str]]] = {
    "complete": (":material/check_circle:", "green", "complete"),
    "stale": (":material/schedule:", "orange", "STALE since"),
    "never": (":material/block:", "red", "never loaded"),
}


def show_whose(board: Board) -> None:
    """Show whose data it is, as of when, and on a phone how many sources are complete."""
    complete = sum(source["status"] == "complete" for source in board.sources)
    if board.run["is_sandbox"]:
        st.badge(
            "SANDBOX: invented records" if _is_mixed(board) else "SANDBOX: invented organisation",
            icon=":material/science:",
            color="violet",
        )
    st.badge(f"As of {long_day(board.as_of)}", icon=":material/event:", color="gray")
    with st.container(key="narrow-freshness", width="content"):
        colour: Any = "green" if complete == len(board.sources) else "orange"
        st.badge(f"{complete} of {counted(len(board.sources), 'source')} complete", icon=":material/database:", color=colour)


def _is_mixed(board: Board) -> bool:
    """Return whether some vendors are real and others are not."""
    return any(source["source"] in VENDORS and not source["is_sandbox"] for source in board.sources)


def show_freshness(board: Board) -> None:
    """Show how fresh each source is; problems in full, with what they mean."""
    with st.container(horizontal=True, key="wide-freshness", gap="xsmall", vertical_alignment="center"):
        for source in board.sources:
            _show_source(source, is_mixed=_is_mixed(board))
    for source in board.sources:
        if source["status"] != "complete":
            _show_source_problem(source)


def _show_source(source: Row, *, is_mixed: bool) -> None:
    icon, colour, word = _FRESHNESS.get(source["status"], _FRESHNESS["never"])
    when = "" if source["status"] == "never" else f" {instant(source['last_complete_at'])}"
    mark = " (SANDBOX)" if source["is_sandbox"] and is_mixed else ""
    shade: Any = colour
    st.badge(f"{md_escape(source['source_name'])}{mark} {word}{when}", icon=icon, color=shade)


def _show_source_problem(source: Row) -> None:
    if source["status"] == "stale":
        meaning = f"Its data is from {instant(source['last_complete_at'])}. What would be missing since then is shown as unknown."
    else:
        meaning = "What depends on it is not evaluated; an empty list below does not mean that nothing is missing."
    reason_md = f" {md_escape(source['error'])}" if source["error"] else ""
    st.warning(f"**{md_escape(source['source_name'])}** did not load completely. {meaning}{reason_md}", icon=":material/warning:")


def show_not_evaluated(board: Board, report: str | None) -> None:
    """Name the rules of a report, or of all, that could not be judged, and why."""
    reasons: dict[tuple[str, str], list[Row]] = {}
    for row in board.not_evaluated(report):
        reasons.setdefault((row["gate"], row["gate_reason"] or ""), []).append(row)
    boxes: dict[str, list[str]] = {}
    for (gate, reason), rows in reasons.items():
        word = "NOT EVALUATED" if gate == "not_evaluated" else "STALE"
        # many titles would push the findings off a phone; Sync health has them
        titled = len(rows) <= _RULES_TITLED
        names_md = ", ".join(md_escape(row["rule_id"]) + (f" ({md_escape(row['title'])})" if titled else "") for row in rows)
        boxes.setdefault(word, []).append(f"{names_md}. {md_escape(reason)}")
    for word, lines in boxes.items():
        lines_md = "  \n".join(lines)
        st.warning(f"**{word}:** {lines_md}", icon=":material/help:")


def show_nothing(board: Board, report: str | None, what: str) -> None:
    """Say why a list is empty: nothing is missing, or nobody could tell. ``what`` is ours: "No handoff gaps"."""
    gaps = board.not_evaluated(report)
    asked_md = f" for {md_escape(board.filters.words)}" if board.filters.are_set else ""
    if gaps:
        names = ", ".join(str(row["rule_id"]) for row in gaps)
        st.info(
            f"{what}{asked_md} in what could be evaluated as of {long_day(board.as_of)}. **Not known:** {md_escape(names)}, see above.",
            icon=":material/help:",
        )
        return
    rules = sum(report in {None, row["report"]} for row in board.evaluations)
    st.success(
        f"{what}{asked_md} as of {long_day(board.as_of)}. {counted(rules, 'rule')} evaluated on complete data.",
        icon=":material/check_circle:",
    )


def heading(title: str, note_md: str = "", *, board: Board | None = None, rows: list[Row] | None = None, name: str = "") -> None:
    """Show a section's title with a line below it, and beside it ``rows`` as files called ``name``."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(width="stretch", gap="small", key=f"heading-{title}"):
            st.header(title, anchor=False)
            if note_md:
                st.caption(note_md)
        if board is not None and rows:
            export_buttons(rows, name, board)
