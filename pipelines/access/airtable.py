"""Airtable: whether the token opens the base, and whether map_fields.csv speaks of what the base has.

    GET /v0/meta/bases/{base}/tables    -> the schema
    GET /v0/{base}/{table}              -> one record of each mapped table
    GET /v0/meta/bases                  -> what the token's owner may do in the base

https://airtable.com/developers/web/api/scopes
"""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Final

from pipelines.access.inquiry import get, secret
from pipelines.sources.airtable import base_tables, list_in, open_airtable

if TYPE_CHECKING:
    from pipelines.access.inquiry import Inquiry, Json
    from pipelines.rules import Rules
    from pipelines.settings import Settings
    from pipelines.sources.airtable import AirtableClient

# A page of the list holds a thousand bases.
_MOST_PAGES: Final = 20


def ask(settings: Settings, rules: Rules, inquiry: Inquiry) -> str:
    """Return what is fine about the access to Airtable; ``inquiry`` keeps the rest. Raises HandoffError."""
    client = open_airtable(settings.model_copy(update={"store_emails": True}), sandbox_url=None)
    unmatched: list[str] = []
    read = 0
    with closing(client.transport):
        there = {
            str(table.get("id")): {str(item.get("id")) for item in table.get("fields") or []} for table in base_tables(client)
        }
        for (system, word), names in rules.fields.items():
            if system != "airtable":
                continue
            table_id = names.get("table_id", "")
            if table_id not in there:
                unmatched.append(f"{word}.table_id ({table_id})")
                continue
            read += inquiry.ask(partial(_one_record, client, table_id)) is not None
            unmatched += [
                f"{word}.{field} ({name})" for field, name in names.items() if field != "table_id" and name not in there[table_id]
            ]
        level = inquiry.ask(partial(_level, client, secret(settings.airtable_token), inquiry))
    inquiry.note_unmatched(unmatched, "Airtable tables or fields", "the id that Airtable shows for it (tbl... or fld...)")
    if not read:
        return ""
    return f"the token opens the base {client.base_id}: {read} mapped tables can be read, and {_writing(level)}."


def _one_record(client: AirtableClient, table_id: str) -> list[Json]:
    url = client.api.build_url(client.base_id, table_id)
    return list_in(client.api.get(url, params={"pageSize": 1, "returnFieldsByFieldId": "true"}), "records")


def _level(client: AirtableClient, token: str, inquiry: Inquiry) -> str | None:
    """Return what the token's owner may do in the base, None when the list does not name it."""
    offset: str | None = None
    for _ in range(_MOST_PAGES):
        answer = get(client.transport, "/v0/meta/bases", token, {"offset": offset} if offset else None)
        inquiry.compare_clocks(answer.headers.get("date"))
        body: Json = answer.json()
        for base in list_in(body, "bases"):
            if base.get("id") == client.base_id:
                return str(base.get("permissionLevel"))
        offset = body.get("offset")
        if not offset:
            return None
    return None


def _writing(level: str | None) -> str:
    """Say whether the token may write: it may not do more than its owner; its own scopes Airtable tells of no personal token."""
    if level in {"none", "read", "comment"}:
        return "it cannot write, because its owner may not edit the base"
    return "whether it may also write cannot be asked (https://airtable.com/create/tokens shows its scopes)"
