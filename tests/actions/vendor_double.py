"""The vendors over dictionaries, as far as write-back needs them: in this process, or on loopback for a process that is killed.

They answer as vendors.md says: null for unset HubSpot properties, empty Airtable fields left out, GitHub pages by Link header,
the read token refused on writes. Faults are set by the test: an answer lost after or before the commit, a 503, a changed value.
"""

from __future__ import annotations

import itertools
import json
import pickle
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import airtable_double
from airtable_double import DELIVERABLES, ENGAGEMENTS, PROJECTS

from pipelines.errors import DeadlineExceeded, Forbidden, GarbageAnswer, NotFound, Unauthorized, Unavailable, VendorError
from pipelines.sandbox import asana as sandbox_asana
from pipelines.sandbox.exchange import Call, Refusal
from pipelines.sandbox.sheets import _Sheets
from pipelines.sandbox.state import SandboxState
from pipelines.sandbox.story import build_state
from pipelines.sandbox.world import World

READ, WRITE = "sandbox-token", "sandbox-write-token"
_STORY = build_state()
_BILLING = pickle.dumps(_STORY.sheets)
_ASANA = pickle.dumps(_STORY.asana)
LOST_AFTER, LOST_BEFORE, BUSY = "lost_after", "lost_before", "busy"


class Answer:
    def __init__(self, status, content, headers=None):
        self.status = status
        self._content = content
        self.headers = headers or {}

    def json(self):
        return json.loads(json.dumps(self._content))


class Vendors:
    """The state, the faults and the log."""

    def __init__(self, page=100):
        self.page = page
        self.portal = 4400001
        self.validations = {}  # property -> HubSpot's rules; None when the key may not see them
        self.write_portal = None
        self.deals = {}
        self.tasks = {}  # id -> deal_id and properties
        self.renewals = {}  # (later deal, earlier deal) -> whether the label stands there
        self.links = {}  # (deal, contact) -> labels
        self.communities = {}
        self.companies = {}
        self.history = {}
        self.base = "appHandoffDemo000"
        self.engagements = {"recOld": {"fldEngName0000000": "Old"}}  # what changes of a deal's link lead to
        self.deleted_line_items = set()
        self.projects = {}
        self.deliverables = {}
        self.further_fields = []  # of the engagements' table
        self.payer = "999900001111"
        self.aws_writer = None  # the account of the keys for writing, where it is another one
        self.billing = pickle.loads(_BILLING)  # noqa: S301 - our own bytes, and the quickest deep copy
        self.asana = pickle.loads(_ASANA)  # noqa: S301 - as above
        self.asana_limits = {"asana.job_seconds": 0.05}
        self._asana_served = None
        self.budgets = {}
        self.budget_alarms = {}
        self.issues = []
        self.items = []
        self.log = []
        self.faults = []  # taken one by one by writes: None, LOST_AFTER, LOST_BEFORE, BUSY, or a callable
        self.before_write = None
        self.after_write = None
        self.hidden_reads = 0  # so many reads after a write still show the old state
        self._ids = itertools.count(1)
        self._lock = threading.RLock()

    # As a transport --------------------------------------------------------------------------------------------------------

    def request(self, method, url, *, headers=None, params=None, json=None, idempotent=True, **_):
        answer = self.answer(method, url, headers or {}, params or {}, json)
        sentence = f"{method} {urlsplit(url).path}: {answer.json()}"
        if answer.status == 401:
            raise Unauthorized(sentence)
        if answer.status == 403:
            raise Forbidden(sentence)
        if answer.status == 404:
            raise NotFound(sentence)
        if answer.status >= 500:
            raise Unavailable(sentence)
        if answer.status >= 400:
            raise VendorError(sentence)
        return answer

    def close(self):
        pass

    # As a vendor -----------------------------------------------------------------------------------------------------------

    def answer(self, method, url, headers, params, body):
        parts = urlsplit(url)
        vendor, _, path = parts.path.lstrip("/").partition("/")
        asked = {name: found if len(found) > 1 else found[0] for name, found in parse_qs(parts.query).items()}
        query = asked | {name: value if isinstance(value, list) else str(value) for name, value in params.items()}
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        with self._lock:
            if vendor == "aws":
                return self._aws(path, body, token)
            self.log.append((method, f"/{vendor}/{path}", body))
            if token not in {READ, WRITE}:
                return Answer(401, {"message": "Authentication credentials not found."})
            if method != "GET" and not path.endswith("/batch/read") and token != WRITE:
                return Answer(403, {"message": "This app hasn't been granted all required scopes to make this call."})
            fault = None
            is_write = method != "GET" and not path.endswith("/batch/read")
            if is_write:
                fault = self.faults.pop(0) if self.faults else None
                if self.before_write:
                    self.before_write(method, path, body)
            if fault == BUSY:
                return Answer(503, {"message": "Service unavailable"})
            if fault == LOST_BEFORE:
                raise DeadlineExceeded("No answer within 60 s.")
            if callable(fault):
                return fault()
            answer = getattr(self, f"_{vendor}")(method, f"/{path}", query, body, token)
            if is_write and self.after_write:
                self.after_write(method, path, body)
            if fault == LOST_AFTER:
                raise DeadlineExceeded("No answer within 60 s.")
            return answer

    def _aws(self, path, body, token):
        from aws_double import AwsDouble

        try:
            return Answer(200, AwsDouble(self, may_write=token == WRITE).served(path, body))
        except Unavailable:
            return Answer(503, {"message": "Service unavailable"})

    def _sheets(self, method, path, query, body, token):
        """Answer as the sandbox's spreadsheet does, over a state of this double."""
        pairs = [(name, one) for name, value in query.items() for one in (value if isinstance(value, list) else [value])]
        world = World(SandboxState("", None, None, None, None, sheets=self.billing))
        asked = Call(
            method,
            "",
            path,
            tuple(pairs),
            {"authorization": f"Bearer {token}"},
            b"" if body is None else json.dumps(body).encode(),
        )
        try:
            answer = _Sheets(world).answer(asked)
        except Refusal as refusal:
            answer = refusal.answer
        return Answer(answer.status, answer.body)

    def _asana(self, method, path, query, body, token):
        """Answer as the sandbox's workspace does, over a state of this double; it remembers pages and jobs."""
        world = World(SandboxState("", None, None, None, None, asana=self.asana))
        world.limits.update(self.asana_limits)
        if self._asana_served is None or self._asana_served._state is not self.asana:
            self._asana_served = sandbox_asana._Asana(world)
        self._asana_served._world.limits.update(self.asana_limits)
        sent = b"" if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {token}"}
        try:
            answer = self._asana_served.answer(Call(method, "", path, tuple(query.items()), headers, sent))
        except Refusal as refusal:
            answer = refusal.answer
        return Answer(answer.status, answer.body, dict(answer.headers or {}))

    def _hubspot(self, method, path, query, body, token):
        if path == "/account-info/2026-09/details":
            portal = self.write_portal if token == WRITE and self.write_portal else self.portal
            return Answer(200, {"portalId": portal, "accountType": "STANDARD"})
        if path == "/crm/owners/2026-09":
            return Answer(200, {"results": [{"id": "1", "userId": 77, "firstName": "Ana", "lastName": "Lopez"}]})
        if path.startswith("/crm/properties/2026-09/"):
            choices = [{"value": value} for value in ("AWS", "GCP")]
            return Answer(
                200,
                {
                    "results": [
                        {"name": "engagement_url", "type": "string"},
                        {"name": "cloud_region", "type": "string", "modificationMetadata": {"readOnlyValue": True}},
                        {"name": "cloud_provider", "type": "enumeration", "options": choices},
                        {"name": "community_id", "type": "string"},
                        {"name": "name", "type": "string"},
                    ]
                },
            )
        if path.startswith("/crm/property-validations/2026-09/"):
            if self.validations is None:
                return Answer(403, {"message": "This app hasn't been granted all required scopes to make this call."})
            rules = [{"propertyName": name, "propertyValidationRules": rows} for name, rows in self.validations.items()]
            return Answer(200, {"results": rules})
        if "/tasks" in path:
            return self._tasks(method, path, body)
        if "/associations/" in path:
            return self._associations(method, path, body)
        match = re.fullmatch(r"/crm/objects/2026-09/(deals|2-4100|companies|line_items)/(\w+)", path)
        if match[1] == "line_items":
            record = None if match[2] in self.deleted_line_items else {"name": "Managed hub"}
        else:
            record = {"deals": self.deals, "2-4100": self.communities, "companies": self.companies}[match[1]].get(match[2])
        if record is None:
            return Answer(404, {"status": "error", "message": "resource not found"})
        if method == "PATCH":
            for name, value in body["properties"].items():
                record[name] = value
                self.history[match[2], name] = {
                    "value": value,
                    "timestamp": "2026-11-16T10:00:00.5Z",
                    "sourceType": "INTEGRATION",
                }
        history = self.history.get((match[2], query.get("propertiesWithHistory")))
        return Answer(
            200,
            {
                "id": record.get("id", match[2]),
                "properties": {name: record.get(name) for name in query.get("properties", "").split(",") if name},
                "propertiesWithHistory": {query["propertiesWithHistory"]: [history]} if history else {},
                "archived": bool(record.get("archived")),
                "updatedAt": "2026-11-16T10:00:00Z",
            },
        )

    def _tasks(self, method, path, body):
        if path.endswith("/labels"):
            return Answer(200, {"results": [{"category": "HUBSPOT_DEFINED", "typeId": 216, "label": None}]})
        if path.endswith("/associations/2026-09/deals/tasks/batch/read"):
            deal_id = body["inputs"][0]["id"]
            ids = [task_id for task_id, task in self.tasks.items() if task["deal_id"] == deal_id]
            to = [{"toObjectId": int(task_id), "associationTypes": []} for task_id in ids]
            return Answer(200, {"results": [{"from": {"id": deal_id}, "to": to}] if to else []})
        if path.endswith("/tasks/batch/read"):
            ids = [item["id"] for item in body["inputs"]]
            return Answer(
                200, {"results": [{"id": i, "properties": self.tasks[i]["properties"]} for i in ids if i in self.tasks]}
            )
        if method == "POST":
            [link] = body["associations"]
            assert link["types"] == [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 216}]
            task_id = str(8000 + next(self._ids))
            self.tasks[task_id] = {"deal_id": link["to"]["id"], "properties": dict(body["properties"])}
        else:
            task_id = path.rsplit("/", 1)[1]
            self.tasks[task_id]["properties"] |= body["properties"]
        return Answer(200, {"id": task_id, "properties": self.tasks[task_id]["properties"]})

    def _renewal_types(self, kind, held):
        return [kind | {"label": held}] if isinstance(held, str) else [kind] if held else []

    def _renewals(self, method, path, body):
        kind = {"category": "USER_DEFINED", "typeId": 301, "label": "Renewal of"}
        if path.endswith("/labels"):
            return Answer(200, {"results": [kind]})
        if path.endswith("/batch/read"):
            deal_id = body["inputs"][0]["id"]
            to = [
                {"toObjectId": int(old), "associationTypes": self._renewal_types(kind, is_renewal)}
                for (new, old), is_renewal in self.renewals.items()
                if new == deal_id
            ]
            return Answer(200, {"results": [{"from": {"id": deal_id}, "to": to}] if to else []})
        if method == "PUT":
            self.renewals[re.search(r"/deals/(\d+)/associations/deals/(\d+)", path).groups()] = True
            return Answer(201, {"labels": ["Renewal of"]})
        [item] = body["inputs"]
        self.renewals[item["from"]["id"], item["to"]["id"]] = False
        raise GarbageAnswer("The body is empty.")

    def _associations(self, method, path, body):
        kinds = [
            {"category": "USER_DEFINED", "typeId": 101, "label": "Buyer"},
            {"category": "USER_DEFINED", "typeId": 103, "label": "Champion"},
        ]
        unlabelled = {"category": "HUBSPOT_DEFINED", "typeId": 3, "label": None}
        if "/deals/deals/" in path or "/associations/deals/" in path:
            return self._renewals(method, path, body)
        if path.endswith("/labels"):
            return Answer(200, {"results": [unlabelled, *kinds]})
        if path.endswith("/batch/read"):
            deal_id = body["inputs"][0]["id"]
            linked = {contact: labels for (deal, contact), labels in self.links.items() if deal == deal_id}
            if not linked:
                return Answer(207, {"results": [], "errors": [{"category": "OBJECT_NOT_FOUND"}], "numErrors": 1})
            to = [
                {
                    "toObjectId": int(contact),
                    "associationTypes": [unlabelled, *(kind for kind in kinds if kind["label"] in labels)],
                }
                for contact, labels in linked.items()
            ]
            return Answer(200, {"results": [{"from": {"id": deal_id}, "to": to}]})
        ids = {kind["typeId"]: kind["label"] for kind in kinds}
        if method == "PUT":  # as the real one may: what is not named is gone
            deal_id, contact = re.search(r"/deals/(\d+)/associations/contacts/(\d+)", path).groups()
            self.links[deal_id, contact] = {ids[kind["associationTypeId"]] for kind in body}
            return Answer(201, {"labels": sorted(self.links[deal_id, contact])})
        for item in body["inputs"]:
            place = item["from"]["id"], item["to"]["id"]
            self.links[place] = self.links[place] - {ids[kind["associationTypeId"]] for kind in item["types"]}
        raise GarbageAnswer("The body is empty.")  # a 204, as the transport sees it

    def _airtable(self, method, path, query, body, token):
        if not path.startswith((f"/v0/{self.base}/", f"/v0/meta/bases/{self.base}/")):
            return Answer(403, {"error": {"type": "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"}})
        if path.endswith("/tables"):
            return Answer(200, {"tables": airtable_double.schema(self.further_fields)})
        table, _, record_id = path.removeprefix(f"/v0/{self.base}/").partition("/")
        records = {ENGAGEMENTS: self.engagements, PROJECTS: self.projects, DELIVERABLES: self.deliverables}[table]
        if method == "POST":
            record_id = f"recNew{next(self._ids):011d}"
            records[record_id] = airtable_double.kept(body["fields"])
        if not record_id:
            return Answer(200, airtable_double.listed(records, query, self.page))
        if record_id not in records:
            return Answer(404, {"error": "NOT_FOUND"})
        if method == "PATCH":
            records[record_id] = airtable_double.kept(records[record_id] | body["fields"])
        return Answer(200, {"id": record_id, "createdTime": "2026-11-16T10:00:00.000Z", "fields": records[record_id]})

    def _github(self, method, path, query, body, token):
        project = "/orgs/demo-org/projectsV2/60"
        if path == project:
            return Answer(200, {"number": 60, "id": 6000, "title": "BD requests to P&S"})
        if path == f"{project}/fields":
            options = [
                {"id": "opt1", "name": {"raw": "New", "html": "New"}},
                {"id": "opt2", "name": {"raw": "Done", "html": "Done"}},
            ]
            return Answer(
                200,
                [
                    {"id": 1, "name": "Title", "data_type": "title"},
                    {"id": 2, "name": "Status", "data_type": "single_select", "options": options},
                    {"id": 3, "name": "HubSpot deal", "data_type": "text"},
                ],
            )
        if path == "/repos/demo-org/bd-requests/issues":
            if method == "POST":
                number = len(self.issues) + 1
                issue = {"id": 9000 + number, "node_id": f"I_{number}", "number": number, "state": "open", **body}
                issue["html_url"] = f"https://github.com/demo-org/bd-requests/issues/{number}"
                self.issues.append(issue)
                return Answer(201, issue)
            return self._paged(path, self.issues, query, "page")
        if path == f"{project}/items":
            if method == "POST":
                issue = next(issue for issue in self.issues if issue["id"] == body["id"])
                known = next((item for item in self.items if item["content"]["id"] == issue["id"]), None)
                if known is None:
                    known = {"id": 7000 + len(self.items), "content_type": "Issue", "content": issue, "fields": []}
                    self.items.append(known)
                return Answer(201, known)
            wants_archived = query.get("q") == "is:archived"
            return self._paged(
                path, [item for item in self.items if bool(item.get("archived_at")) == wants_archived], query, "after"
            )
        if path.startswith("/repos/demo-org/bd-requests/issues/"):
            return self._issue(method, path.rsplit("/issues/", 1)[1], body)
        item = next((item for item in self.items if path == f"{project}/items/{item['id']}"), None)
        if item is None:
            return Answer(404, {"message": "Not Found"})
        if method == "PATCH":
            for change in body["fields"]:
                value = {"opt1": {"id": "opt1", "name": {"raw": "New"}}}.get(change["value"], change["value"])
                item["fields"] = [f for f in item["fields"] if f["id"] != change["id"]] + [{"id": change["id"], "value": value}]
        return Answer(200, item)

    def _issue(self, method, place, body):
        number, _, part = place.partition("/")
        issue = next((issue for issue in self.issues if str(issue["number"]) == number), None)
        if issue is None:
            return Answer(404, {"message": "Not Found"})
        if part == "events":
            return Answer(200, issue.get("events", []))
        if part == "comments" and method == "POST":
            issue.setdefault("said", []).append({"id": 1, "body": body["body"]})
            issue["comments"] = len(issue["said"])
            return Answer(201, issue["said"][-1])
        if part == "comments":
            return Answer(200, issue.get("said", []))
        if method == "PATCH":
            issue.update(body)
        return Answer(200, issue)

    def _paged(self, path, rows, query, cursor):
        start = int(query.get(cursor, "0" if cursor == "after" else "1"))
        begin = start if cursor == "after" else (start - 1) * self.page
        following = begin + self.page if cursor == "after" else start + 1
        headers = {}
        if begin + self.page < len(rows):
            headers["Link"] = f'<https://elsewhere.invalid{path}?{urlencode({cursor: following})}>; rel="next"'
        return Answer(200, rows[begin : begin + self.page], headers)

    @property
    def writes(self):
        return [entry for entry in self.log if entry[0] != "GET" and not entry[1].endswith("/batch/read")]


class Served:
    """The vendors on a loopback port; lost answers close the connection."""

    def __init__(self, vendors):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def log_message(self, *args):
                pass

            def _serve(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                try:
                    answer = vendors.answer(self.command, self.path, dict(self.headers), {}, body)
                except DeadlineExceeded:
                    self.close_connection = True
                    return
                content = json.dumps(answer.json()).encode()
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_PUT = _serve  # noqa: N815

        self.vendors = vendors

        class Server(ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                """A client that was killed is part of the rehearsal."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class LoopbackSender:
    """The smallest transport: one request, no retries; for the process that is killed."""

    def request(self, method, url, *, headers=None, params=None, json=None, idempotent=True, **_):
        import http.client
        import json as codec

        parts = urlsplit(url)
        path = parts.path + (f"?{urlencode(params, doseq=True)}" if params else "")
        for attempt in range(4 if idempotent else 1):
            connection = http.client.HTTPConnection(parts.netloc, timeout=10)
            try:
                connection.request(method, path, None if json is None else codec.dumps(json), headers or {})
                raw = connection.getresponse()
                content = raw.read()
                break
            except (OSError, http.client.HTTPException) as error:
                if attempt == (3 if idempotent else 0):
                    raise Unavailable(f"The connection was closed ({error}).") from error
            finally:
                connection.close()
        if raw.status >= 500:
            raise Unavailable(f"HTTP {raw.status}.")
        if raw.status >= 400:
            raise GarbageAnswer(f"HTTP {raw.status}: {content[:200]!r}")
        return Answer(raw.status, codec.loads(content), dict(raw.getheaders()))

    def close(self):
        pass


__all__ = ["BUSY", "LOST_AFTER", "LOST_BEFORE", "LoopbackSender", "Served", "Vendors"]
