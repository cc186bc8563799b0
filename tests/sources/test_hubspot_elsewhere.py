"""The HubSpot source against a server that is not the sandbox: other paging, other ways to say "nothing", its own portal."""

from __future__ import annotations

import json
import threading
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import PROJECT

from pipelines.errors import GarbageAnswer
from pipelines.rules import load_rules
from pipelines.settings import load_settings
from pipelines.sources.hubspot import hubspot_rows, open_hubspot
from pipelines.sources.landing import Landing

TOKEN = "pat-na1-somebody-elses"
OBJECTS = {
    "deals": {str(number): {"dealname": f"Deal {number}", "amount": None} for number in range(1, 8)},
    "companies": {"900": {"name": "Elsewhere"}},
    "contacts": {"700": {"firstname": "Ada", "email": "ada@elsewhere.example", "favourite_colour": "green"}},
    "2-4100": {},
    "orders": {},
    "line_items": {},
}


class Portal(BaseHTTPRequestHandler):
    """Speaks the dated API alone, in pages of three, with numbers where the sandbox has texts."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    drops = frozenset()

    def do_GET(self):
        self._route({})

    def do_POST(self):
        self._route(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _route(self, body):
        address = urlsplit(self.path)
        query = parse_qs(address.query)
        self.server.seen.append(address.path)
        parts = address.path.strip("/").split("/")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._answer(401, {"status": "error", "category": "INVALID_AUTHENTICATION", "message": "no"})
        match parts:
            case ["crm", "objects", "2026-09", word]:
                return self._answer(200, self._page(word, query))
            case ["crm", "properties", "2026-09", word]:
                names = sorted({name for record in OBJECTS[word].values() for name in record})
                return self._answer(200, {"results": [{"name": name, "label": name, "type": "string"} for name in names]})
            case ["crm", "pipelines", "2026-09", _]:
                stage = {"id": "s1", "label": "Open", "displayOrder": 0, "metadata": {"isClosed": "false", "probability": "0.5"}}
                return self._answer(200, {"results": [{"id": "p1", "label": "Only one", "displayOrder": 0, "stages": [stage]}]})
            case ["crm", "owners", "2026-09"]:
                return self._answer(200, {"results": []})
            case ["crm", "associations", "2026-09", _, _, "labels"]:
                return self._answer(200, {"results": [{"category": "HUBSPOT_DEFINED", "typeId": 5, "label": None}]})
            case ["crm", "associations", "2026-09", word, target, "batch", "read"]:
                return self._answer(*self._links(word, target, body))
        return self._answer(404, {"status": "error", "message": f"no {address.path}"})

    def _page(self, word, query):
        if query.get("archived") == ["true"]:
            return {"results": []}
        ids = sorted(OBJECTS[word], key=int)
        after = int(query.get("after", ["0"])[0])
        chosen = [item for item in ids if int(item) > after][:3]
        page = {
            "results": [
                {
                    "id": item,
                    "properties": OBJECTS[word][item],
                    "createdAt": "2026-01-01T00:00:00Z",
                    "updatedAt": "2026-01-01T00:00:00.5Z",
                    "archived": False,
                }
                for item in chosen
            ]
        }
        if self.server.loses_results:
            page.pop("results")
        if chosen and chosen[-1] != ids[-1]:
            # the link names a host that must never be called
            page["paging"] = {"next": {"after": chosen[-1], "link": "http://203.0.113.9/crm/objects/2026-09/deals"}}
        return page

    def _links(self, word, target, body):
        results, errors = [], []
        for item in body["inputs"]:
            if (word, target) == ("deals", "companies") and item["id"] == "3":
                types = [
                    {"typeId": 5, "category": "HUBSPOT_DEFINED", "label": None},
                    {"typeId": 77, "category": "USER_DEFINED", "label": "Pays"},
                ]
                results.append({"from": {"id": 3}, "to": [{"toObjectId": 900, "associationTypes": types}]})
            else:
                errors.append(
                    {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "none", "context": {"id": [item["id"]]}}
                )
        return (207 if errors else 200), {"status": "COMPLETE", "results": results, "numErrors": len(errors), "errors": errors}

    def _answer(self, status, content):
        payload = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json;charset=utf-8")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def portal():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Portal)
    server.seen, server.loses_results = [], False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def read(portal, home):
    settings = load_settings(
        handoff_home=home,
        hubspot_access_token=TOKEN,
        hubspot_base_url=f"http://127.0.0.1:{portal.server_address[1]}",
        _env_file=None,
    )
    client = open_hubspot(settings, sandbox_url=None)
    try:
        landing = Landing("hubspot", home / "landing")
        hubspot_rows(client, load_rules(PROJECT / "dbt/seeds/default"), as_of=date(2026, 11, 16), landing=landing)
        return landing
    finally:
        client.transport.close()


def test_every_record_and_label_of_another_server_is_read(portal, home):
    landing = read(portal, home)
    assert sorted(landing.values("deals", "id")) == [str(number) for number in range(1, 8)]
    assert landing.values("associations", "label") == [None, "Pays"]
    assert landing.values("associations", "to_id") == ["900", "900"]
    assert landing.values("pipeline_stages", "is_closed")[0] is False
    assert all(path.startswith("/crm/") and "/2026-09" in path for path in portal.seen)


def test_of_people_only_what_was_asked_for_is_kept_and_no_address(portal, home):
    landing = read(portal, home)
    [person] = landing.values("contacts", "properties_json")
    assert "ada@" not in person
    assert "hmac:" in person


def test_a_page_without_results_is_not_taken_for_an_empty_one(portal, home):
    portal.loses_results = True
    with pytest.raises(GarbageAnswer):
        read(portal, home)
