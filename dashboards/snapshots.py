"""The snapshots that are kept: which one the address asks for, and how a reader chooses an earlier one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards.parts import day, instant, long_day, md_escape
from dashboards.queries import current_reader, opened_reader
from pipelines.retention import as_of_of
from pipelines.warehouse import Layout, NoSnapshot, current_version, published_at_of

if TYPE_CHECKING:
    from dashboards.parts import Board
    from dashboards.queries import Reader

KEY: Final = "snapshot"
DAY_KEY: Final = "as_of"
# what is published is seen within five seconds, the drawing of the page included
_LOOKS_EVERY: Final = "2s"


@st.fragment(run_every=_LOOKS_EVERY)
def follow(home: Path, seen: Path | None) -> None:
    """Show the page anew once another snapshot than ``seen`` is published; what somebody has typed or chosen stays."""
    if current_version(home) != seen:
        st.rerun()


@dataclass(frozen=True)
class Kept:
    """One snapshot that is kept."""

    run_id: str
    version: str
    as_of: date
    published_at: datetime | None

    @property
    def words(self) -> str:
        """Which one it is, in words that no other has; the address carries them."""
        return f"As of {day(self.as_of)}, published {instant(self.published_at)}, {self.run_id[-4:]}"


@st.cache_data(max_entries=200, show_spinner=False)
def _kept(version: str) -> Kept | None:
    """Return what a snapshot says about itself; it never changes once it is published."""
    path = Path(version)
    as_of = as_of_of(path)
    return None if as_of is None else Kept(path.name, version, as_of, published_at_of(path))


def kept_snapshots(home: Path) -> list[Kept]:
    """Return the snapshots that are kept, newest first."""
    root = Layout(home).versions
    versions = sorted((path for path in root.iterdir() if path.is_dir()), reverse=True) if root.is_dir() else []
    return [kept for path in versions if (kept := _kept(str(path))) is not None]


def asked_reader(home: Path) -> tuple[Reader, str | None]:
    """Return a Reader of the snapshot that ``?snapshot=`` or ``?as_of=`` names, and the words for it if it is not the latest.

    ``snapshot`` is the id of a run, or the words of :class:`Kept`, which the address gets when somebody chooses. ``as_of`` is a day, and
    means the newest snapshot that speaks of it or of a day before. Raises NoSnapshot, saying which there are.
    """
    latest = current_reader(home)
    # what the reader chose on this page wins over the address that they came with
    asked = st.session_state[KEY] if KEY in st.session_state else st.query_params.get(KEY)
    on = st.query_params.get(DAY_KEY)
    if not asked and not on:
        return latest, None
    kept = kept_snapshots(home)
    chosen = _by_name(kept, asked) if asked else _by_day(kept, str(on))
    if chosen.run_id == latest.run_id:
        return latest, None
    if asked == chosen.words:
        st.session_state[KEY] = asked  # on another page the choice does not take its value from the address by itself
    return opened_reader(chosen.version), chosen.words


def _by_name(kept: list[Kept], name: str) -> Kept:
    # only what was found in the folder is opened, whatever the address says
    found = next((snapshot for snapshot in kept if name in {snapshot.run_id, snapshot.words}), None)
    if found is None:
        raise NoSnapshot(f"The snapshot {name} is not kept any more. Leave it out of the address to see the latest.")
    return found


def _by_day(kept: list[Kept], words: str) -> Kept:
    try:
        wanted = date.fromisoformat(words)
    except ValueError as error:
        raise NoSnapshot(f"{words!r} is no day. Write it as 2026-11-16, or leave it out of the address.") from error
    fitting = [snapshot for snapshot in kept if snapshot.as_of <= wanted]
    if not fitting:
        first = f"The oldest speaks of {min(snapshot.as_of for snapshot in kept)}." if kept else ""
        raise NoSnapshot(f"No snapshot of {wanted} or before is kept. {first}".strip())
    return max(fitting, key=lambda snapshot: (snapshot.as_of, snapshot.run_id))


def choose_snapshot(board: Board) -> None:
    """Show the snapshots to choose from, bound to ``?snapshot=``."""
    if KEY not in st.session_state and (DAY_KEY in st.query_params or st.query_params.get(KEY, board.earlier) != board.earlier):
        _spell_out(board)
    latest, *earlier = [kept.words for kept in kept_snapshots(board.settings.handoff_home)] or [""]
    if not earlier:
        return
    with st.popover("Earlier", icon=":material/history:", type="tertiary", key="earlier"):
        st.selectbox(
            "Show an earlier snapshot",
            earlier,
            index=None,
            placeholder=f"The latest: {latest}",
            key=KEY,
            bind="query-params",
            width=420,
        )


def _spell_out(board: Board) -> None:
    """Put the words for the snapshot into the address: the choice takes its value from there, if it could have written it."""
    for key in (KEY, DAY_KEY):
        if key in st.query_params:
            del st.query_params[key]
    if board.earlier is not None:
        st.query_params[KEY] = board.earlier
    st.rerun()


def show_that_it_is_old(board: Board) -> None:
    """Say plainly that an earlier snapshot is shown, and what cannot be done with it."""
    if board.is_latest:
        return
    latest = kept_snapshots(board.settings.handoff_home)[0]
    st.warning(
        f"**An earlier snapshot is shown:** as of {long_day(board.as_of)}. Since then others were published, the latest "
        f"{md_escape(latest.words[0].lower() + latest.words[1:])}. "
        "Nothing is planned, applied or decided from an earlier one.",
        icon=":material/history:",
    )
