"""Asana: whether the token opens the workspace and its portfolios, and whether map_fields.csv speaks of fields that are there.

    GET /users/me                           -> whose token it is
    GET /workspaces/{gid}/custom_fields     -> the fields
    GET /projects, /portfolios/{gid}/items  -> one page each

https://developers.asana.com/docs/authentication
"""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from pipelines.access.inquiry import get
from pipelines.sources.asana import open_asana

if TYPE_CHECKING:
    from pipelines.access.inquiry import Inquiry
    from pipelines.rules import Rules
    from pipelines.settings import Settings
    from pipelines.sources.asana import AsanaClient


def ask(settings: Settings, rules: Rules, inquiry: Inquiry) -> str:
    """Return what is fine about the access to Asana; ``inquiry`` keeps the rest. Raises HandoffError."""
    client = open_asana(settings.model_copy(update={"store_emails": True}), sandbox_url=None)
    with closing(client.transport):
        who = get(client.transport, "/users/me", client.token, {"opt_fields": "name"})
        inquiry.compare_clocks(who.headers.get("date"))
        fields = inquiry.ask(partial(_fields, client))
        projects = inquiry.ask(partial(_page, client, "/projects", workspace=client.workspace_id))
        portfolios = [inquiry.ask(partial(_page, client, f"/portfolios/{portfolio}/items")) for portfolio in client.portfolio_ids]
    if not client.portfolio_ids:
        inquiry.note(
            "ASANA_PORTFOLIO_IDS is not set, so every open project of the workspace is read with its tasks. Set it to the gid of the "
            "portfolio that holds the engagements."
        )
    if fields is not None:
        unmatched = [
            f"{word}.{field} ({name})"
            for (system, word), names in rules.fields.items()
            if system == "asana"
            for field, name in names.items()
            if name.isdecimal() and field not in {"workspace_id", "portfolio_id"} and name not in fields
        ]
        inquiry.note_unmatched(unmatched, "Asana custom fields", "the gid of the field (a number)")
    if projects is None:
        return ""
    opened = sum(items is not None for items in portfolios)
    return (
        f"the token opens the workspace {client.workspace_id} and {opened} of {len(portfolios)} portfolios; a personal token may do "
        "whatever its owner may, so let it belong to a member who may only comment; `handoff apply` has ASANA_WRITE_TOKEN."
    )


def _fields(client: AsanaClient) -> set[str]:
    return {str(field.get("gid")) for field in client.listed(f"/workspaces/{client.workspace_id}/custom_fields", "name")}


def _page(client: AsanaClient, path: str, **params: str) -> Any:
    return client.get(path, limit="1", **params)["data"]
