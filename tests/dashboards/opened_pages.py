"""Opens a page of the dashboard without a browser, and reads what it shows."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from dashboards.launch import SCRIPT
from dashboards.pages import PAGES

# these render Markdown; everything else shows its text as it is
MARKDOWN = ("title", "header", "subheader", "markdown", "caption", "info", "success", "warning", "error")
_SAFE = ("text", "code")


def open_page(name="summary", **query):
    """Run the dashboard's script at the address of a page."""
    page = AppTest.from_file(str(SCRIPT), default_timeout=60)
    page.query_params.update(query)
    if name != "summary":
        page._page_hash = calc_hash(name.replace("_", "-"))  # what a browser gets by loading the page's address
    return run(page, name)


def run(page, name):
    """Run the page again and check that it is the one that was asked for, and that nothing failed."""
    page.run()
    assert not page.exception, [error.value for error in page.exception]
    assert page.title[0].value in {PAGES[name].TITLE, "handoff"}
    return page


def markdown(page):
    """Return everything that the browser renders as Markdown."""
    texts = [element.value for kind in MARKDOWN for element in page.get(kind)]
    texts += [part for metric in page.metric for part in (metric.label, metric.value)]
    texts += [expander.label for expander in page.expander]
    texts += [element.proto.label for kind in ("button", "download_button", "page_link") for element in page.get(kind)]
    return [str(text) for text in texts]


def said(page):
    """Return all text of a page in one string, grids included."""
    parts = markdown(page) + [str(element.value) for kind in _SAFE for element in page.get(kind)]
    return "\n".join([*parts, *(grid.value.to_csv() for grid in page.dataframe)])


def grid(page, column):
    """Return the first grid that has ``column``."""
    return next(found.value for found in page.dataframe if column in found.value.columns)
