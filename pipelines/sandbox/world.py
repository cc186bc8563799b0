"""The sandbox's one memory: the vendors' state, who asked what, which vendor is unplugged, and the limits that tests may shrink."""

from __future__ import annotations

import dataclasses
import json
import threading
import types
import typing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pipelines.sandbox.state import SandboxState
from pipelines.settings import SANDBOX_TOKEN, SANDBOX_WRITE_TOKEN, VENDORS
from pipelines.warehouse import write_bytes_durably

if TYPE_CHECKING:
    from pathlib import Path

READ_TOKEN: Final = SANDBOX_TOKEN
WRITE_TOKEN: Final = SANDBOX_WRITE_TOKEN


def token_kind(token: str | None) -> str | None:
    """Return ``read`` or ``write`` for a token of the sandbox, None for any other."""
    return {READ_TOKEN: "read", WRITE_TOKEN: "write"}.get(token or "")


@dataclass
class World:
    """Everything that the request handlers share. ``changed`` is called after each write."""

    state: SandboxState
    state_file: Path | None = None
    vendors_up: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(VENDORS, True))
    latency_seconds: float = 0.0
    limits: dict[str, int] = field(default_factory=dict)  # e.g. hubspot.search_cap, aws.page_size
    requests: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Any] = field(default_factory=list)  # see faults.py
    lock: threading.RLock = field(default_factory=threading.RLock)

    def changed(self) -> None:
        """Write the whole state to its file, atomically, if it has one."""
        if self.state_file is not None:
            write_bytes_durably(self.state_file, json.dumps(dataclasses.asdict(self.state)).encode())

    def limit(self, name: str, default: int) -> int:
        """Return a limit that the control surface may have changed."""
        return self.limits.get(name, default)


def read_state(path: Path) -> SandboxState:
    """Return the state that an earlier sandbox left in ``path``."""
    content = json.loads(path.read_text(encoding="utf-8"))
    state: SandboxState = _rebuilt(SandboxState, content)
    return state


def _rebuilt(kind: Any, value: Any) -> Any:
    """Return ``value`` (JSON) as the dataclass ``kind``, dataclasses inside of it included."""
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return kind(**{name: _rebuilt(hints[name], content) for name, content in value.items()})  # type: ignore[operator]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is dict:
        return {key: _rebuilt(arguments[1], content) for key, content in value.items()}
    if origin is list:
        return [_rebuilt(arguments[0], content) for content in value]
    if origin in {typing.Union, types.UnionType}:
        return value
    return value
