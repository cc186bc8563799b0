"""Who may do what with plans: the roles of each person, from ``rule_roles.csv``.

    viewer     reads plans and the ledger
    proposer   makes plans, also those that undo
    approver   approves changes of a plan
    operator   applies a plan

One row gives one role to one person; ``*`` stands for everybody. A person is the user of the operating system, or the name given with
``--by``, which the ledger keeps beside that user.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from pipelines.errors import HandoffError

if TYPE_CHECKING:
    from pipelines.rules import Rules

TABLE: Final = "rule_roles"
EVERYBODY: Final = "*"


class Role(StrEnum):
    """What a person may do with plans."""

    viewer = "viewer"
    proposer = "proposer"
    approver = "approver"
    operator = "operator"


_DEEDS: Final = {
    Role.viewer: "read plans and the ledger",
    Role.proposer: "make plans",
    Role.approver: "approve changes",
    Role.operator: "apply plans",
}


class NotAllowed(HandoffError):
    """This person does not have the role that the command takes. Nothing was done."""


def has_role(rules: Rules, person: str, role: Role) -> bool:
    """Return whether ``person`` has ``role``. Names are compared without regard to case."""
    try:
        rows = rules.table(TABLE)
    except KeyError:
        return False
    return any(row["role"] == role and row["person"].casefold() in {person.casefold(), EVERYBODY} for row in rows)


def require(rules: Rules, person: str, role: Role) -> None:
    """Raise NotAllowed, saying which row would allow it, unless ``person`` has ``role``."""
    if not has_role(rules, person, role):
        raise NotAllowed(
            f"{person} may not {_DEEDS[role]}: {TABLE}.csv gives the role {role} to others. Ask one of them, or add the row "
            f"{person},{role} there. Nothing was done."
        )


def is_same_person(one: str | None, other: str | None) -> bool:
    """Return whether two names are one person's; a name that nobody knows is nobody's."""
    return one is not None and other is not None and one.casefold() == other.casefold()
