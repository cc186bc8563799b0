"""``handoff rollback``: turns the pointer to an earlier snapshot that is kept; the next sync goes on from there.

The snapshots behind it stay, marked as withdrawn: they no longer answer for their day, and `handoff rollback RUN` goes forward to one of
them again. The ledger is not in the snapshot, so that nothing of what was done is forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipelines import warehouse
from pipelines.decisions import author
from pipelines.errors import ConfigurationError
from pipelines.ledger import Ledger
from pipelines.retention import WITHDRAWN

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

EVENT: Final = "rollback"


def roll_back(home: Path, run_id: str | None, *, at: datetime, by: str | None = None) -> str:
    """Make ``run_id`` (else the newest sound snapshot before the present one) the published snapshot; return what was done.

    Raises ConfigurationError when there is no such snapshot or it is damaged, Locked while something else works in this home.
    """
    layout = warehouse.Layout(home)
    with warehouse.run_lock(home, what="handoff rollback", started_at=at):
        present = warehouse.current_version(home)
        if present is None:
            raise warehouse.NoSnapshot(f"There is no snapshot in {home} yet. Run `handoff sync`.")
        versions = sorted((path for path in layout.versions.iterdir() if path.is_dir()), reverse=True)
        target = _named(versions, run_id) if run_id else _newest_before(versions, present)
        if target == present:
            raise ConfigurationError(f"{target.name} is the published snapshot already. Nothing was changed.")
        with Ledger.open(home) as ledger:
            # before the pointer is turned: a rollback that nobody recorded would be worse than a record of one that did not come about
            ledger.record_event(
                EVENT,
                at=at,
                subject=target.name,
                actor=author(by),
                sentence=f"The pointer is turned from {present.name} to {target.name}.",
                details={"from": present.name, "to": target.name},
            )
        for version in versions:
            if version > target:
                (version / WITHDRAWN).touch(mode=0o600)
        (target / WITHDRAWN).unlink(missing_ok=True)
        warehouse.point_to(layout, target)
    return (
        f"{target.name} is the published snapshot again; before it was {present.name}, which is kept for now. The next "
        "`handoff sync` goes on from here. What was written to vendors stays written: `handoff audit` lists it, `handoff undo` takes it back."
    )


def _named(versions: list[Path], run_id: str) -> Path:
    for version in versions:
        if version.name == run_id:
            problem = warehouse.problem_of(version)
            if problem is not None:
                raise ConfigurationError(f"Snapshot {run_id} {problem}. Choose another one; nothing was changed.")
            return version
    raise ConfigurationError(
        f"There is no snapshot {run_id!r}. Kept are {', '.join(version.name for version in versions)}. Nothing was changed."
    )


def _newest_before(versions: list[Path], present: Path) -> Path:
    damaged = []
    for version in versions:
        if version < present:
            problem = warehouse.problem_of(version)
            if problem is None:
                return version
            damaged.append(f"{version.name} {problem}")
    found = f": {'; '.join(damaged)}" if damaged else ""
    raise ConfigurationError(
        f"No sound snapshot is kept from before {present.name}{found}. Run `handoff sync` for a new one; nothing was changed."
    )
