"""Asks each vendor the cheapest questions that prove token, scopes and ids, for ``handoff doctor``. Nothing is written or stored.

The questions go out through the clients that a sync uses. Whether a read token may also write is said where the vendor tells it, and
never tried out.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pipelines.access.inquiry import Access, Inquiry

if TYPE_CHECKING:
    from pipelines.rules import Rules
    from pipelines.settings import Settings, Vendor


def probe(vendor: Vendor, settings: Settings, rules: Rules) -> Access:
    """Ask ``vendor`` with its read token. Raises HandoffError when it does not answer or does not know the token."""
    inquiry = Inquiry(vendor)
    # each source imports its vendor's client, so only what is asked is imported
    fine: str = import_module(f"pipelines.access.{vendor}").ask(settings, rules, inquiry)
    return Access(fine, inquiry.to_do)
