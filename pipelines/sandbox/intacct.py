"""Sage Intacct of the sandbox: the token endpoint of one application, and the query service over invoices and their lines.

Evidence: https://developer.sage.com/intacct/docs/developer-portal/guides/oauth2 for the exchange,
https://developer.sage.com/intacct/docs/developer-portal/api-essentials/query-service for requests and answers,
https://developer.sage.com/intacct/docs/developer-portal/guides/error-handling for codes and shapes of errors,
https://developer.sage.com/intacct/docs/openapi/ar/accounts-receivable.invoice/tag/Invoices for invoices. docs/sandbox.md says what is
inferred. Nothing was measured against Sage Intacct itself.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from pipelines.sandbox.exchange import Answer, Call, Refusal, Routes, serve
from pipelines.sandbox.world import READ_TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from pipelines.sandbox.world import World

Json = dict[str, Any]

# Not secrets: they open nothing but the invented organisation.
CLIENT_ID: Final = "handoff-demo.app.sage.com"
CLIENT_SECRET: Final = "sandbox-client-secret"  # noqa: S105
USERNAME: Final = "handoff@demo-company"

_BASE: Final = "/ia/api/v1"
_QUERY_PARTS: Final = frozenset(
    {"object", "fields", "filters", "filterExpression", "filterParameters", "orderBy", "start", "size"}
)
_MOST_SIZE: Final = 4_000
_USUAL_SIZE: Final = 100
_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "$eq": lambda held, asked: held == asked,
    "$ne": lambda held, asked: held != asked,
    "$gt": lambda held, asked: held is not None and held > asked,
    "$gte": lambda held, asked: held is not None and held >= asked,
    "$lt": lambda held, asked: held is not None and held < asked,
    "$lte": lambda held, asked: held is not None and held <= asked,
    "$in": lambda held, asked: held in asked,
}
_NOT_BUILT_OPERATORS: Final = frozenset(
    {"$between", "$contains", "$notContains", "$startsWith", "$notStartsWith", "$endsWith", "$notEndsWith", "$notIn", "$isNull"}
)
# What ``world.limits`` may change. -1: off.
LIMITS: Final = {
    "intacct.requests_per_minute": -1,
    "intacct.token_seconds": 43200,  # what a token is good for
    "intacct.page_size": 4000,  # a page has no more records than this, whatever was asked for
    "intacct.may_view_invoices": 1,  # 0: the user has no right to it
}


def app(world: World) -> ASGIApp:
    """Return the REST API over ``world``, with the token endpoint below the same address."""
    return serve(_Intacct(world).answer)


def refuse(status: int, code: str, message: str, detail: tuple[str, str] | None = None) -> Refusal:
    """Return a refusal of the API; those of the gateway have a code GW-... and an id instead of counts."""
    error: Json = {"code": code, "message": message}
    if code.startswith("GW-"):
        return Refusal(Answer(status, {"ia::error": error | {"details": {"requestId": f"sandbox.{status}"}}}))
    error["supportId"] = "sandbox"
    if detail is not None:
        error["details"] = [{"code": detail[0], "message": detail[1]}]
    return Refusal(Answer(status, {"ia::error": error, "ia::meta": {"totalCount": 1, "totalSuccess": 0, "totalError": 1}}))


class _Intacct:
    def __init__(self, world: World) -> None:
        self._world = world
        self._recent: list[float] = []
        self._ends: dict[str, float] = {}  # of the tokens that were exchanged here
        self._routes = Routes(
            ("POST", f"{_BASE}/oauth2/token", self._token),
            ("POST", f"{_BASE}/services/core/query", self._query),
        )

    def answer(self, call: Call) -> Answer:
        found = self._routes.find(call)
        if found is not None and call.path.endswith("/oauth2/token"):
            return found[0](found[1])
        if not call.headers.get("authorization", "").startswith("Bearer "):
            raise refuse(401, "GW-0034", "Invalid Authorization Header")
        if call.bearer != READ_TOKEN and self._ends.get(call.bearer or "", 0.0) <= time.monotonic():
            raise refuse(401, "GW-0031", "Invalid Token")
        self._count()
        if found is None:
            raise Refusal(
                Answer(501, {"ia::error": {"code": "notBuilt", "message": f"The sandbox has no {call.method} {call.path}."}})
            )
        handler, routed = found
        with self._world.lock:
            return handler(routed)

    def _limit(self, name: str) -> int:
        return self._world.limit(f"intacct.{name}", LIMITS[f"intacct.{name}"])

    def _count(self) -> None:
        rate, now = self._limit("requests_per_minute"), time.monotonic()
        self._recent = [moment for moment in self._recent if now - moment < 60]
        if 0 <= rate <= len(self._recent):
            self._recent.clear()  # whoever waited goes on
            raise refuse(429, "GW-0010", "API rate limit exceeded")
        self._recent.append(now)

    def _token(self, call: Call) -> Answer:
        """Exchange the secret of the application for a token that ends."""
        form = parse_qs(call.body.decode("utf-8", "replace"), keep_blank_values=True)
        if not form:
            raise refuse(400, "GW-0035", "Missing Token Payload")
        for name, code, words in (("client_id", "GW-0038", "Multiple Client IDs"), ("username", "GW-0039", "Multiple Usernames")):
            if len(form.get(name, [])) > 1:
                raise refuse(400, code, words)
        given = {name: values[-1] for name, values in form.items()}
        if given.get("grant_type") != "client_credentials":
            raise refuse(400, "GW-0032", "Invalid Token Payload")
        if not given.get("client_id"):
            raise refuse(400, "GW-0037", "Missing Client ID")
        if not given.get("username"):
            raise refuse(400, "GW-0036", "Missing User Name")
        if "@" not in given["username"]:
            raise refuse(400, "GW-0012", "Missing Tenant Data")
        if (given["client_id"], given["username"].partition("|")[0]) != (CLIENT_ID, USERNAME):
            raise refuse(400, "GW-0011", "Invalid Request")
        if given.get("client_secret") != CLIENT_SECRET:
            raise Refusal(Answer(401, {"error": "invalid_client", "error_description": "Client authentication failed"}))
        seconds = self._limit("token_seconds")
        token = f"{READ_TOKEN}-{len(self._ends) + 1}"
        self._ends[token] = time.monotonic() + seconds
        return Answer(200, {"token_type": "Bearer", "access_token": token, "expires_in": seconds})

    def _query(self, call: Call) -> Answer:
        try:
            asked = call.json()
        except ValueError:
            asked = None
        if not isinstance(asked, dict):
            raise refuse(400, "invalidRequest", "The request body is not valid JSON")
        if unknown := sorted(asked.keys() - _QUERY_PARTS):
            raise refuse(400, "invalidRequest", f"The property {unknown[0]} is not allowed in a query")
        if not self._limit("may_view_invoices"):
            raise refuse(403, "operationFailed", "Query failed", ("REST-3007", "You do not have permission to run the operation"))
        name = asked.get("object")
        records = self._world.state.intacct.objects.get(str(name))
        if records is None:
            raise refuse(400, "invalidRequest", "Query failed", ("REST-1033", f"{name} is not supported in version 1"))
        known = set().union(*records)
        fields = asked.get("fields")
        if not isinstance(fields, list) or not fields:
            raise refuse(400, "invalidRequest", "The property fields is required in a query")
        for field in fields:
            self._check_field(field, name, known)
        chosen = [record for record in records if self._fits(asked, name, known, record)]
        self._sort(chosen, asked, name, known)
        start, size = asked.get("start", 1), asked.get("size", _USUAL_SIZE)
        if type(start) is not int or start < 1 or type(size) is not int or not 1 <= size <= _MOST_SIZE:
            raise refuse(400, "invalidRequest", f"start must be 1 or more, and size from 1 to {_MOST_SIZE}")
        size = min(size, self._limit("page_size"))
        page = chosen[start - 1 : start - 1 + size]
        following = start + size if start - 1 + size < len(chosen) else None
        said = {
            "totalCount": len(chosen),
            "start": start,
            "pageSize": size,
            "next": following,
            "previous": max(1, start - size) if start > 1 else None,
        }
        return Answer(200, {"ia::result": [{field: record.get(field) for field in fields} for record in page], "ia::meta": said})

    def _check_field(self, field: object, name: object, known: set[str]) -> None:
        if not isinstance(field, str) or field not in known:
            # measured by others: this error stands below ia::result
            error = {"code": "invalidRequest", "message": f"The {field} field in {name} object cannot be used in query"}
            said = {"totalCount": 1, "totalSuccess": 0, "totalError": 1}
            raise Refusal(Answer(400, {"ia::result": {"ia::error": error}, "ia::meta": said}))

    def _fits(self, asked: Json, name: object, known: set[str], record: Json) -> bool:
        filters, joined = asked.get("filters") or [], asked.get("filterExpression") or "and"
        if joined not in {"and", "or"}:
            raise self._not_built(f"filterExpression {joined!r}")
        if asked.get("filterParameters"):
            raise self._not_built("filterParameters")
        fitting = []
        for condition in filters if isinstance(filters, list) else [filters]:
            if not isinstance(condition, dict) or len(condition) != 1 or not isinstance(next(iter(condition.values())), dict):
                raise refuse(400, "invalidRequest", "A filter has the form {operator: {field: value}}")
            [(operator, comparison)] = condition.items()
            if operator in _NOT_BUILT_OPERATORS:
                raise self._not_built(operator)
            if operator not in _OPERATORS or len(comparison) != 1:
                raise refuse(400, "invalidRequest", f"The operator {operator} is not valid")
            [(field, value)] = comparison.items()
            self._check_field(field, name, known)
            fitting.append(_OPERATORS[operator](record.get(field), value))
        return not fitting or (all(fitting) if joined == "and" else any(fitting))

    def _sort(self, chosen: list[Json], asked: Json, name: object, known: set[str]) -> None:
        for order in reversed(asked.get("orderBy") or []):
            if not isinstance(order, dict) or len(order) != 1:
                raise refuse(400, "invalidRequest", "orderBy has the form [{field: asc}]")
            [(field, direction)] = order.items()
            self._check_field(field, name, known)
            chosen.sort(key=lambda record: (record.get(field) is None, _ordered(record.get(field))), reverse=direction == "desc")

    @staticmethod
    def _not_built(what: str) -> Refusal:
        return Refusal(
            Answer(501, {"ia::error": {"code": "notBuilt", "message": f"The sandbox has no {what}; see docs/sandbox.md."}})
        )


def _ordered(value: Any) -> tuple[int, str]:
    text = str(value)
    return (int(text), "") if text.isdecimal() else (0, text)
