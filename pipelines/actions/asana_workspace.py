"""A workspace of Asana as write-back asks it: one record, a list to its end, the custom fields.

    GET /workspaces/{gid}/custom_fields    the definitions: what a project would refuse
    GET /projects, /portfolios/{gid}/items lists, page by page

https://developers.asana.com/docs/pagination. An answer without what it promises is never taken for an empty one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import GarbageAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.actions.target import Connection

Json = dict[str, Any]

_PAGE: Final = "100"


@dataclass
class Workspace:
    """The workspace ``gid`` behind a connection."""

    connection: Connection
    gid: str
    _fields: dict[str, Json] | None = field(default=None, init=False)

    def fields(self) -> dict[str, Json]:
        """Return the definitions of the custom fields by gid; they are asked for once. Raises VendorError."""
        if self._fields is None:
            wanted = "name,resource_subtype,enum_options.name,enum_options.enabled"
            found = self.listed(f"/workspaces/{self.gid}/custom_fields", wanted)
            self._fields = {definition["gid"]: definition for definition in found}
        return self._fields

    def record(self, path: str, opt_fields: str, *, as_writer: bool = False) -> Json:
        """Return one record. Raises VendorError; ``as_writer`` asks with the write token."""
        answer = self.connection.get(path, {"opt_fields": opt_fields}, as_writer=as_writer)
        return data_of(answer, path)

    def listed(self, path: str, opt_fields: str, **params: str) -> Iterator[Json]:
        """Yield every record of a list. Raises VendorError."""
        asked = {**params, "opt_fields": opt_fields, "limit": _PAGE}
        seen_offsets: set[str] = set()
        while True:
            answer = self.connection.get(path, asked)
            records = answer.get("data") if isinstance(answer, dict) else None
            if not isinstance(records, list) or not all(isinstance(record, dict) and record.get("gid") for record in records):
                raise GarbageAnswer(f"Asana did not list {path}. Nothing was written there; try again later.")
            yield from records
            following = answer.get("next_page")
            if following is None:
                return
            offset = following.get("offset") if isinstance(following, dict) else None
            if not isinstance(offset, str) or offset in seen_offsets:
                raise GarbageAnswer(f"Asana sent the same page of {path} twice. Nothing was written there; try again later.")
            seen_offsets.add(offset)
            asked = {**asked, "offset": offset}


def data_of(answer: Any, what: str) -> Json:
    """Return the record in an answer. Raises GarbageAnswer when there is none."""
    record = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(record, dict):
        raise GarbageAnswer(f"Asana answered {what} with something that is not a record. Try again later.")
    return record
