"""A page for people, made of short tables: written once, shown as Markdown or as HTML, with vendor text that stays text in both."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from html import escape
from typing import TYPE_CHECKING, Final

from pipelines.reports import markdown, markdown_link, printable

if TYPE_CHECKING:
    from collections.abc import Sequence


class PageFormat(StrEnum):
    """How a page is written."""

    md = "md"
    json = "json"
    html = "html"


class Side(StrEnum):
    """The two sides of a handoff, each of which accepts its packet."""

    sales = "sales"
    delivery = "delivery"


@dataclass(frozen=True)
class Linked:
    """Text that leads somewhere; an address that is not https leads nowhere."""

    text: str
    url: str | None


Cell = str | Linked


@dataclass(frozen=True)
class Section:
    """A heading with sentences and at most one table. A section without rows is its sentences."""

    title: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Cell]] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Document:
    """A title, the lines that say whose data this is, and the sections."""

    title: str
    heading: Sequence[str]
    sections: Sequence[Section] = field(default=())

    def written_as(self, page_format: PageFormat) -> str:
        """Return the page as HTML or Markdown."""
        return self.as_html() if page_format is PageFormat.html else self.as_markdown()

    def as_markdown(self) -> str:
        """Return the page as Markdown in which no vendor text is markup."""
        # two spaces end a line
        parts = [f"# {markdown(self.title)}", "\n".join(f"> {markdown(line)}  " for line in self.heading)]
        for section in self.sections:
            parts.append(f"## {markdown(section.title)}")
            if section.notes:
                parts.append("\n".join(f"{markdown(note)}  " for note in section.notes))
            if section.rows:
                head = ["| " + " | ".join(section.columns) + " |", "|" + " --- |" * len(section.columns)]
                parts.append("\n".join([*head, *("| " + " | ".join(map(_markdown_cell, row)) + " |" for row in section.rows)]))
        return "\n\n".join(parts).rstrip() + "\n"

    def as_html(self) -> str:
        """Return the page as one HTML file that loads nothing and runs nothing."""
        parts = [
            f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{_html(self.title)}</title>',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{_html(self.title)}</h1>",
            *(f"<p class='head'>{_html(line)}</p>" for line in self.heading),
        ]
        for section in self.sections:
            parts.append(f"<h2>{_html(section.title)}</h2>")
            parts += [f"<p>{_html(note)}</p>" for note in section.notes]
            if section.rows:
                head = "".join(f"<th scope='col'>{_html(column)}</th>" for column in section.columns)
                # on a narrow screen the table scrolls, also by keyboard, and the page does not
                parts.append(
                    f'<div class="wide" role="region" tabindex="0" aria-label="{_html(section.title)}">\n<table>\n<tr>{head}</tr>'
                )
                parts += ["<tr>" + "".join(f"<td>{_html_cell(cell)}</td>" for cell in row) + "</tr>" for row in section.rows]
                parts.append("</table>\n</div>")
        return "\n".join([*parts, "</body>\n</html>\n"])


_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = (
    "body{font:15px/1.45 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111;background:#fff}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;"
    "border-bottom:1px solid #ccc;overflow-wrap:anywhere}h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:1.6rem}"
    "th{white-space:nowrap}.wide{overflow-x:auto}.head{margin:.2rem 0;color:#333;overflow-wrap:anywhere}"
)


def _markdown_cell(cell: Cell) -> str:
    return markdown_link(markdown(cell.text), cell.url) if isinstance(cell, Linked) else markdown(cell)


def _html(text: str) -> str:
    return escape(printable(text), quote=True)


def _html_cell(cell: Cell) -> str:
    if isinstance(cell, Linked) and (cell.url or "").startswith("https://"):
        return f'<a href="{_html(str(cell.url))}" rel="noreferrer">{_html(cell.text)}</a>'
    return _html(cell.text if isinstance(cell, Linked) else cell)
