"""The inbox: files that somebody put into a folder of ``HANDOFF_HOME/inbox`` are read by the next sync.

    inbox/costs/FILE.csv, .csv.gz, .parquet, .xlsx -> raw_files.focus_costs
    inbox/accounts/FILE.csv, .xlsx                 -> raw_files.accounts
    inbox/billing-sheet/FILE.csv, .xlsx            -> raw_files.billing_columns
    inbox/invoices/FILE.csv, .xlsx                 -> raw_files.invoices
    inbox/deals/FILE.csv, .xlsx                    -> raw_files.deals
    inbox/engagements/FILE.csv, .xlsx              -> raw_files.engagements
    inbox/usage/FILE.csv, .xlsx                    -> raw_files.usage

It is what ``handoff import`` does, without anybody at the keyboard. A file is read once for what it holds: it may stay where it is, a
changed one replaces what it brought before, and one that is taken away leaves its rows. A file that cannot be read holds up no other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pipelines import clock
from pipelines.errors import ConfigurationError, file_problem
from pipelines.sources.files import open_focus_file
from pipelines.sources.files_accounts import open_accounts_file
from pipelines.sources.files_billing_sheet import open_billing_sheet_file
from pipelines.sources.files_invoices import open_invoice_file
from pipelines.sources.files_records import open_record_file
from pipelines.sources.files_several import SeveralFiles
from pipelines.sources.files_usage import open_usage_file
from pipelines.sources.people import email_hash

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipelines.rules import Rules
    from pipelines.settings import Settings
    from pipelines.sources.files import FileImport
    from pipelines.sources.landing import Landing
    from pipelines.sources.spill import Earlier

FOLDER: Final = "inbox"
# a folder of the inbox -> the raw table that its files fill
_TABLES: Final = {
    "costs": "focus_costs",
    "accounts": "accounts",
    "billing-sheet": "billing_columns",
    "invoices": "invoices",
    "deals": "deals",
    "engagements": "engagements",
    "usage": "usage",
}


@dataclass
class Inbox(SeveralFiles):
    """The files of the inbox that are not known yet. ``problems`` holds the sentence of each file that cannot be read."""

    files: list[FileImport] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)

    def land(self, landing: Landing, folder: Path) -> None:
        """Read every file; what the inbox has no new file for stays as it is. What was said of files that cannot be read is said anew."""
        super().land(landing, folder)
        for place, sentence in self.problems.items():
            landing.set_aside(FOLDER, place, sentence, "")


def look_into(settings: Settings, rules: Rules, earlier: Earlier) -> Inbox:
    """Return what lies in the inbox and was not read before; ``earlier`` knows the hashes of what was. Opens no file that is known."""
    path = settings.handoff_home / FOLDER
    inbox = Inbox(path)
    if not path.is_dir():
        return inbox
    openers: dict[str, Callable[[Path], Any]] = {
        "costs": open_focus_file,
        "accounts": open_accounts_file,
        "billing-sheet": open_billing_sheet_file,
        "invoices": open_invoice_file,
        "usage": partial(open_usage_file, settings=settings, rules=rules),
        **{
            kind: partial(open_record_file, kind=kind, rules=rules, person=email_hash(settings), now=clock.now())
            for kind in ("deals", "engagements")
        },
    }
    for place in sorted(path.iterdir()):
        name = f"{place.name}"
        if name.startswith("."):
            continue
        if name not in openers or not place.is_dir():
            inbox.problems[name] = (
                f"{place} is not read: the inbox has a folder for each kind of file. Put it into {', '.join(openers)}."
            )
            continue
        _look_into(inbox, place, openers[name], _known(earlier, _TABLES[name]))
    return inbox


def _look_into(inbox: Inbox, folder: Path, opener: Callable[[Path], FileImport], known: dict[str, str]) -> None:
    seen = dict(known)
    for path in sorted(folder.iterdir()):
        # what is still being copied has such a name in most programs
        if path.name.startswith((".", "~")) or path.suffix in {".part", ".tmp", ".crdownload"}:
            continue
        place = f"{folder.name}/{path.name}"
        try:
            file: Any = opener(path)
        except ConfigurationError as error:
            inbox.problems[place] = error.sentence
            continue
        except OSError as error:
            inbox.problems[place] = file_problem(error).sentence
            continue
        first = seen.get(file.sha256)
        if first is None:
            inbox.files.append(file)
        elif first != path.name and file.sha256 not in known:
            inbox.problems[place] = (
                f"{path} holds the same as {first} beside it, so it was not read twice. Take one of the two away."
            )
        seen.setdefault(file.sha256, path.name)


def _known(earlier: Earlier, table: str) -> dict[str, str]:
    if not earlier.has(table, "file_sha256", "file_name"):
        return {}
    with earlier.opened() as connection:
        if connection is None:
            return {}
        sql = f"select file_sha256, any_value(file_name) from raw_files.{table} group by 1"
        return dict(connection.execute(sql).fetchall())
