"""How HubSpot says no. Shapes: https://developers.hubspot.com/docs/api-reference/error-handling and captures that others published."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from pipelines.sandbox.exchange import Answer, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipelines.sandbox.state import Json


def body(message: str, category: str | None = None, **more: Any) -> Json:
    """Return the JSON of an error; HubSpot leaves out what it does not say."""
    named = {} if category is None else {"category": category}
    return {"status": "error", "message": message, "correlationId": str(uuid.uuid4()), **named, **more}


def refused(status: int, message: str, category: str | None = None, **more: Any) -> Refusal:
    """Return an error to raise."""
    return Refusal(Answer(status, body(message, category, **more)))


def invalid(message: str) -> Refusal:
    """Return the 400 of a request that is not understood."""
    return refused(400, message, "VALIDATION_ERROR")


def not_built(method: str, path: str) -> Refusal:
    """Return the 501 of a route that HubSpot may have and the sandbox has not."""
    return refused(
        501, f"The sandbox has not built {method} {path} of HubSpot; see docs/sandbox.md for what there is.", "NOT_BUILT"
    )


def unauthorized() -> Refusal:
    """Return the 401 of a missing or unknown token."""
    return refused(
        401,
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at "
        "https://developers.hubspot.com/docs/methods/auth/oauth-overview",
        "INVALID_AUTHENTICATION",
    )


def missing_scopes(scopes: Sequence[str]) -> Refusal:
    """Return the 403 of a token that may not do this; it names the scopes."""
    return refused(
        403,
        "This app hasn't been granted all required scopes to make this call.",
        "MISSING_SCOPES",
        errors=[
            {
                "message": "One or more of the following scopes are required.",
                "context": {"requiredGranularScopes": list(scopes)},
            }
        ],
    )


def no_record(record_id: str) -> Refusal:
    """Return the 404 of a record: HubSpot words an id that is no number otherwise."""
    if record_id.isdecimal():
        return refused(404, "resource not found")
    return refused(404, "Object not found.  objectId are usually numeric.", "OBJECT_NOT_FOUND", context={"id": [record_id]})


def rate_limited(policy: str) -> Refusal:
    """Return the 429 of a limit: SECONDLY, TEN_SECONDLY_ROLLING or DAILY. There is no Retry-After."""
    return refused(
        429, f"You have reached your {policy.lower()} limit.", "RATE_LIMITS", errorType="RATE_LIMIT", policyName=policy
    )


def invalid_values(portal_id: int, problems: Iterable[tuple[str, str, str]]) -> Refusal:
    """Return the 400 of property values that do not fit: (property, code, words) each."""
    listed = list(problems)
    details = [
        {
            "isValid": False,
            "message": words,
            "error": code,
            "name": name,
            "localizedErrorMessage": words,
            "portalId": portal_id,
        }
        for name, code, words in listed
    ]
    return refused(
        400,
        f"Property values were not valid: {json.dumps(details, separators=(',', ':'))}",
        "VALIDATION_ERROR",
        errors=[{"message": words, "code": code, "context": {"propertyName": [name]}} for name, code, words in listed],
    )


def batch_error(category: str, message: str, context: dict[str, list[str]], **more: Any) -> Json:
    """Return one entry of the ``errors`` of a batch answer."""
    return {"status": "error", "category": category, "message": message, "context": context, "errors": [], "links": {}, **more}
