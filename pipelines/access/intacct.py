"""Sage Intacct: whether the application gets a token, and whether its user may query invoices by the fields of map_fields.csv.

    POST <INTACCT_BASE_URL>/oauth2/token         -> whether the secret is taken
    POST <INTACCT_BASE_URL>/services/core/query  -> one record of each object

https://developer.sage.com/intacct/docs/developer-portal/api-essentials/query-service
"""

from __future__ import annotations

from contextlib import closing
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING

from pipelines.sources.intacct import REQUIRED_FIELDS, fields_of, open_intacct

if TYPE_CHECKING:
    from pipelines.access.inquiry import Inquiry
    from pipelines.rules import Rules
    from pipelines.settings import Settings


def ask(settings: Settings, rules: Rules, inquiry: Inquiry) -> str:
    """Return what is fine about the access to Sage Intacct; ``inquiry`` keeps the rest. Raises HandoffError."""
    client = open_intacct(settings, sandbox_url=None)
    counted = []
    with closing(client.transport):
        client.token()
        told = client.transport.vendor_time
        inquiry.compare_clocks(format_datetime(told, usegmt=True) if told is not None else None)
        for word in REQUIRED_FIELDS:
            fields = fields_of(rules, word)
            page = inquiry.ask(partial(client.page, fields, size=1))
            if page is not None:
                counted.append(f"{page[1].get('totalCount')} records of {fields['object']}")
    if not counted:
        return ""
    return (
        f"the application may query {' and '.join(counted)}; let its web services user have the rights to list and view invoices and "
        "no others."
    )
