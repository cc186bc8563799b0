"""What a build did, whichever engine ran it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class BuildResult:
    """What dbt did: how many models, which checks held, and which did not."""

    models: int = 0
    passed_checks: list[str] = field(default_factory=list)
    failed_checks: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)  # of each node

    @property
    def is_publishable(self) -> bool:
        """Whether every model was built and every check of severity error held."""
        return not self.failed_checks and not self.errors

    def add(self, node: Any, *, status: str, message: str | None, seconds: float) -> None:
        """Add what became of ``node``, a node of dbt's manifest; ``status`` is one of dbt's words."""
        self.seconds[node.name] = seconds
        said = one_line(message or "")
        if node.resource_type.value != "test":
            self.models += node.resource_type.value == "model"
            if status == "error":
                self.errors.append(f"{node.resource_type.value} {node.name}: {said}")
            return
        match status:
            case "pass":
                self.passed_checks.append(_sentence(node.name))
            case "warn":
                self.warnings.append(f"{_sentence(node.name)} ({said})")
            case "skipped":
                pass
            case _:
                self.failed_checks.append(f"{_sentence(node.name)} ({said})")

    def add_check(self, name: str, *, failures: int, severity: str) -> None:
        """Add what a data test found that ran without a node of its own: how many rows are not as it claims."""
        if not failures:
            self.passed_checks.append(_sentence(name))
            return
        status, kept = ("warn", self.warnings) if severity.lower() == "warn" else ("fail", self.failed_checks)
        # as dbt says it
        kept.append(f"{_sentence(name)} (Got {failures} result{'s' * (failures != 1)}, configured to {status} if != 0)")


def _sentence(name: str) -> str:
    """Return what a check claims: its name reads as a sentence (``assert_<sentence>``)."""
    return name.removeprefix("assert_").replace("_", " ").strip()


def one_line(text: str) -> str:
    """Return ``text`` without its line breaks, cut to what fits in a message."""
    return " ".join(text.split())[:600]
