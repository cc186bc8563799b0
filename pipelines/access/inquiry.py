"""What the questions to one vendor share: what came out, which refusals end them, and the vendor's clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pipelines import clock
from pipelines.dialects import dialect_of
from pipelines.errors import (
    DeadlineExceeded,
    GarbageAnswer,
    HostRefused,
    RateLimited,
    Unauthorized,
    Unavailable,
    VendorError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydantic import SecretStr

    from pipelines.settings import Vendor
    from pipelines.transport import Response, Transport

Json = dict[str, Any]
Answer = TypeVar("Answer")

# AWS takes a signature for five minutes; dates in reports and the expiry of plans bear no more either.
_CLOCK_TOLERANCE: Final = timedelta(minutes=5)
# Whatever every further question to the vendor would meet as well
_ENDS_IT: Final = (Unauthorized, Unavailable, GarbageAnswer, DeadlineExceeded, RateLimited, HostRefused)


@dataclass(frozen=True)
class Access:
    """What a vendor's token opens: one sentence of what is fine (empty: nothing), and one for each thing that somebody must do."""

    fine: str
    to_do: list[str]


@dataclass
class Inquiry:
    """Collects what is wrong with the access to one vendor, so that one run of ``doctor`` names all of it."""

    vendor: Vendor
    to_do: list[str] = field(default_factory=list)
    _missing_scopes: set[str] = field(default_factory=set)

    def note(self, sentence: str) -> None:
        """Keep one thing to do; the same thing is kept once."""
        if sentence not in self.to_do:
            self.to_do.append(sentence)

    def ask(self, question: Callable[[], Answer]) -> Answer | None:
        """Return the answer; None when this one question was refused, which is then noted. Raises what ends all questions."""
        try:
            return question()
        except _ENDS_IT:
            raise
        except VendorError as error:
            # HubSpot names the scopes that a call lacks; once is enough for all calls that lack the same
            scopes = error.sentence.partition("missing scopes: ")[2]
            if not scopes or scopes not in self._missing_scopes:
                self.note(error.sentence)
            self._missing_scopes.add(scopes)
            return None

    def compare_clocks(self, date: str | None) -> None:
        """Note that the vendor's clock, as the Date header of an answer has it, and this machine's are far apart."""
        try:
            theirs = parsedate_to_datetime(date or "")
        except ValueError:
            return  # a vendor that does not tell the time says nothing about ours
        theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
        ours = clock.now()
        if abs(ours - theirs) > _CLOCK_TOLERANCE:
            self.note(
                f"This machine's clock says {ours:%Y-%m-%d %H:%M} UTC, and {dialect_of(self.vendor).title} says "
                f"{theirs.astimezone(UTC):%Y-%m-%d %H:%M} UTC. Set this machine's clock: signatures, plans and reports go by it."
            )

    def note_unmatched(self, fields: Sequence[str], what: str, form: str) -> None:
        """Note the rows of map_fields.csv that lead to nothing at the vendor."""
        if fields:
            self.note(
                f"map_fields.csv names {what} that are not there, or not for this token: {', '.join(fields)}. "
                f"Write {form} into vendor_field; until then nothing can be said about them."
            )


def secret(value: SecretStr | None) -> str:
    """Return a token in clear; empty when there is none."""
    return value.get_secret_value() if value is not None else ""


def bearer(token: str) -> dict[str, str]:
    """Return the header that shows a token."""
    return {"Authorization": f"Bearer {token}"}


def get(transport: Transport, path: str, token: str, params: dict[str, str] | None = None) -> Response:
    """Return the answer of a GET whose body is an object, headers included. Raises VendorError."""
    answer = transport.request("GET", f"{transport.base_url}{path}", headers=bearer(token), params=params or None)
    if not isinstance(answer.json(), dict):
        raise GarbageAnswer(
            f"{transport.dialect.title} answered {path} with a list, which it never does. Check its base address in the settings."
        )
    return answer
