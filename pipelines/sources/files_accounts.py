"""Which deal a cloud account belongs to, as the people who run the clusters wrote it down.

    config/clusters/             every */cluster.yaml below it  -> raw_files.accounts
    cluster.yaml                 one cluster
    FILE.csv, FILE.xlsx          provider, account, deal; optional: cluster, from, to, paid_by_us

A cluster file is that of https://github.com/2i2c-org/infrastructure (cluster.schema.yaml): ``metadata.<organisation>.hubspot_deal_id``,
``provider``, and below the provider's name ``account`` (AWS) or ``project`` (GCP) and ``billing.paid_by_us``. It names the present deal
alone, so that its row has no first and no last day. Rows of ``map_accounts_to_deals.csv`` about an account come before what is imported.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import yaml

from pipelines.errors import ConfigurationError
from pipelines.sources.files_cells import SHEET, CellTable, cell_tables
from pipelines.sources.files_csv import Quarantined, day_of
from pipelines.warehouse import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines.sources.landing import Landing
    from pipelines.transport import Transport

Row = dict[str, Any]

TABLE: Final = "accounts"
CLUSTER_FILE: Final = "cluster.yaml"
_REQUIRED: Final = ("provider", "account", "deal")
# as costs call them -> how people and cluster files call them
_PROVIDERS: Final = {
    "AWS": ("aws", "amazon web services"),
    "Google Cloud": ("gcp", "google cloud"),
    "Microsoft": ("azure", "microsoft"),
}
_AWS_DIGITS: Final = 12
_DEAL: Final = re.compile(r"(?:.*/0-3/)?(\d+)/?")
_YES_NO: Final = {"true": True, "yes": True, "false": False, "no": False, "": None}


@dataclass
class AccountsFile:
    """Files to import that say which account belongs to which deal. Reading them fills ``row_count`` and ``quarantine``."""

    path: Path
    files: list[Path]
    tables: list[CellTable] = field(default_factory=list)  # of a file that is no cluster file
    passed_over: list[str] = field(default_factory=list)
    row_count: int = 0
    quarantine: list[Quarantined] = field(default_factory=list)
    transport: Transport | None = None

    @property
    def sha256(self) -> str:
        """What the file holds, to know it again."""
        return sha256_of(self.files[0])

    @property
    def places(self) -> list[tuple[str, str]]:
        """Every file; of a folder also the files that it no longer has."""
        return [(TABLE, "")] if self.path.is_dir() else [(TABLE, _name(path)) for path in self.files]

    def land(self, landing: Landing, folder: Path) -> None:  # noqa: ARG002 - the files are here already
        """Replace what an earlier import of the same files left; a folder stands for all cluster files."""
        landing.keep_others(TABLE)
        names = [_name(path) for path in self.files]
        landing.keep(
            TABLE, "file_name not in (select unnest(?::varchar[])) and not starts_with(file_name, ?)", names, f"{names[0]}{SHEET}"
        )
        if self.path.is_dir():
            landing.keep(TABLE, f"file_name not like '%/{CLUSTER_FILE}'")
        landing.add(TABLE, self.rows(), key=("file_name", "line_number"))
        landing.quarantine.extend(
            {"table_name": TABLE, "record_ref": item.place, "reason": item.reason, "payload": item.payload}
            for item in self.quarantine
        )

    def rows(self) -> Iterator[Row]:
        """Yield the sound rows, shaped like ``raw_files.accounts``."""
        for table in self.tables:
            for number, cells in table.read(self.quarantine):
                lowered = {name.strip().lower(): value.strip() for name, value in cells.items()}
                yield from self._row(self.path, table.name, number, lowered, table.sheet)
        for path in self.files if not self.tables else ():
            try:
                cells = _of_a_cluster(yaml.safe_load(path.read_bytes()))
            except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
                reason = " ".join(f"the cluster file cannot be read ({error})".split())
                self.quarantine.append(Quarantined(1, reason, "", _name(path)))
                continue
            yield from self._row(path, _name(path), 1, cells)
        for item in self.quarantine:
            item.file_name = item.file_name or _name(self.path)

    def _row(self, path: Path, name: str, number: int, cells: dict[str, str], sheet: str = "") -> Iterator[Row]:
        try:
            typed = _typed(cells)
        except ValueError as error:
            self.quarantine.append(Quarantined(number, str(error), json.dumps(cells, default=str), _name(path), sheet))
            return
        self.row_count += 1
        yield {"file_name": name, "file_sha256": sha256_of(path), "line_number": number, **typed}


def open_accounts_file(path: Path) -> AccountsFile:
    """Check that ``path`` is a CSV or Excel file, a cluster file or a folder of them. Raises ConfigurationError that says what is missing."""
    if path.is_dir():
        files = sorted(path.glob(f"**/{CLUSTER_FILE}"))
        if not files:
            raise ConfigurationError(
                f"{path} has no {CLUSTER_FILE} in it or below. Give the folder config/clusters of a checkout."
            )
        return AccountsFile(path, files)
    if not path.is_file():
        raise ConfigurationError(
            f"{path} does not exist. Give a CSV or Excel file, a {CLUSTER_FILE}, or the folder of a checkout."
        )
    if path.name == CLUSTER_FILE:
        return AccountsFile(path, [path])
    found = cell_tables(path, _complaint, (*_REQUIRED, "cluster", "from", "to", "paid_by_us"))
    return AccountsFile(path, [path], found.tables, found.passed_over)


def _complaint(header: list[str], where: str) -> str | None:
    names = {name.strip().lower() for name in header}
    lacking = next((name for name in _REQUIRED if name not in names), None)
    if lacking is None:
        return None
    return f"{where} is not a list of accounts: it has no column {lacking}. Give it the columns provider, account and deal."


def _name(path: Path) -> str:
    """Return what people call a file by: every cluster file has the same name, and stands in the folder of its cluster."""
    return f"{path.resolve().parent.name}/{path.name}" if path.name == CLUSTER_FILE else path.name


def _of_a_cluster(content: object) -> dict[str, str]:
    """Return the cells of a cluster file. Raises ValueError where it is none."""
    if not isinstance(content, dict):
        raise ValueError("it is no mapping")  # noqa: TRY004 - caught with what else makes a file unreadable
    owners = content.get("metadata")
    deals = (
        [owner.get("hubspot_deal_id") for owner in owners.values() if isinstance(owner, dict)] if isinstance(owners, dict) else []
    )
    provider = str(content.get("provider") or "")
    place = content.get(provider)
    known = place if isinstance(place, dict) else {}
    billing = known.get("billing")
    paid = billing.get("paid_by_us") if isinstance(billing, dict) else None
    return {
        "provider": provider,
        "account": str(known.get("account") or known.get("project") or ""),
        "deal": next((str(deal) for deal in deals if deal), ""),
        "cluster": str(content.get("name") or ""),
        "paid_by_us": "" if paid is None else str(paid),
    }


def _typed(cells: dict[str, str]) -> Row:
    for name in _REQUIRED:
        if not cells[name]:
            raise ValueError(f"{name} is empty")
    provider = next((ours for ours, names in _PROVIDERS.items() if cells["provider"].lower() in names), cells["provider"])
    account = cells["account"]
    if provider == "AWS":
        if not account.isdecimal() or len(account) > _AWS_DIGITS:
            raise ValueError(f"account {account!r} is not the number of an AWS account")
        account = account.zfill(_AWS_DIGITS)  # who writes it as a number loses the zeros in front
    deal = _DEAL.fullmatch(cells["deal"])
    if deal is None:
        raise ValueError(f"deal {cells['deal']!r} is neither the number of a deal nor its address in HubSpot")
    first, last = day_of("from", cells.get("from", "")), day_of("to", cells.get("to", ""))
    if first and last and last < first:
        raise ValueError(f"to {cells['to']} is before from {cells['from']}")
    paid = cells.get("paid_by_us", "").lower()
    if paid not in _YES_NO:
        raise ValueError(f"paid_by_us {paid!r} is neither true nor false")
    return {
        "provider": provider,
        "sub_account_id": account,
        "deal_id": deal[1],
        "cluster_name": cells.get("cluster") or None,
        "valid_from": first,
        "valid_to": last,
        "is_paid_by_us": _YES_NO[paid],
    }
