"""``handoff audit``: what was run, planned, approved, written and decided, from the ledger; and whether it is as it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipelines.actions.roles import Role, require
from pipelines.actions.store import forgotten_plans
from pipelines.decisions import author
from pipelines.errors import ConfigurationError, HandoffError
from pipelines.ledger import Ledger
from pipelines.reports import printable

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.rules import Rules
    from pipelines.settings import Settings

VERIFY: Final = "verify"
EXIT_ERROR: Final = 1
# What a row is about, in the order in which its table is looked for it
_SUBJECTS: Final = ("change_id", "finding_id", "plan_id", "subject", "run_id")
_WORDS: Final = ("phase", "kind", "status", "outcome")


def print_audit(
    out: Console, err: Console, settings: Settings, rules: Rules, *, action: str | None, plan: str | None, limit: int
) -> int:
    """Print the newest rows of the ledger, oldest first; with ``verify`` say whether all of it is as it was written."""
    try:
        require(rules, author(None), Role.viewer)
        if action not in {None, VERIFY}:
            raise ConfigurationError(
                f"The ledger can be listed (`handoff audit`) or checked (`handoff audit verify`), not {action!r}."
            )
        ledger = Ledger.existing(settings.handoff_home)
        forgotten = forgotten_plans(settings.handoff_home, ledger)
        if forgotten:
            err.print(
                f"The ledger does not know that an apply of {forgotten[0]} began, though it did: it is an older copy, or a new one. Put back "
                "the newest ledger that there is.",
                markup=False,
                soft_wrap=True,
            )
        if ledger is None:
            out.print("Nothing was ever recorded in this home.")
            return EXIT_ERROR if forgotten else 0
        with ledger:
            code = _verify(out, err, ledger) if action == VERIFY else _list(out, err, ledger, plan, limit)
    except HandoffError as error:
        err.print(printable(error.sentence), markup=False)
        return EXIT_ERROR
    return EXIT_ERROR if forgotten else code


def _verify(out: Console, err: Console, ledger: Ledger) -> int:
    found = ledger.verify()
    if found.is_sound:
        out.print(
            f"The ledger is as it was written: {found.row_count:,} rows, the last one {found.head[:16]}.",
            markup=False,
            soft_wrap=True,
        )
        return 0
    err.print(
        printable(
            f"{found.problem} First bad row: {found.first_bad_row}. Nothing is applied until you {ledger.how_to_set_aside}."
        ),
        markup=False,
        soft_wrap=True,
    )
    return EXIT_ERROR


def _list(out: Console, err: Console, ledger: Ledger, plan: str | None, limit: int) -> int:
    rows = [(table, row) for table, row in ledger.entries() if plan is None or plan in {row.get("plan_id"), row.get("subject")}]
    for table, row in rows[-limit:]:
        out.print(_line(table, row), markup=False, soft_wrap=True)
    if len(rows) > limit:
        out.print(f"The newest {limit:,} of {len(rows):,} rows; --max shows more.", markup=False)
    if plan is not None and not rows:
        raise ConfigurationError(f"The ledger knows no plan {plan!r}. `handoff audit` lists its rows.")
    found = ledger.verify()
    if not found.is_sound:
        err.print(f"ALTERED: {printable(found.problem or '')} `handoff audit verify` says more.", markup=False, soft_wrap=True)
    return 0 if found.is_sound else EXIT_ERROR


def _line(table: str, row: dict[str, Any]) -> str:
    subject = next((row[name] for name in _SUBJECTS if row.get(name)), "")
    words = " ".join(str(row[name]) for name in _WORDS if row.get(name))
    by = f" by {row['actor']}" if row.get("actor") else ""
    said = row.get("sentence") or row.get("reason")
    line = f"{row['seq']:>5}  {row['at'][:19].replace('T', ' ')}  {table:<9}  {words}{by}: {subject}"
    return printable(f"{line}: {said}" if said else line)
