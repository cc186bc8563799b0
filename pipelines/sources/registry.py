"""The sources by name: what ``sync`` opens, each as a dlt source over the vendor's one transport."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from pipelines.sources.landing import Landing
from pipelines.sources.raw import RAW_TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date
    from pathlib import Path

    from pipelines.rules import Rules
    from pipelines.settings import Settings, Vendor
    from pipelines.sources.files import FocusFile

# What stands in the sandbox's invented organisation where a user's settings name their own.
SANDBOX_AIRTABLE_BASE_ID: Final = "appHandoffDemo000"
SANDBOX_GITHUB_ORGANIZATION: Final = "demo-org"
SANDBOX_GITHUB_PROJECTS: Final = (60, 57)
_OF_THE_SANDBOX: Final[dict[str, dict[str, Any]]] = {
    "airtable": {"sandbox_base_id": SANDBOX_AIRTABLE_BASE_ID},
    "github": {"sandbox_organization": SANDBOX_GITHUB_ORGANIZATION, "sandbox_projects": SANDBOX_GITHUB_PROJECTS},
}


class Counted(Protocol):
    """What the run wants to know of a way out."""

    request_count: int
    retry_count: int

    def close(self) -> None:
        """Let go of it."""


@dataclass
class SourceRun:
    """One source, opened: what dlt loads, what was set aside on the way, and the transport with its counters."""

    source: Any  # dlt's DltSource; dlt ships no usable types
    transport: Counted
    quarantine: list[dict[str, str]] = field(default_factory=list)


def _open(vendor: Vendor, settings: Settings, rules: Rules, as_of: date, sandbox_url: str | None) -> SourceRun:
    """Open one vendor. Its module, and with it the vendor's client, is imported here and nowhere else. Raises ConfigurationError."""
    module = import_module(f"pipelines.sources.{vendor}")
    extra = _OF_THE_SANDBOX.get(vendor, {}) if sandbox_url is not None else {}
    client = getattr(module, f"open_{vendor}")(settings, sandbox_url=sandbox_url, **extra)
    run = SourceRun(None, client.transport)

    @cache
    def landing() -> Landing:
        landed: Landing = getattr(module, f"{vendor}_rows")(client, rules, as_of=as_of)
        run.quarantine.extend(landed.quarantine)
        return landed

    # The first resource reads the whole vendor and the others serve from it: nothing is loaded before everything was read, and one
    # record's links can be asked for once its id is known.
    tables = {table: _pages(landing, table) for table in RAW_TABLES[vendor]}
    run.source = _dlt_source(vendor, tables, write_disposition="replace")
    return run


def _pages(landing: Callable[[], Landing], table: str) -> Callable[[], Iterator[Any]]:
    def pages() -> Iterator[Any]:
        yield from landing().pages(table)

    return pages


class _NoTransport:
    """Stands for the way out of a source that needs none."""

    request_count = 0
    retry_count = 0

    def close(self) -> None:
        """Nothing is open."""


def open_costs(costs: FocusFile, building_file: Path) -> SourceRun:
    """Open a cost file. Rows that an earlier import of the same file (or of a file of that name) left are replaced."""
    import duckdb  # noqa: PLC0415 - only imports of files need it here

    with duckdb.connect(str(building_file)) as connection:
        known = connection.execute(
            "select 1 from duckdb_tables() where schema_name = 'raw_files' and table_name = 'focus_costs'"
        ).fetchone()
        if known is not None:
            connection.execute(
                "delete from raw_files.focus_costs where file_sha256 = ? or file_name = ?", [costs.sha256, costs.path.name]
            )
    run = SourceRun(None, _NoTransport())

    def pages() -> Iterator[Any]:
        for batch in costs.batches():
            landing = Landing("files")
            landing.add("focus_costs", batch, key=("line_number",))
            run.quarantine.extend(landing.quarantine)
            yield from landing.pages("focus_costs")
        run.quarantine.extend(
            {
                "table_name": "focus_costs",
                "record_ref": f"{costs.path.name}, line {item.line_number}",
                "reason": item.reason,
                "payload": item.payload,
            }
            for item in costs.quarantine
        )

    run.source = _dlt_source("files", {"focus_costs": pages}, write_disposition="append")
    return run


def _dlt_source(
    source: str, tables: dict[str, Callable[[], Iterator[Any]]], *, write_disposition: Literal["append", "replace"]
) -> Any:
    """Return a dlt source with one resource for each table of ``source``."""
    import dlt  # noqa: PLC0415 - after settings.prepare_dlt

    # Arrow tables get dlt's own columns only on request.
    dlt.config["normalize.parquet_normalizer.add_dlt_load_id"] = True
    dlt.config["normalize.parquet_normalizer.add_dlt_id"] = True
    resources = [dlt.resource(pages, name=table, write_disposition=write_disposition) for table, pages in tables.items()]
    return dlt.source(lambda: resources, name=source)()


def _opener(vendor: Vendor) -> Callable[[Settings, Rules, date, str | None], SourceRun]:
    def open_vendor(settings: Settings, rules: Rules, as_of: date, sandbox_url: str | None) -> SourceRun:
        return _open(vendor, settings, rules, as_of, sandbox_url)

    return open_vendor


SOURCES: Final[dict[Vendor, Callable[[Settings, Rules, date, str | None], SourceRun]]] = {
    "hubspot": _opener("hubspot"),
    "airtable": _opener("airtable"),
    "github": _opener("github"),
    "aws": _opener("aws"),
}
