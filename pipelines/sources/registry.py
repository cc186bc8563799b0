"""The sources by name: what ``sync`` opens, each as a dlt source over the vendor's one transport."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol

from pipelines.sources.landing import Landing
from pipelines.sources.raw import RAW_TABLES
from pipelines.sources.spill import Earlier

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from pathlib import Path

    from pipelines.rules import Rules
    from pipelines.settings import Settings, Vendor
    from pipelines.sources.files import FileImport

# What stands in the sandbox's invented organisation where a user's settings name their own.
SANDBOX_AIRTABLE_BASE_ID: Final = "appHandoffDemo000"
SANDBOX_ASANA_WORKSPACE_ID: Final = "1200000000000001"
SANDBOX_ASANA_PORTFOLIO_IDS: Final = ("1200000000000003",)
SANDBOX_GITHUB_ORGANIZATION: Final = "demo-org"
SANDBOX_GITHUB_PROJECTS: Final = (60, 57)
SANDBOX_SPREADSHEET_ID: Final = "1HandoffDemoCloudBilling0000000000000000000000"
_OF_THE_SANDBOX: Final[dict[str, dict[str, Any]]] = {
    "airtable": {"sandbox_base_id": SANDBOX_AIRTABLE_BASE_ID},
    "asana": {"sandbox_workspace_id": SANDBOX_ASANA_WORKSPACE_ID, "sandbox_portfolio_ids": SANDBOX_ASANA_PORTFOLIO_IDS},
    "github": {"sandbox_organization": SANDBOX_GITHUB_ORGANIZATION, "sandbox_projects": SANDBOX_GITHUB_PROJECTS},
    "sheets": {"sandbox_spreadsheet_id": SANDBOX_SPREADSHEET_ID},
}


def sandbox_arguments(vendor: str, sandbox_url: str | None) -> dict[str, Any]:
    """Return what names the invented organisation's own places to a source; nothing for the vendor itself."""
    return _OF_THE_SANDBOX.get(vendor, {}) if sandbox_url is not None else {}


class Counted(Protocol):
    """What the run wants to know of a way out."""

    request_count: int
    retry_count: int

    def close(self) -> None:
        """Let go of it."""


@dataclass(frozen=True)
class Errand:
    """What a source is opened with: whose data, by which rules, as of which day, and where it may put what it reads."""

    settings: Settings
    rules: Rules
    as_of: date
    sandbox_url: str | None  # None: the vendor itself
    building_file: Path  # the private copy, with what earlier loads left
    folder: Path  # this source's own, empty


@dataclass
class SourceRun:
    """One source, opened. ``read`` brings everything into ``landing`` and comes before ``tables``, which dlt loads."""

    landing: Landing
    transport: Counted
    read: Callable[[], None]

    @property
    def quarantine(self) -> list[dict[str, str]]:
        """What was set aside on the way."""
        return self.landing.quarantine

    def tables(self) -> Any:
        """Return what was read as a dlt source with one resource for each raw table."""
        import dlt  # noqa: PLC0415 - after settings.prepare_dlt

        # Arrow tables get dlt's own columns only on request.
        dlt.config["normalize.parquet_normalizer.add_dlt_load_id"] = True
        dlt.config["normalize.parquet_normalizer.add_dlt_id"] = True
        resources = [
            dlt.resource(
                self.landing.pages(table),
                name=table,
                write_disposition="append" if self.landing.is_kept(table) else "replace",
            )
            for table in RAW_TABLES[self.landing.source]
        ]
        return dlt.source(lambda: resources, name=self.landing.source)()


def _landing(source: str, errand: Errand) -> Landing:
    return Landing(source, errand.folder, earlier=Earlier(source, errand.building_file))


def _open(vendor: Vendor, errand: Errand) -> SourceRun:
    """Open one vendor. Its module, and with it the vendor's client, is imported here and nowhere else. Raises ConfigurationError."""
    module = import_module(f"pipelines.sources.{vendor}")
    extra = sandbox_arguments(vendor, errand.sandbox_url)
    client = getattr(module, f"open_{vendor}")(errand.settings, sandbox_url=errand.sandbox_url, **extra)
    landing = _landing(vendor, errand)
    read = partial(getattr(module, f"{vendor}_rows"), client, errand.rules, as_of=errand.as_of, landing=landing)
    return SourceRun(landing, client.transport, read)


class _NoTransport:
    """Stands for the way out of a source that needs none."""

    request_count = 0
    retry_count = 0

    def close(self) -> None:
        """Nothing is open."""


def open_import(imported: FileImport, errand: Errand) -> SourceRun:
    """Open a file that somebody hands in, or the exports in a folder or bucket. What earlier imports of the same left is replaced."""
    landing = _landing("files", errand)
    return SourceRun(landing, imported.transport or _NoTransport(), partial(imported.land, landing, errand.folder / "fetched"))


SOURCES: Final[dict[Vendor, Callable[[Errand], SourceRun]]] = {
    "hubspot": partial(_open, "hubspot"),
    "airtable": partial(_open, "airtable"),
    "asana": partial(_open, "asana"),
    "github": partial(_open, "github"),
    "aws": partial(_open, "aws"),
    "sheets": partial(_open, "sheets"),
    "intacct": partial(_open, "intacct"),
    "prometheus": partial(_open, "prometheus"),
}
