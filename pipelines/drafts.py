"""What ``handoff rules init`` makes: a folder with a profile of the organisation's own, and a page that says how each row was found.

    profile.toml      based_on: the shipped profile
    *.csv             the tables in which the organisation differs from it
    PROPOSALS.md      each proposal with its reason, and what nobody can tell with the next step

Nothing that is there is ever overwritten.
"""

from __future__ import annotations

import csv
import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pipelines.errors import ConfigurationError, HandoffError, file_problem
from pipelines.likeness import plain
from pipelines.profiles import FILE_NAME, base_of, table_files
from pipelines.proposals import (
    Draft,
    Unknown,
    note_statuses,
    propose_fields,
    propose_labels,
    propose_organisation,
    propose_pipelines,
)
from pipelines.sandbox.attachment import attached
from pipelines.settings import VENDORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipelines.access.definitions import Portal
    from pipelines.likeness import Thing
    from pipelines.rules import Rules
    from pipelines.settings import Settings

PAGE: Final = "PROPOSALS.md"


def check_place(folder: Path) -> None:
    """Refuse a folder that holds something already. Raises ConfigurationError."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(f"{folder} is there already, and nothing is overwritten. Give the path of a new folder.")
    if not folder.parent.is_dir():
        raise ConfigurationError(f"{folder.parent} is no folder. Make it first, or give another path for the profile.")


def drafted(settings: Settings, rules: Rules, say: Callable[[str], None]) -> Draft:
    """Ask the vendors what they have, and return the proposals. Raises VendorError where HubSpot does not answer."""
    from pipelines.access import definitions  # noqa: PLC0415 - builds the vendors' clients

    draft = Draft()
    with attached(settings) as sandbox_url:

        def place(vendor: str) -> str | None:
            is_sandbox = next(settings.is_sandbox(known) for known in VENDORS if known == vendor)
            say(f"Reading what {rules.source_names[vendor]}{' (SANDBOX: no token is set)' if is_sandbox else ''} has.")
            return sandbox_url if is_sandbox else None

        portal = definitions.portal(settings, rules, place("hubspot"))
        propose_organisation(draft, rules, portal)
        _community(draft, settings, rules, portal, sandbox_url=sandbox_url if settings.is_sandbox("hubspot") else None)
        base = None
        others: dict[str, list[Thing]] = {}
        for vendor, read in (("github", definitions.project_fields), ("asana", definitions.custom_fields)):
            if vendor in rules.source_names:
                with _noted(draft, vendor):
                    others[vendor] = read(settings, place(vendor))
        if "airtable" in rules.source_names:
            with _noted(draft, "airtable"):
                base = definitions.base(settings, place("airtable"))
    propose_pipelines(draft, rules, portal)
    propose_fields(draft, rules, portal, base, others)
    propose_labels(draft, rules, portal)
    if base is not None:
        note_statuses(draft, rules, base)
    return draft


def write(draft: Draft, folder: Path, shipped: Path) -> list[str]:
    """Write the profile; return the names of its tables. Raises ConfigurationError when the disk does not let it."""
    root = base_of(shipped) or shipped
    based_on = root.name if folder.absolute().parent == root.absolute().parent else root.absolute().as_posix()
    contents = {FILE_NAME: f'based_on = "{based_on}"\n', PAGE: page_of(draft)}
    of_root = {path.name: path for path in table_files(root)}
    for path in table_files(shipped):
        header, rows = _table(path)
        rows = draft.tables.get(path.stem, rows)
        if rows != _table(of_root[path.name])[1]:
            contents[path.name] = _csv(header, rows)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        for name, content in contents.items():
            with (folder / name).open("x", encoding="utf-8", newline="") as file:
                file.write(content)
    except OSError as error:
        raise file_problem(error) from error
    return sorted(name for name in contents if name.endswith(".csv"))


def page_of(draft: Draft) -> str:
    """Return the proposals and what is not known as a page in Markdown."""
    lines = [
        "# How this profile was found",
        "",
        "Made by `handoff rules init`. Read it, mend the tables, and run `handoff doctor`.",
        "",
    ]
    lines += ["## Not known", "", "Nothing was guessed: what follows was left out, or stands as the shipped profile has it.", ""]
    lines += [f"- **{item.part}**, {item.subject}: {item.reason}. Next: {item.next_step}." for item in draft.unknown] or [
        "Nothing."
    ]
    lines += ["", "## Proposed", "", "| part | what | here | confidence | because |", "| --- | --- | --- | --- | --- |"]
    for item in draft.proposals:
        cells = (item.part, item.subject, item.meaning, item.confidence, item.reason)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _community(draft: Draft, settings: Settings, rules: Rules, portal: Portal, *, sandbox_url: str | None) -> None:
    """Find the object that stands for a community where the shipped profile's is not there."""
    from pipelines.access import definitions  # noqa: PLC0415 - as above

    if "communities" in portal.properties:
        return
    names = {plain(row["also_called"]) for row in rules.table("map_likely_names") if row["what"] == "object"}
    fitting = [thing for thing in portal.object_types if plain(thing.label) in names]
    if len(fitting) != 1:
        offered = ", ".join(f"{thing.label} ({thing.key})" for thing in portal.object_types) or "none of its own"
        draft.unknown.append(
            Unknown(
                "Organisation",
                "community_object_type",
                f"which object stands for a community is not known; the portal has {offered}",
                "set community_object_type in rule_organisation.csv and run this again into another folder",
            )
        )
        return
    for row in draft.tables["rule_organisation"]:
        if row["key"] == "community_object_type":
            row["value"] = fitting[0].key
    portal.properties["communities"] = definitions.community_properties(settings, sandbox_url, fitting[0].key)


@contextmanager
def _noted(draft: Draft, vendor: str) -> Iterator[None]:
    """List a vendor that could not be read; the rows of the shipped profile stay for it."""
    try:
        yield
    except HandoffError as error:
        step = "mend that and run this again into another folder"
        draft.unknown.append(Unknown(vendor, "its fields", error.sentence.rstrip("."), step))


def _table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        return list(reader.fieldnames or []), list(reader)


def _csv(header: list[str], rows: list[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
