"""The snapshots that are kept: which one the address asks for, and how a reader chooses an earlier one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards.parts import day, instant, long_day, md_escape
from dashboards.queries import current_reader, opened_reader
from pipelines.retention import as_of_of
from pipelines.warehouse import Layout, NoSnapshot, published_at_of

if TYPE_CHECKING:
    from dashboards.parts import Board
    from dashboards.queries import Reader

KEY: Final = "snapshot"
DAY_KEY: Final = "as_of"


@dataclass(frozen=True)
class Kept:
    """One snapshot that is kept."""

    run_id: str
    version: str
    as_of: date
    published_at: datetime | None

    @property
    def words(self) -> str:
        """Which one it is, in words."""
        return f"As of {day(self.as_of)}, published {instant(self.published_at)}"


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


def asked_reader(home: Path) -> tuple[Reader, bool]:
    """Return a Reader of the snapshot that ``?snapshot=`` or ``?as_of=`` names, and whether it is the latest.

    ``as_of`` is a day, and means the newest snapshot that speaks of it or of a day before. Raises NoSnapshot, saying which there are.
    """
    latest = current_reader(home)
    asked = st.session_state.get(KEY) or st.query_params.get(KEY)
    on = st.query_params.get(DAY_KEY)
    if not asked and not on:
        return latest, True
    kept = kept_snapshots(home)
    chosen = _by_name(kept, asked) if asked else _by_day(kept, str(on))
    return (latest, True) if chosen.run_id == latest.run_id else (opened_reader(chosen.version), False)


def _by_name(kept: list[Kept], name: str) -> Kept:
    # only what was found in the folder is opened, whatever the address says
    found = next((snapshot for snapshot in kept if snapshot.run_id == name), None)
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
    by_id = {kept.run_id: kept for kept in kept_snapshots(board.settings.handoff_home)}
    earlier = list(by_id)[1:]
    if not earlier and board.is_latest:
        return
    with st.popover("Earlier", icon=":material/history:", type="tertiary", key="earlier"):
        chosen: Any = st.selectbox(
            "Show an earlier snapshot",
            earlier,
            index=None,
            format_func=lambda run_id: by_id[run_id].words if run_id in by_id else run_id,
            placeholder="The latest",
            key=KEY,
            bind="query-params",
            width=380,
        )
        if chosen is None and not board.is_latest:
            st.caption("The day in the address chose this one.")


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
