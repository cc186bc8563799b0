"""The tables of the double's Airtable base, and how they answer."""

from __future__ import annotations

ENGAGEMENTS, PROJECTS, DELIVERABLES = "tblEngagements000", "tblProjects000000", "tblDeliverables00"


def _field(field_id, kind="singleLineText", **options):
    return {"id": field_id, "name": field_id[6:].rstrip("0"), "type": kind} | ({"options": options} if options else {})


def _select(*names):
    return {"choices": [{"id": f"sel{name}", "name": name} for name in names]}


FIELDS = {
    ENGAGEMENTS: [
        *(_field(f"fldEng{name}") for name in ("Name0000000", "DealUrl0000", "Community00")),
        *(_field(f"fldEng{name}", "date") for name in ("Start000000", "End00000000", "Extended000")),
        _field("fldEngValue000000", "currency", precision=2),
        _field("fldEngStatus00000", "singleSelect", **_select("Requested", "In progress")),
    ],
    PROJECTS: [
        *(_field(f"fldPrj{name}") for name in ("Name0000000", "DealUrl0000")),
        _field("fldPrjStatus00000", "singleSelect", **_select("Planned", "Done")),
        _field("fldPrjEngagement0", "multipleRecordLinks", linkedTableId=ENGAGEMENTS),
    ],
    DELIVERABLES: [
        *(_field(f"fldDlv{name}") for name in ("Name0000000", "LineItem000")),
        _field("fldDlvGithub00000", "url"),
        _field("fldDlvStatus00000", "singleSelect", **_select("Planned", "Done")),
        _field("fldDlvProject0000", "multipleRecordLinks", linkedTableId=PROJECTS),
    ],
}


def schema(further_fields):
    """Return the base's tables; ``further_fields`` are put to the engagements."""
    return [
        {"id": table, "name": table, "fields": [*fields, *(further_fields if table == ENGAGEMENTS else [])]}
        for table, fields in FIELDS.items()
    ]


def kept(fields):
    """Return cells as Airtable keeps them: what is empty is absent."""
    return {name: value for name, value in fields.items() if value not in (None, "", [])}


def listed(records, query, page):
    """Return one page of a table, with the asked fields only."""
    ids = list(records)
    start = int(query.get("offset", "0"))
    wanted = query.get("fields[]") or []
    wanted = [wanted] if isinstance(wanted, str) else wanted
    rows = [
        {"id": key, "createdTime": "t", "fields": {name: cell for name, cell in records[key].items() if name in wanted}}
        for key in ids[start : start + page]
    ]
    more = {"offset": str(start + page)} if start + page < len(ids) else {}
    return {"records": rows, **more}
