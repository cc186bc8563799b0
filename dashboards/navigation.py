"""One snapshot, the head that every page has, and the page that the address names."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb
import streamlit as st
from pydantic import ValidationError

from dashboards.grids import PRINT_VIEW, is_print_view
from dashboards.login import admit
from dashboards.pages import PAGES, REPORT_PAGES, SECTIONS
from dashboards.parts import Board, Filters, choose_filters, md_escape, show_freshness, show_whose
from dashboards.snapshots import asked_reader, choose_snapshot, follow, show_that_it_is_old
from pipelines.errors import HandoffError
from pipelines.settings import load_settings
from pipelines.warehouse import current_version

if TYPE_CHECKING:
    from dashboards.login import Person
    from pipelines.settings import Settings

# what DuckDB says when a table or a column is not there
_OTHER_VERSION: Final = (duckdb.CatalogException, duckdb.BinderException)
_FOLDER: Final = Path(__file__).resolve().parent


def _open_board(settings: Settings, person: Person | None) -> Board:
    reader, earlier = asked_reader(settings.handoff_home)
    return Board(
        reader,
        settings,
        run=reader.run(),
        sources=reader.sources(),
        evaluations=reader.evaluations(),
        earlier=earlier,
        person=person,
    )


def _say(error: Exception) -> None:
    if isinstance(error, HandoffError):
        st.warning(md_escape(error.sentence), icon=":material/info:")
    elif isinstance(error, ValidationError):
        st.warning(
            "A setting is not usable. `handoff doctor` says which; change it and start the dashboard again.",
            icon=":material/info:",
        )
    else:
        st.warning(
            "This snapshot was made by another version of handoff and lacks what this page shows. Run `handoff sync` to build a new one.",
            icon=":material/info:",
        )


def _say_alone(error: Exception) -> None:
    st.title("handoff", anchor=False)
    _say(error)


def main() -> None:
    """Show the page that the address names."""
    # a named icon would be fetched from another host; this one is ours
    st.set_page_config(page_title="handoff", page_icon=_FOLDER / "mark.svg", layout="wide", initial_sidebar_state="collapsed")
    st.logo(_FOLDER / "logo.svg", size="large")
    try:
        settings = load_settings()
        person = admit(settings)
    except (HandoffError, ValidationError) as error:
        _say_alone(error)
        return
    seen = current_version(settings.handoff_home)
    try:
        board = _open_board(settings, person)
    except (HandoffError, *_OTHER_VERSION) as error:
        _say_alone(error)
        follow(settings.handoff_home, seen)
        return
    shown: dict[str, Board] = {}

    def show(name: str) -> None:
        PAGES[name].show(shown["board"])

    pages = {
        name: st.Page(
            partial(show, name), title=page.TITLE, icon=page.ICON, url_path=name.replace("_", "-"), default=name == "summary"
        )
        for name, page in PAGES.items()
    }
    menu = {section: [pages[name] for name in names] for section, names in SECTIONS.items()}
    chosen = st.navigation(menu, position="top")
    name = next(name for name, page in pages.items() if page.url_path == chosen.url_path)
    st.set_page_config(page_title=f"{PAGES[name].TITLE} - handoff")
    try:
        board = replace(board, pages=pages, report_pages=REPORT_PAGES)
        shown["board"] = replace(board, filters=_show_head(board, name))
        chosen.run()
    except (HandoffError, *_OTHER_VERSION) as error:
        _say(error)
    # an earlier snapshot stays what it was, and a page that is to be printed holds still
    if not board.earlier and not is_print_view():
        follow(settings.handoff_home, seen)


def _show_head(board: Board, name: str) -> Filters:
    """Show the page's title and question, the filters, and how fresh the data is; return what the filters hold."""
    page = PAGES[name]
    with st.container(key="head", horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        with st.container(width="content", gap="small"):
            st.title(page.TITLE, anchor=False)
            st.markdown(page.QUESTION)
        filters = choose_filters(board.reader) if page.HAS_FILTERS else Filters()
    if is_print_view() and filters.are_set:
        st.text(f"Only {filters.words}.")
    with st.container(gap="xsmall"):
        with st.container(horizontal=True, key="whose", gap="small", vertical_alignment="center"):
            show_whose(board)
            with st.container(horizontal=True, key="views", width="content", gap="small", vertical_alignment="center"):
                choose_snapshot(board)
                if board.person is not None:
                    st.button(
                        f"Log out {md_escape(board.person.email)}", on_click=st.logout, icon=":material/logout:", type="tertiary"
                    )
                replace(board, filters=filters).link(name, "Print view", icon=":material/print:", view=PRINT_VIEW)
        show_freshness(board)
        show_that_it_is_old(board)
    return filters
