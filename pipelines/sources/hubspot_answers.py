"""What HubSpot's answers look like, and what is no answer: nothing here is ever taken for "no rows"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import GarbageAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = dict[str, Any]

_PAGES_WITHOUT_NEWS: Final = 2


def paged(page: Callable[[str | None], Any], what: str) -> Iterator[list[Json]]:
    """Yield the pages of a list. A cursor that comes back, or pages that bring nothing new, end it as GarbageAnswer."""
    after: str | None = None
    cursors: set[str] = set()
    ids: set[str] = set()
    without_news = 0
    while True:
        answer = page(after)
        records = results_of(answer, what)
        news = {id_of(record, what) for record in records} - ids
        ids |= news
        yield records
        after = next_cursor(answer)
        if after is None:
            return
        without_news = 0 if news else without_news + 1
        if after in cursors or without_news >= _PAGES_WITHOUT_NEWS:
            raise GarbageAnswer(loop_sentence(f"the list of {what}"))
        cursors.add(after)


def next_cursor(answer: Json) -> str | None:
    """Return the cursor of the next page, None at the end."""
    after = ((answer.get("paging") or {}).get("next") or {}).get("after")
    return None if after in (None, "") else str(after)


def results_of(answer: Any, what: str) -> list[Json]:
    """Return the results of a list answer. Raises GarbageAnswer for anything else."""
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or not all(isinstance(item, dict) for item in results):
        raise GarbageAnswer(
            f"HubSpot answered the question for {what} without a list of results, so nothing was loaded from HubSpot. "
            "Check HUBSPOT_BASE_URL, and run `handoff sync` again later."
        )
    return results


def errors_of(answer: Json) -> list[Json]:
    """Return the errors of a batch that came with a success. Raises GarbageAnswer when it has some and names none."""
    errors = answer.get("errors") or []
    if not errors and answer.get("numErrors"):
        raise GarbageAnswer(
            "HubSpot says that a batch had errors and does not name them, so nothing was loaded. Run `handoff sync` again later."
        )
    return [error if isinstance(error, dict) else {"message": str(error)} for error in errors]


def id_of(record: Json, what: str, name: str = "id") -> str:
    """Return an id as text, whether it came as text or as a number. Raises GarbageAnswer when there is none."""
    found = record.get(name)
    if isinstance(found, bool) or not isinstance(found, int | str) or found == "":
        raise GarbageAnswer(
            f"HubSpot sent a part of {what} without its {name}, so nothing was loaded from HubSpot. "
            "Check HUBSPOT_BASE_URL, and run `handoff sync` again later."
        )
    return str(found)


def batch_sentence(what: str, error: Json) -> str:
    """Return what a batch that failed in part is told as."""
    return (
        f"HubSpot could not read a part of {what} ({error.get('category', 'error')}: {str(error.get('message', ''))[:200].rstrip('.')}), "
        "so nothing was loaded from HubSpot. Run `handoff sync` again later; if it stays, check the scopes of HUBSPOT_ACCESS_TOKEN."
    )


def loop_sentence(what: str) -> str:
    """Return what a list without an end is told as."""
    return (
        f"HubSpot leads in a circle through {what}: a page came back, so the end is never reached. "
        "Nothing was loaded from HubSpot; run `handoff sync` again later."
    )
