"""How each vendor says no: its limits, the shapes of its errors, and what must be in an answer for it to be one.

The transport knows HTTP; what a 429 of Airtable or a 403 of GitHub means stands here. Evidence and addresses of the vendors' pages:
HubSpot https://developers.hubspot.com/docs/api-reference/error-handling, Airtable
https://support.airtable.com/docs/managing-api-call-limits-in-airtable, Asana https://developers.asana.com/docs/errors, GitHub
https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api, AWS
https://docs.aws.amazon.com/cost-management/latest/userguide/ce-api-best-practices.html, Google Sheets
https://developers.google.com/workspace/sheets/api/limits and, for errors of the token endpoint, RFC 6749 section 5.2, Sage Intacct
https://developer.sage.com/intacct/docs/developer-portal/guides/error-handling, Prometheus
https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Kind = Literal["unauthorized", "forbidden", "limit", "exhausted", "unavailable", "refused", "not_found", "answer"]
# Calls in seconds: never more than the first number in any stretch of the second.
Rate = tuple[int, float]


@dataclass(frozen=True)
class Refusal:
    """What an answer that is not a success means.

    ``limit``: wait ``wait_seconds`` (None: back off) and ask again. ``exhausted``: a limit that no politeness lifts today.
    ``answer``: not a refusal after all, hand it to the caller.
    """

    kind: Kind
    message: str = ""
    wait_seconds: float | None = None


class Dialect:
    """A vendor without peculiarities; the others say what they do differently."""

    name: ClassVar[str] = ""
    credential: ClassVar[str] = "the token"
    credential_help: ClassVar[str] = "Make a valid token and set it."
    scope_help: ClassVar[str] = "Give the token the missing scope."
    rate: ClassVar[Rate] = (10, 1.0)
    # (pattern of the path, rate): calls that have a limit of their own
    special_rates: ClassVar[tuple[tuple[str, Rate], ...]] = ()

    def __init__(self, name: str = "") -> None:
        """Use the class's name, or ``name`` for a vendor that nobody has described."""
        self.title = self.name or name

    def refusal(self, status: int, headers: Mapping[str, str], body: Any, now: datetime) -> Refusal:  # noqa: ARG002 - for the others
        """Say what an answer with an error status means. ``body`` is the parsed JSON, or None."""
        message = self.message(body)
        match status:
            case 401:
                return Refusal("unauthorized", message)
            case 403:
                return Refusal("forbidden", message)
            case 404 | 410:
                return Refusal("not_found", message)
            case 429:
                return Refusal("limit", message)
            case 500 | 502 | 503 | 504:
                return Refusal("unavailable", message)
        return Refusal("refused", message)

    def message(self, body: Any) -> str:
        """Return the vendor's own words in an error body."""
        if not isinstance(body, dict):
            return ""
        error = body.get("error")
        candidates = (body.get("message"), body.get("Message"), error.get("message") if isinstance(error, dict) else error)
        return next((text for text in candidates if isinstance(text, str) and text), "")

    def told_rate(self, headers: Mapping[str, str]) -> Rate | None:  # noqa: ARG002 - for the others
        """Return the rate that an answer says is allowed, a little less than that; None when it does not say."""
        return None

    def payload(self, method: str, path: str) -> str | None:  # noqa: ARG002 - for the others
        """Return the key whose value must be a list in a successful answer, ``a/b`` below ``a``; "[]" for an answer that is one itself."""
        return None


class HubspotDialect(Dialect):
    """HubSpot: no Retry-After; the policy's name says how long to wait; a 403 names the missing scopes."""

    name = "HubSpot"
    credential = "HUBSPOT_ACCESS_TOKEN"
    credential_help = (
        "Make a service key in HubSpot (Development > Keys > Service keys) and set HUBSPOT_ACCESS_TOKEN, "
        "or unset it to read the sandbox."
    )
    scope_help = "Add the scope to the service key in HubSpot (Development > Keys > Service keys)."
    # The smallest published limit is 100 calls in 10 seconds; the rest is left to the people who work there at the same time.
    rate = (95, 10.0)
    special_rates = ((r"/search$", (4, 1.0)),)
    _WAITS: ClassVar[dict[str, float]] = {"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 10.0}
    _LISTS: Final = re.compile(
        r"/crm/(?:objects/[^/]+/[^/]+(?:/batch/read|/search)?|associations/[^/]+/[^/]+/[^/]+/(?:batch/read|labels)"
        r"|(?:pipelines|properties)/[^/]+/[^/]+|owners/[^/]+)/?$"
    )

    def refusal(self, status: int, headers: Mapping[str, str], body: Any, now: datetime) -> Refusal:
        """Read policyName (429), locked records (423), migrations (477) and missing scopes (403)."""
        message = self.message(body)
        if status == 429:
            policy = str(body.get("policyName", "")) if isinstance(body, dict) else ""
            if policy == "DAILY":
                return Refusal(
                    "exhausted", message or "the daily limit is used up; it lifts at midnight of the portal's time zone"
                )
            return Refusal("limit", message, self._WAITS.get(policy))
        if status == 423:
            return Refusal("limit", message, 2.0)
        if status == 477:
            return Refusal("limit", message)
        if status == 403:
            scopes = _values_below(body, {"requiredGranularScopes", "missingScopes"})
            return Refusal("forbidden", f"missing scopes: {', '.join(scopes)}" if scopes else message)
        return super().refusal(status, headers, body, now)

    def told_rate(self, headers: Mapping[str, str]) -> Rate | None:
        """Return what the portal's plan allows, less a twentieth for the people who work there. Search answers do not tell it."""
        most, milliseconds = (
            headers.get("x-hubspot-ratelimit-max", ""),
            headers.get("x-hubspot-ratelimit-interval-milliseconds", ""),
        )
        if not (most.isdecimal() and milliseconds.isdecimal() and int(most) and int(milliseconds)):
            return None
        return max(1, int(most) * 19 // 20), int(milliseconds) / 1000

    def payload(self, method: str, path: str) -> str | None:
        """Every list and batch answer holds ``results``."""
        if method == "GET" or path.endswith(("/batch/read", "/search")):
            return "results" if self._LISTS.search(path) else None
        return None


class AirtableDialect(Dialect):
    """Airtable: a 429 means either half a minute of patience or the end of the month."""

    name = "Airtable"
    credential = "AIRTABLE_TOKEN"
    credential_help = "Make a personal access token at https://airtable.com/create/tokens and set AIRTABLE_TOKEN, or unset it to read the sandbox."
    scope_help = "Give the token data.records:read and schema.bases:read on the base, at https://airtable.com/create/tokens."
    rate = (5, 1.1)  # published: 5 a second and base, then a lock-out of 30 seconds
    _LOCK_OUT_SECONDS: ClassVar[float] = 30.0

    def refusal(self, status: int, headers: Mapping[str, str], body: Any, now: datetime) -> Refusal:
        """Tell the lock-out from the monthly cap (which nothing but the calendar lifts)."""
        if status == 429:
            words = repr(body)
            if "BILLING_LIMIT" in words:
                month_end = f"{now.year + now.month // 12}-{now.month % 12 + 1:02d}-01"
                return Refusal("exhausted", f"the workspace's calls of this month are used up until {month_end}")
            return Refusal("limit", self.message(body), self._LOCK_OUT_SECONDS)
        return super().refusal(status, headers, body, now)

    def message(self, body: Any) -> str:
        """Airtable's errors are an object, a string, or a list of either."""
        if isinstance(body, dict):
            error = body.get("error")
            if isinstance(error, dict):
                return ": ".join(str(error[key]) for key in ("type", "message") if error.get(key))
            if isinstance(body.get("errors"), list) and body["errors"] and isinstance(body["errors"][0], dict):
                return self.message(
                    {"error": {"type": body["errors"][0].get("error"), "message": body["errors"][0].get("message")}}
                )
        return super().message(body)


class AsanaDialect(Dialect):
    """Asana: a 402 asks for a paid plan; a 412 of the events is an answer, with the next token in it."""

    name = "Asana"
    credential = "ASANA_ACCESS_TOKEN"
    credential_help = "Make a personal access token at https://app.asana.com/0/my-apps and set ASANA_ACCESS_TOKEN, or unset it to read the sandbox."
    scope_help = "Let the token's owner see the workspace, its portfolios and their projects in Asana."
    # published: 1,500 a minute with a paid plan, without which there are no custom fields and so no engagements to read; a free
    # plan's 150 come as 429 with Retry-After, which is waited for (https://developers.asana.com/docs/rate-limits)
    rate = (1400, 60.0)
    _LISTS: Final = re.compile(
        r"/(?:projects|portfolios|tasks|status_updates|users|workspaces|project_templates|events)/?$|/(?:items|custom_fields)/?$"
    )

    def refusal(self, status: int, headers: Mapping[str, str], body: Any, now: datetime) -> Refusal:
        """Read the plan's limits (402) and new sync tokens (412)."""
        message = self.message(body)
        if status == 402:
            return Refusal("forbidden", f"the workspace's plan does not include this: {message}")
        if status == 412 and isinstance(body, dict) and isinstance(body.get("sync"), str):
            return Refusal("answer", message)
        return super().refusal(status, headers, body, now)

    def message(self, body: Any) -> str:
        """Asana's errors are a list; a server error has a phrase by which its support finds it."""
        errors = body.get("errors") if isinstance(body, dict) else None
        if not isinstance(errors, list):
            return super().message(body)
        words = []
        for error in errors:
            if isinstance(error, dict) and isinstance(error.get("message"), str):
                phrase = error.get("phrase")
                words.append(error["message"] + (f" (phrase: {phrase})" if isinstance(phrase, str) and phrase else ""))
        return "; ".join(words)

    def payload(self, method: str, path: str) -> str | None:
        """Every list is under ``data``."""
        return "data" if method == "GET" and self._LISTS.search(path) else None


class GithubDialect(Dialect):
    """GitHub: both of its limits may come as 403; the headers tell."""

    name = "GitHub"
    credential = "GITHUB_TOKEN"
    credential_help = "Make a fine-grained token on GitHub (Settings > Developer settings) and set GITHUB_TOKEN, or unset it to read the sandbox."
    scope_help = "Give the token organization Projects: read and, on the repositories, Issues: read and Pull requests: read."
    rate = (10, 1.0)  # published: 900 points a minute, one a read

    def refusal(self, status: int, headers: Mapping[str, str], body: Any, now: datetime) -> Refusal:
        """Tell a limit (with the time that it lifts) from a missing permission."""
        message = self.message(body)
        if status in {403, 429}:
            if headers.get("x-ratelimit-remaining") == "0" and headers.get("x-ratelimit-reset", "").isdigit():
                return Refusal("limit", message, max(1.0, float(headers["x-ratelimit-reset"]) - now.timestamp()))
            if status == 429 or "retry-after" in headers or "rate limit" in message.lower():
                return Refusal("limit", message, 60.0)
        return super().refusal(status, headers, body, now)

    def payload(self, method: str, path: str) -> str | None:
        """Lists are bare arrays."""
        is_list = method == "GET" and re.search(
            r"/projectsV2/\d+/(items|fields)$|^/repos/[^/]+/[^/]+/issues$|/repos/[^/]+/[^/]+/issues$", path
        )
        return "[]" if is_list else None


class AwsDialect(Dialect):
    """AWS: nearly everything is a 400 whose ``__type`` tells; what it does not tell goes to boto3, which knows the models."""

    name = "AWS"
    credential = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_PROFILE)"
    credential_help = "Set valid AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or unset them to read the sandbox."
    scope_help = "Allow ce:Get*, budgets:ViewBudget and organizations:ListAccounts to this identity."
    rate = (5, 1.0)
    _LIMITS: ClassVar[frozenset[str]] = frozenset(
        {"LimitExceededException", "ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"}
    )
    _IDENTITY: ClassVar[frozenset[str]] = frozenset(
        {
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
            "ExpiredToken",
            "ExpiredTokenException",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "IncompleteSignature",
            "IncompleteSignatureException",
        }
    )

    def refusal(self, status: int, headers: Mapping[str, str], body: Any, now: datetime) -> Refusal:
        """Sort by the error's type."""
        code = self.code(headers, body)
        message = self.message(body)
        if code in self._LIMITS:
            return Refusal("limit", f"{code} {message}".strip())
        if code in self._IDENTITY or status == 401:
            return Refusal("unauthorized", f"{code} {message}".strip())
        if status >= 500 or status == 429:
            return super().refusal(status, headers, body, now)
        return Refusal("answer", f"{code} {message}".strip())

    @classmethod
    def is_identity(cls, code: str) -> bool:
        """Return whether an error's type means that AWS does not know who asks."""
        return code in cls._IDENTITY

    @staticmethod
    def code(headers: Mapping[str, str], body: Any) -> str:
        """Return the error's type without its namespace."""
        raw = headers.get("x-amzn-errortype") or (body.get("__type", "") if isinstance(body, dict) else "")
        return str(raw).rsplit("#", 1)[-1].split(":", 1)[0]


class SheetsDialect(Dialect):
    """Google Sheets: no Retry-After, and a quota that lifts within a minute; its token endpoint says no with 400 and a word."""

    name = "Google Sheets"
    credential = "the key in SHEETS_SERVICE_ACCOUNT_FILE"
    credential_help = (
        "Make a key of the service account in the Google Cloud console (IAM > Service accounts > Keys) and set "
        "SHEETS_SERVICE_ACCOUNT_FILE to its file, or unset it to read the sandbox."
    )
    scope_help = "Share the spreadsheet with the service account's address (client_email in the key file) as a viewer."
    rate = (55, 60.0)  # published: 60 a minute and user, 300 a minute and project
    _QUOTA_SECONDS: ClassVar[float] = 20.0
    _OF_THE_KEY: ClassVar[frozenset[str]] = frozenset({"invalid_grant", "invalid_client", "unauthorized_client", "invalid_scope"})
    _SPREADSHEET: Final = re.compile(r"/v4/spreadsheets/[^/:]+/?$")

    def refusal(self, status: int, headers: Mapping[str, str], body: Any, now: datetime) -> Refusal:
        """Tell a key that the token endpoint does not take from a request that the API declines."""
        message = self.message(body)
        if status == 429:
            return Refusal("limit", message, self._QUOTA_SECONDS)
        word = body.get("error") if isinstance(body, dict) else None  # an object where it is the API that answers
        if status in {400, 401} and isinstance(word, str) and word in self._OF_THE_KEY:
            return Refusal("unauthorized", message)
        return super().refusal(status, headers, body, now)

    def message(self, body: Any) -> str:
        """The API's errors are an object with status and message; the token endpoint's a word and a description."""
        error = body.get("error") if isinstance(body, dict) else None
        if isinstance(error, dict):
            return ": ".join(str(error[key]) for key in ("status", "message") if error.get(key))
        if isinstance(error, str):
            return ": ".join(str(body[key]) for key in ("error", "error_description") if body.get(key))
        return super().message(body)

    def payload(self, method: str, path: str) -> str | None:
        """A spreadsheet has tabs."""
        return "sheets" if method == "GET" and self._SPREADSHEET.search(path) else None


class IntacctDialect(Dialect):
    """Sage Intacct: errors below ia::error, at the top or below ia::result; gateway codes GW-...; no Retry-After is documented."""

    name = "Sage Intacct"
    credential = "INTACCT_CLIENT_SECRET"
    credential_help = (
        "Check INTACCT_CLIENT_ID, INTACCT_CLIENT_SECRET and INTACCT_USERNAME (user@company), and that the company's security settings "
        "authorise the sender id of the application; or unset INTACCT_CLIENT_SECRET to read the sandbox."
    )
    scope_help = "Give the web services user of INTACCT_USERNAME the right to list and view invoices (Accounts Receivable)."
    rate = (2, 1.0)  # no limit is published for one client; an invoice run of a large company is a few dozen calls
    _LIMIT_SECONDS: ClassVar[float] = 10.0
    # of the token endpoint: the client, its user or its company is not known
    _OF_THE_CLIENT: ClassVar[frozenset[str]] = frozenset(
        {"GW-0011", "GW-0012", "GW-0031", "GW-0036", "GW-0037", "invalid_client", "invalid_grant", "unauthorized_client"}
    )
    # what public notes of users say of a right that is lacking, whatever the status
    _NO_RIGHT: ClassVar[str] = "REST-3007"
    _QUERY: Final = re.compile(r"/services/core/query/?$")

    def refusal(self, status: int, headers: Mapping[str, str], body: Any, now: datetime) -> Refusal:
        """Tell a client that is not known, and a right that is lacking, from a query that is declined."""
        message, codes = self.message(body), self._codes(body)
        if status == 429:
            return Refusal("limit", message, self._LIMIT_SECONDS)
        if status in {400, 401} and codes & self._OF_THE_CLIENT:
            return Refusal("unauthorized", message)
        if 400 <= status < 500 and self._NO_RIGHT in codes:
            return Refusal("forbidden", message)
        return super().refusal(status, headers, body, now)

    def message(self, body: Any) -> str:
        """The code and words of the error, then those of its details, which say what was wrong."""
        error = self._error(body)
        if error is None:
            word = body.get("error") if isinstance(body, dict) else None
            if isinstance(word, str):
                return ": ".join(str(body[key]) for key in ("error", "error_description") if body.get(key))
            return super().message(body)
        parts = [error, *self._details(error)]
        words = [": ".join(str(part[key]) for key in ("code", "message") if part.get(key)) for part in parts]
        return "; ".join(word for word in words if word)

    def payload(self, method: str, path: str) -> str | None:
        """A query answers a list; an error below ia::result, whatever the status, is none."""
        return "ia::result" if method == "POST" and self._QUERY.search(path) else None

    def _error(self, body: Any) -> dict[str, Any] | None:
        result = body.get("ia::result") if isinstance(body, dict) else None
        places = (body, result) if isinstance(result, dict) else (body,)
        found = (place.get("ia::error") for place in places if isinstance(place, dict))
        return next((error for error in found if isinstance(error, dict)), None)

    def _details(self, error: dict[str, Any]) -> list[dict[str, Any]]:
        details = error.get("details")
        return [part for part in details if isinstance(part, dict)] if isinstance(details, list) else []

    def _codes(self, body: Any) -> set[str]:
        error = self._error(body)
        if error is None:
            word = body.get("error") if isinstance(body, dict) else None
            return {word} if isinstance(word, str) else set()
        return {str(part.get("code")) for part in (error, *self._details(error))}


class PrometheusDialect(Dialect):
    """Prometheus: an error has a type and words; 503 is a query that took too long; a proxy before it says 401 and 403 as it likes."""

    name = "Prometheus"
    credential = "PROMETHEUS_TOKEN or PROMETHEUS_PASSWORD"
    credential_help = (
        "Make a token or user that may query the server (in Grafana a service account's), and set PROMETHEUS_TOKEN, or "
        "PROMETHEUS_USERNAME and PROMETHEUS_PASSWORD; or unset PROMETHEUS_URL to read the sandbox."
    )
    scope_help = "Let it query the data source, in Grafana as a Viewer."
    rate = (5, 1.0)  # no limit is published; people look at dashboards of the same server at the same time
    _QUERY: Final = re.compile(r"/api/v1/query_range/?$")

    def message(self, body: Any) -> str:
        """The type of the error, then its words; a proxy has words of its own."""
        if isinstance(body, dict) and isinstance(body.get("errorType"), str):
            return ": ".join(str(body[key]) for key in ("errorType", "error") if body.get(key))
        return super().message(body)

    def payload(self, method: str, path: str) -> str | None:  # noqa: ARG002 - a query may be posted as well
        """A query answers a list of series below data."""
        return "data/result" if self._QUERY.search(path) else None


DIALECTS: Final[dict[str, type[Dialect]]] = {
    "hubspot": HubspotDialect,
    "airtable": AirtableDialect,
    "asana": AsanaDialect,
    "github": GithubDialect,
    "aws": AwsDialect,
    "sheets": SheetsDialect,
    "intacct": IntacctDialect,
    "prometheus": PrometheusDialect,
}


def dialect_of(vendor: str) -> Dialect:
    """Return the dialect of a vendor; an unknown one speaks plain HTTP."""
    return DIALECTS[vendor]() if vendor in DIALECTS else Dialect(vendor)


def _values_below(body: Any, keys: set[str]) -> list[str]:
    """Return the texts in the lists that stand under any of ``keys``, wherever in the body."""
    found: list[str] = []
    if isinstance(body, dict):
        for key, value in body.items():
            if key in keys and isinstance(value, list):
                found += [str(item) for item in value]
            else:
                found += _values_below(value, keys)
    elif isinstance(body, list):
        for item in body:
            found += _values_below(item, keys)
    return list(dict.fromkeys(found))
