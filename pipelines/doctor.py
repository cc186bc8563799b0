"""Looks at everything a run needs and says, line by line, what must be done next."""

from __future__ import annotations

import difflib
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipelines import warehouse
from pipelines.clock import today_in
from pipelines.engines import what_is_missing
from pipelines.errors import HandoffError, file_problem
from pipelines.ledger import Ledger
from pipelines.ledger_store import FILE_NAME as LEDGER_FILE
from pipelines.rules import load_rules
from pipelines.settings import ENV_FILE, TOKENS, VENDORS, WRITE_TOKENS, names_in_env_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines.rules import Rules
    from pipelines.settings import Settings, Vendor

# A snapshot and its private copy must fit beside each other, with room for the models' work.
FREE_SPACE_FACTOR: Final = 4
FREE_SPACE_MINIMUM: Final = 500_000_000
# Names in .env that begin like this are meant for handoff; AWS has many more of its own.
# What AWS's own programs read, beside names of ours that look alike (https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html)
_OF_AWS: Final = frozenset({"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_DEFAULT_PROFILE", "AWS_ENDPOINT_URL", "AWS_CONFIG_FILE"})
_OUR_PREFIXES: Final = ("HANDOFF_", "HUBSPOT_", "AIRTABLE_", "ASANA_", "GITHUB_", "SHEETS_", "INTACCT_", "PROMETHEUS_")
_READABLE_BY_OTHERS: Final = 0o077


@dataclass(frozen=True)
class Examined:
    """One line: what was looked at and, when it is not in order, what to do."""

    is_ok: bool
    text: str


def examine(settings: Settings) -> Iterator[Examined]:
    """Yield one line for each thing that was looked at, as soon as it was."""
    yield from _env_file(settings)
    rules: Rules | None = None
    try:
        rules = load_rules(settings.rules_dir)
        count = len(rules.table("rule_findings"))
        yield Examined(True, f"Rule tables: profile {rules.profile}, {count} rules in {settings.rules_dir}.")
        # no fault yet, and nothing to stop for: the day lies up to a year ahead
        holidays = rules.holidays_to_add(today_in(rules.organisation["timezone"]))
        if holidays is not None:
            yield Examined(True, f"Holidays: {holidays}")
    except HandoffError as error:
        yield Examined(False, error.sentence)
    for vendor in VENDORS:
        yield from _vendor(vendor, settings, rules)
    try:
        warehouse.check_home(settings.handoff_home, will_write=True)
    except HandoffError as error:
        yield Examined(False, error.sentence)
        return
    yield from _engine(settings)
    yield _disk(settings)
    yield from _snapshots(settings)
    yield from _ledger(settings)
    yield from _notifications(settings, rules)
    yield from _store(settings)


def _env_file(settings: Settings) -> Iterator[Examined]:
    if not ENV_FILE.is_file():
        return
    place = ENV_FILE.absolute()
    mode = ENV_FILE.stat().st_mode & 0o777
    if mode & _READABLE_BY_OTHERS:
        yield Examined(
            False, f"{place} holds tokens and other users of this machine may use it (mode {mode:o}). Run `chmod 600 {place}`."
        )
    known = {name.upper() for name in type(settings).model_fields}
    strange = []
    for name in names_in_env_file():
        if name.upper() in _OF_AWS:
            continue
        near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.75)
        if name.upper() not in known and (near or name.upper().startswith(_OUR_PREFIXES)):
            strange.append(f"{name} (perhaps {near[0]})" if near else name)
    if strange:
        yield Examined(
            False, f"{place} sets what is no setting of handoff: {', '.join(strange)}. docs/settings.md lists them all."
        )
    if not (mode & _READABLE_BY_OTHERS or strange):
        yield Examined(True, f"Settings: {place} is for this user only, and handoff knows what it sets.")


def _vendor(vendor: Vendor, settings: Settings, rules: Rules | None) -> Iterator[Examined]:
    if rules is not None and vendor in rules.from_files:
        where = rules.directory / "rule_file_sources.csv"
        yield Examined(True, f"{vendor}: its records come from imported files ({where}); it is not asked.")
        return
    if rules is not None and vendor not in rules.vendors:
        if not settings.is_sandbox(vendor):
            where = rules.directory / "rule_sources.csv"
            yield Examined(True, f"{vendor}: it is not read, because {where} has no row for it. Add the row if it should be.")
        return
    if settings.is_sandbox(vendor):
        yield _sandbox_line(vendor, settings)
        return
    if rules is None:
        yield Examined(
            False, f"{vendor}: not asked, because the rule tables say what to ask for. Repair them and run this again."
        )
        return
    from pipelines.access import probe  # noqa: PLC0415 - builds the vendors' clients

    try:
        access = probe(vendor, settings, rules)
    except HandoffError as error:
        yield Examined(False, f"{vendor}: {error.sentence}")
        return
    if access.fine:
        yield Examined(True, f"{vendor}: {access.fine}")
    for sentence in access.to_do:
        yield Examined(False, f"{vendor}: {sentence}")
    yield from _write_token(vendor, settings)


def _sandbox_line(vendor: Vendor, settings: Settings) -> Examined:
    """Say that the sandbox is read; settings of a vendor without its token are most likely a token under a wrong name."""
    given = sorted(
        name.upper() for name in settings.model_fields_set if name.startswith(f"{vendor}_") and getattr(settings, name)
    )
    wanted = TOKENS[vendor].upper()
    if given:
        return Examined(
            False,
            f"{vendor}: {', '.join(given)} is set and {wanted} is not, so the SANDBOX is read. Set {wanted} as well, or unset the rest.",
        )
    return Examined(True, f"{vendor}: no token is set, so the SANDBOX is read. The README says where to get a token.")


def _write_token(vendor: Vendor, settings: Settings) -> Iterator[Examined]:
    """Say that this machine can write: a place where only syncs run should not be able to."""
    name = WRITE_TOKENS.get(vendor)
    token = getattr(settings, name) if name else None
    if name is None or token is None:
        return
    if token == getattr(settings, TOKENS[vendor]):
        yield Examined(
            False,
            f"{vendor}: {name.upper()} and {TOKENS[vendor].upper()} are the same, so every sync holds a token that may write. "
            "Make one of its own for reading.",
        )
        return
    only_syncs = "" if _was_ever_planned(settings) else " No plan was ever made in this home."
    yield Examined(
        True,
        f"{vendor}: {name.upper()} is set, so `handoff apply` can write from here.{only_syncs} Unset it where only syncs run.",
    )


def _was_ever_planned(settings: Settings) -> bool:
    try:
        ledger = Ledger.existing(settings.handoff_home)
        if ledger is None:
            return False
        with ledger:
            return bool(ledger.plan_rows())
    except (HandoffError, OSError):
        return False  # the ledger's own line says what is wrong with it


def _engine(settings: Settings) -> Iterator[Examined]:
    """Say whether the engine can run here, where it is another than the one that is always there."""
    if settings.handoff_engine == "duckdb":
        return
    missing = what_is_missing(settings)
    yield Examined(missing is None, missing or f"Engine: {settings.handoff_engine}, and what it needs is here.")


def _disk(settings: Settings) -> Examined:
    home = settings.handoff_home
    existing = next(path for path in (home, *home.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    version = warehouse.current_version(home)
    size = (version / warehouse.FILE_NAME).stat().st_size if version and (version / warehouse.FILE_NAME).exists() else 0
    needed = max(FREE_SPACE_FACTOR * size, FREE_SPACE_MINIMUM)
    if free < needed:
        return Examined(
            False,
            f"Disk: {free / 1e6:,.0f} MB are free at {existing}; a run needs about {needed / 1e6:,.0f} MB. Free some space there.",
        )
    return Examined(True, f"Disk: {free / 1e9:,.1f} GB are free at {existing}.")


def _snapshots(settings: Settings) -> Iterator[Examined]:
    layout = warehouse.Layout(settings.handoff_home)
    current = warehouse.current_version(settings.handoff_home)
    if current is None:
        yield Examined(True, f"Snapshots: none yet in {settings.handoff_home}. Run `handoff sync`.")
        return
    if not current.is_dir():
        yield Examined(False, f"Snapshots: the pointer {layout.current} leads to {current}, which is gone. Run `handoff sync`.")
    versions = sorted(layout.versions.iterdir(), reverse=True) if layout.versions.is_dir() else []
    for version in versions:
        yield _snapshot(version, is_current=version == current)


def _snapshot(version: Path, *, is_current: bool) -> Examined:
    name = f"Snapshot {version.name}{' (current)' if is_current else ''}"
    repair = (
        "Run `handoff sync` to publish a sound one, or `handoff rollback` to go back."
        if is_current
        else f"It is not in use; remove {version}."
    )
    problem = warehouse.problem_of(version)
    if problem is not None:
        return Examined(False, f"{name} {problem}. {repair}")
    return Examined(True, f"{name} is as it was published.")


def _ledger(settings: Settings) -> Iterator[Examined]:
    try:
        ledger = Ledger.existing(settings.handoff_home)
        if ledger is None:
            yield Examined(True, "Ledger: nothing has been recorded yet.")
            return
        with ledger:
            verified = ledger.verify()
    except (HandoffError, OSError) as error:
        yield Examined(False, (file_problem(error) if isinstance(error, OSError) else error).sentence)
        return
    if verified.is_sound:
        yield Examined(True, f"Ledger: {verified.row_count} rows, the chain is unbroken.")
    else:
        kept_in = LEDGER_FILE if ledger.place.endswith(LEDGER_FILE) else f"the database {ledger.place}"
        yield Examined(False, f"{verified.problem} Restore {kept_in} from a backup and find out who changed it.")


def _notifications(settings: Settings, rules: Rules | None) -> Iterator[Examined]:
    """Look for channels that nobody set, and for messages of which nobody knows whether they arrived."""
    if settings.notify_urls is None or rules is None:
        yield Examined(True, "Notifications: NOTIFY_URLS is not set, so nobody is told anything. docs/notifications.md says how.")
        return
    from pipelines.notify import channels, sending  # noqa: PLC0415 - only where there are channels

    known = channels.channels_of(settings)
    wanted = {row["channel"].lower() for row in rules.table("rule_recipients")}
    missing = sorted(wanted - set(known))
    if missing:
        yield Examined(
            False,
            f"Notifications: rule_recipients.csv sends to {', '.join(missing)}, which NOTIFY_URLS does not have; those notices wait. "
            "Add the channel, or change the rows.",
        )
    try:
        unknown = sending.unknown_outcomes(settings)
    except HandoffError:
        return  # the ledger's own line says what is wrong with it
    for key in unknown:
        yield Examined(
            False,
            f"Notifications: a run died while it sent {key}. Look whether it arrived, then `handoff notify --arrived KEY` or `--lost KEY`.",
        )
    if not missing and not unknown:
        yield Examined(True, f"Notifications: channels {', '.join(sorted(known))}; the outcome of every message is known.")


def _store(settings: Settings) -> Iterator[Examined]:
    """Ask the object storage, where there is one, what it holds."""
    if settings.snapshot_url is None:
        return
    from pipelines.snapshot_store import store_of  # noqa: PLC0415 - likewise

    try:
        store = store_of(settings)
        pointer = store.current() if store is not None else None
    except HandoffError as error:
        yield Examined(False, f"Object storage: {error.sentence}")
        return
    here = warehouse.current_run_id(settings.handoff_home)
    if pointer is None or pointer["run_id"] != here:
        there = pointer["run_id"] if pointer else "nothing"
        yield Examined(
            False,
            f"Object storage: {settings.snapshot_url} shows {there}, this home {here or 'nothing'}. Run `handoff sync` where it syncs.",
        )
        return
    yield Examined(True, f"Object storage: {settings.snapshot_url} shows the same snapshot as this home.")
