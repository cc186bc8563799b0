"""What can go wrong, each as one clear sentence: what happened, where, and what to do next."""

from __future__ import annotations

from typing import ClassVar, Final

from pipelines.redaction import redacted

# what the operating system says of a disk, as others repeat it
_OF_THE_DISK: Final = (
    "No space left on device",
    "File too large",
    "Disk quota exceeded",
    "Read-only file system",
    "Could not write file",
)


class HandoffError(Exception):
    """Something that the user can act on. ``sentence`` is fit for a terminal, a log and the dashboard."""

    exit_code: ClassVar[int] = 1

    def __init__(self, sentence: str) -> None:
        """Keep the sentence; it must end with the next step. Whatever secret a vendor repeated in it is replaced."""
        self.sentence = redacted(sentence)
        super().__init__(self.sentence)


class VendorError(HandoffError):
    """A vendor did not give what was asked for. The source is marked stale and the run goes on."""

    exit_code = 3


class ConfigurationError(VendorError):
    """Settings, tokens, scopes or rule tables are wrong: waiting will not help, somebody must change something."""

    exit_code = 2


class Unauthorized(ConfigurationError):
    """The vendor does not accept the token (401)."""


class Forbidden(ConfigurationError):
    """The token lacks a scope (403)."""


class Refused(VendorError):
    """The vendor understood the request and declines it (400, 409, 422, ...). ``status`` and ``answer`` say how, for callers that can help it."""

    def __init__(self, sentence: str, *, status: int, answer: object = None) -> None:
        """Keep the sentence with the status and the vendor's JSON, if it sent any."""
        super().__init__(sentence)
        self.status = status
        self.answer = answer


class NotFound(VendorError):
    """The vendor knows no such record or route (404)."""


class RateLimited(VendorError):
    """The vendor's limit did not lift within the tries that politeness allows (429)."""


class Unavailable(VendorError):
    """The vendor could not be reached or answered with a server error."""


class GarbageAnswer(VendorError):
    """The vendor answered with something that is not the promised shape; it is never taken for "no rows"."""


class TooLarge(VendorError):
    """The answer exceeded the size cap."""


class DeadlineExceeded(VendorError):
    """The whole exchange took longer than its deadline."""


class HostRefused(VendorError):
    """An address outside the allow-list was about to be called; the token was not sent."""


def file_problem(error: OSError) -> ConfigurationError:
    """Return what the operating system refuses about a file, as a sentence with the next step; of a copy or a move about its target."""
    return ConfigurationError(
        f"{error.filename2 or error.filename or 'A file'} cannot be used ({error.strerror or error}). Let this user read and write it, make room on "
        "its disk if that is full, and run the command again."
    )


def disk_problem(error: BaseException) -> ConfigurationError | None:
    """Return the sentence when the disk is what refused, else None: DuckDB and dbt say so in errors of their own."""
    if isinstance(error, OSError):
        return file_problem(error)
    words = " ".join(str(error).split())
    if not any(word in words for word in _OF_THE_DISK):
        return None
    return ConfigurationError(
        f"The disk refused what had to be written ({words[:300]}). Make room on it, or let this user write there, and run the command "
        "again; the last snapshot stays in use."
    )
