"""Google Sheets of the sandbox: one spreadsheet with its tabs, and the token endpoint of its two service accounts.

Evidence: the REST reference (https://developers.google.com/workspace/sheets/api/reference/rest) for paths, parameters, shapes and requests;
https://developers.google.com/identity/protocols/oauth2/service-account for the exchange; https://google.aip.dev/193 for the shape of
errors. Words of errors are inferred. docs/sandbox.md says which is which. What stands in the cells is in sheets_cells.py.
"""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from pipelines import clock
from pipelines.sandbox.exchange import Answer, Call, Refusal, Routes, serve
from pipelines.sandbox.sheets_cells import Area, Book, masked
from pipelines.sandbox.sheets_formulas import NotBuilt
from pipelines.sandbox.sheets_keys import EDITOR, claims_of
from pipelines.sandbox.world import READ_TOKEN, WRITE_TOKEN, token_kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from pipelines.sandbox.world import World

Json = dict[str, Any]

_SPREADSHEET: Final = "/v4/spreadsheets/{id}"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SCOPES: Final = {
    "https://www.googleapis.com/auth/spreadsheets": "write",
    "https://www.googleapis.com/auth/spreadsheets.readonly": "read",
}
_SKEW_SECONDS: Final = 300
_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
}
_RENDERINGS: Final = ("FORMATTED_VALUE", "UNFORMATTED_VALUE", "FORMULA")
# What ``world.limits`` may change. -1: off.
LIMITS: Final = {
    "sheets.requests_per_minute": -1,  # Google's own is 60 for each user, of reads and of writes
    "sheets.token_seconds": 3599,  # what a token is said to be good for
    "sheets.is_shared": 1,  # 0: the spreadsheet is shared with neither account
}


def app(world: World) -> ASGIApp:
    """Return the Sheets API over ``world``, with the token endpoint beside it."""
    return serve(_Sheets(world).answer)


def refuse(status: int, message: str) -> Refusal:
    """Return a refusal in the shape of Google's APIs."""
    return Refusal(Answer(status, {"error": {"code": status, "message": message, "status": _STATUSES[status]}}))


def _no_token(word: str, description: str) -> Refusal:
    """Return a refusal of the token endpoint (RFC 6749, 5.2)."""
    return Refusal(Answer(400, {"error": word, "error_description": description}))


class _Sheets:
    def __init__(self, world: World) -> None:
        self._world = world
        self._recent: list[float] = []
        self._routes = Routes(
            ("POST", "/token", self._token),
            ("GET", f"{_SPREADSHEET}/values:batchGet", self._batch_get),
            ("GET", f"{_SPREADSHEET}/values/{{range}}", self._values),
            ("POST", f"{_SPREADSHEET}:batchUpdate", self._batch_update),
            ("GET", _SPREADSHEET, self._get),
        )

    @property
    def _state(self) -> Any:
        return self._world.state.sheets

    def answer(self, call: Call) -> Answer:
        found = self._routes.find(call)
        if found is not None and call.path == "/token":
            return found[0](found[1])
        kind = token_kind(call.bearer)
        if kind is None:
            raise refuse(
                401,
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
                "authentication credential.",
            )
        self._count()
        if found is None:
            raise refuse(501, f"The sandbox has no {call.method} {call.path}; see docs/sandbox.md.")
        handler, routed = found
        if call.method != "GET" and kind == "read":
            raise refuse(403, "Request had insufficient authentication scopes.")
        if routed.parts["id"] != self._state.spreadsheet_id:
            raise refuse(404, "Requested entity was not found.")
        if not self._limit("is_shared"):
            raise refuse(403, "The caller does not have permission")
        with self._world.lock:
            try:
                return handler(routed)
            except NotBuilt as error:
                raise refuse(501, f"The sandbox does not reckon {error}; see docs/sandbox.md.") from None

    def _limit(self, name: str) -> int:
        return self._world.limit(f"sheets.{name}", LIMITS[f"sheets.{name}"])

    def _count(self) -> None:
        rate, now = self._limit("requests_per_minute"), time.monotonic()
        self._recent = [moment for moment in self._recent if now - moment < 60]
        if 0 <= rate <= len(self._recent):
            self._recent.clear()  # whoever waited goes on
            raise refuse(
                429,
                "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute per user' of service "
                "'sheets.googleapis.com' for consumer 'project_number:100000000001'.",
            )
        self._recent.append(now)

    # The token endpoint

    def _token(self, call: Call) -> Answer:
        """Exchange a signed assertion for a token: that of the editor writes where it was asked for, any other one reads."""
        form = {name: values[-1] for name, values in parse_qs(call.body.decode("utf-8", "replace")).items()}
        if form.get("grant_type") != _GRANT:
            raise _no_token("unsupported_grant_type", "Invalid grant_type: " + form.get("grant_type", ""))
        try:
            claims = claims_of(form.get("assertion", ""))
        except ValueError as error:
            raise _no_token("invalid_grant", str(error)) from None
        now = clock.now().timestamp()
        issued, ends = claims.get("iat"), claims.get("exp")
        if not isinstance(issued, int) or not isinstance(ends, int) or not issued < ends <= issued + 3600:
            raise _no_token("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes).")
        if issued > now + _SKEW_SECONDS or ends < now:
            raise _no_token("invalid_grant", "Invalid JWT: Check your iat and exp values in the JWT claim.")
        if claims.get("aud") != call.url:
            raise _no_token("invalid_grant", "Invalid JWT: the audience is not the token endpoint.")
        scopes = str(claims.get("scope", "")).split()
        if not scopes or not _SCOPES.keys() >= set(scopes):
            raise _no_token("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        may_write = claims.get("iss") == EDITOR and any(_SCOPES[scope] == "write" for scope in scopes)
        token = WRITE_TOKEN if may_write else READ_TOKEN
        return Answer(200, {"access_token": token, "expires_in": self._limit("token_seconds"), "token_type": "Bearer"})

    # Reading

    def _book(self) -> Book:
        return Book(self._state.tabs)

    def _get(self, call: Call) -> Answer:
        """Answer the spreadsheet; cells come where the mask, or includeGridData without one, asks for them."""
        book, mask = self._book(), call.value("fields")
        ranges = [self._area(book, text) for text in call.values("ranges")]
        wants_cells = "data" in mask or "*" in mask if mask else call.value("includeGridData") == "true"
        tabs = []
        for tab in self._state.tabs:
            areas = [area for area in ranges if area.tab is tab] or ([] if ranges else [Area.whole(tab)])
            if ranges and not areas:
                continue
            shown: Json = {
                "properties": {
                    "sheetId": tab["sheetId"],
                    "title": tab["title"],
                    "index": self._state.tabs.index(tab),
                    "sheetType": "GRID",
                    "gridProperties": {"rowCount": tab["rowCount"], "columnCount": tab["columnCount"]},
                }
            }
            if wants_cells:
                shown["data"] = [book.grid_data(area) for area in areas]
            tabs.append(shown)
        whole = {
            "spreadsheetId": self._state.spreadsheet_id,
            "properties": {"title": self._state.title, "locale": "en_US", "timeZone": "Etc/UTC"},
            "sheets": tabs,
        }
        try:
            return Answer(200, masked(whole, mask) if mask else whole)
        except ValueError:
            raise refuse(400, "Request contains an invalid argument.") from None

    def _area(self, book: Book, text: str) -> Area:
        try:
            return book.area(text)
        except ValueError as error:
            raise refuse(400, str(error)) from None

    def _values(self, call: Call) -> Answer:
        return Answer(200, self._value_range(call, call.parts["range"]))

    def _batch_get(self, call: Call) -> Answer:
        ranges = [self._value_range(call, text) for text in call.values("ranges")]
        return Answer(200, {"spreadsheetId": self._state.spreadsheet_id, "valueRanges": ranges})

    def _value_range(self, call: Call, text: str) -> Json:
        rendering = call.value("valueRenderOption", _RENDERINGS[0])
        if rendering not in _RENDERINGS:
            raise refuse(400, f"Invalid value at 'value_render_option': {rendering!r}")
        for name, usual in (("majorDimension", "ROWS"), ("dateTimeRenderOption", "SERIAL_NUMBER")):
            if call.value(name, usual) != usual:
                raise refuse(501, f"The sandbox has no {name} {call.value(name)}; see docs/sandbox.md.")
        book = self._book()
        area = self._area(book, text)
        values = book.values(area, rendering)
        return {"range": area.name, "majorDimension": "ROWS"} | ({"values": values} if values else {})

    # Writing

    def _batch_update(self, call: Call) -> Answer:
        """Carry out every request, or none."""
        try:
            body = call.json()
        except ValueError:
            raise refuse(400, "Invalid JSON payload received.") from None
        requests = body.get("requests") if isinstance(body, dict) else None
        if not isinstance(requests, list) or not requests:
            raise refuse(400, "Must specify at least one request.")
        if others := sorted(body.keys() - {"requests", "includeSpreadsheetInResponse"}):
            raise refuse(501, f"The sandbox has no {others[0]}; see docs/sandbox.md.")
        tabs = copy.deepcopy(self._state.tabs)
        book = Book(tabs)
        built: dict[str, Callable[[Json], None]] = {
            "insertDimension": book.insert_columns,
            "deleteDimension": book.delete_columns,
            "updateCells": book.update_cells,
        }
        for number, request in enumerate(requests):
            if not isinstance(request, dict) or len(request) != 1:
                raise refuse(400, f"Invalid requests[{number}]: exactly one kind of request is wanted.")
            [(kind, content)] = request.items()
            if kind not in built:
                raise refuse(501, f"The sandbox has no {kind}; see docs/sandbox.md.")
            try:
                built[kind](content)
            except ValueError as error:
                raise refuse(400, f"Invalid requests[{number}].{kind}: {error}") from None
        self._state.tabs = tabs
        self._world.changed()
        return Answer(200, {"spreadsheetId": self._state.spreadsheet_id, "replies": [{} for _ in requests]})
