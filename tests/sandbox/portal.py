"""What the tests of HubSpot's sandbox share: its paths, and how its lists, searches and links are asked for."""

from __future__ import annotations

import json
import re

DEALS = "/crm/objects/2026-09/deals"
LINKS = "/crm/associations/2026-09"
NOW = {"startedAt", "completedAt", "correlationId"}


def records(sandbox, kind):
    return sandbox.state.hubspot.objects[kind]


def walk(client, path, **params):
    """Return every record of a list, and how many pages it took."""
    found, pages, after = [], 0, None
    while True:
        answer = client.get(path, params=params | ({"after": after} if after else {})).json()
        found += answer["results"]
        pages += 1
        after = answer.get("paging", {}).get("next", {}).get("after")
        if after is None:
            return found, pages


def search(client, *filters, kind="deals", **more):
    groups = [{"filters": [dict(zip(("propertyName", "operator", "value", "highValue"), f, strict=False)) for f in filters]}]
    answer = client.post(f"/crm/objects/2026-09/{kind}/search", json={"filterGroups": groups, "limit": 200} | more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(answer):
    return [record["id"] for record in answer["results"]]


def fixed(answer):
    """Return a body without what differs between two answers to the same question: times, and its own address."""
    return json.loads(re.sub(r"http://127[^\"]*", "LINK", json.dumps({k: v for k, v in answer.json().items() if k not in NOW})))


def link(type_id, category="HUBSPOT_DEFINED"):
    return {"associationCategory": category, "associationTypeId": type_id}


def linked(client, start, record_id, to):
    answer = client.post(f"{LINKS}/{start}/{to}/batch/read", json={"inputs": [{"id": record_id}]}).json()
    return {
        item["toObjectId"]: {(kind["typeId"], kind["label"]) for kind in item["associationTypes"]}
        for result in answer["results"]
        for item in result["to"]
    }
