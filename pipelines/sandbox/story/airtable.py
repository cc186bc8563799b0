"""The invented Airtable base: engagements, their projects and the deliverables of those."""

from __future__ import annotations

from typing import Any, Final

from pipelines.sandbox.state import AirtableState, Json

BASE_ID: Final = "appHandoffDemo000"
ENGAGEMENTS: Final = "tblEngagements000"
PROJECTS: Final = "tblProjects000000"
DELIVERABLES: Final = "tblDeliverables00"

_DATE: Final[Json] = {"dateFormat": {"name": "iso", "format": "YYYY-MM-DD"}}


def record_id(kind: str, word: str) -> str:
    """Return a record id that tells its story, such as ``recEngFernhollow0``. Raises ValueError when it does not fit."""
    told = f"{kind}{word}"
    if len(told) > 14 or not told.isalnum():
        raise ValueError(f"{told!r} does not fit an Airtable record id; use at most 14 letters and digits.")
    return f"rec{told.ljust(14, '0')}"


def engagement_url(engagement_id: str) -> str:
    """Return the address at which people open the engagement in Airtable."""
    return f"https://airtable.com/{BASE_ID}/{ENGAGEMENTS}/{engagement_id}"


def _field(field_id: str, name: str, kind: str = "singleLineText", options: Json | None = None) -> Json:
    return {"id": field_id, "name": name, "type": kind} | ({"options": options} if options else {})


def _select(table: str, *names: str) -> Json:
    colours = ("blueLight2", "cyanLight2", "tealLight2", "greenLight2", "yellowLight2", "redLight2")
    return {
        "choices": [
            {"id": f"sel{table}{''.join(filter(str.isalnum, name))}"[:17].ljust(17, "0"), "name": name, "color": colour}
            for name, colour in zip(names, colours, strict=False)
        ]
    }


def _link(table_id: str, inverse: str, *, single: bool) -> Json:
    return {
        "linkedTableId": table_id, "isReversed": False, "prefersSingleRecordLink": single, "inverseLinkFieldId": inverse
    }  # fmt: skip


def _tables() -> list[Json]:
    listed = (
        (
            ENGAGEMENTS,
            "Engagements",
            [
                _field("fldEngName0000000", "Name"),
                _field("fldEngStatus00000", "Status", "singleSelect",
                       _select("Eng", "Requested", "Planned", "In progress", "On hold", "Complete", "Cancelled")),
                _field("fldEngDealUrl0000", "HubSpot deal", "url"),
                _field("fldEngCommunity00", "Community"),
                _field("fldEngStart000000", "Start date", "date", _DATE),
                _field("fldEngEnd00000000", "End date", "date", _DATE),
                _field("fldEngOwner000000", "Delivery owner"),
                _field("fldEngBudget00000", "Monthly cloud budget (USD)", "currency", {"precision": 2, "symbol": "$"}),
                _field("fldEngCloud000000", "Cloud provider", "singleSelect", _select("Cld", "AWS", "GCP", "Azure", "OVH")),
                _field("fldEngRegion00000", "Cloud region"),
                _field("fldEngNotice00000", "Expiry notice sent", "date", _DATE),
                _field("fldEngRag00000000", "RAG", "singleSelect", _select("Rag", "Green", "Amber", "Red")),
                _field("fldEngExtended000", "Extended until", "date", _DATE),
                _field("fldEngDecommiss00", "Decommissioned on", "date", _DATE),
                _field("fldEngOffboard000", "Off-boarding task", "url"),
                _field("fldEngUpdated0000", "Last status update", "date", _DATE),
                _field("fldEngAction00000", "Action"),
                _field("fldEngAdmin000000", "Admin access given", "date", _DATE),
                _field("fldEngConfirmed00", "Confirmed by the community", "date", _DATE),
                _field("fldEngConfirmBy00", "Confirmed by"),
                _field("fldEngNotified000", "BD notified", "date", _DATE),
                _field("fldEngValue000000", "Contract value", "currency", {"precision": 2, "symbol": "$"}),
                _field("fldEngProjects000", "Projects", "multipleRecordLinks",
                       _link(PROJECTS, "fldPrjEngagement0", single=False)),
            ],
        ),
        (
            PROJECTS,
            "Projects",
            [
                _field("fldPrjName0000000", "Name"),
                _field("fldPrjEngagement0", "Engagement", "multipleRecordLinks",
                       _link(ENGAGEMENTS, "fldEngProjects000", single=True)),
                _field("fldPrjStatus00000", "Status", "singleSelect", _select("Prj", "Planned", "In progress", "Done")),
                _field("fldPrjDealUrl0000", "HubSpot deal", "url"),
                _field("fldPrjDeliverable", "Deliverables", "multipleRecordLinks",
                       _link(DELIVERABLES, "fldDlvProject0000", single=False)),
            ],
        ),
        (
            DELIVERABLES,
            "Deliverables",
            [
                _field("fldDlvName0000000", "Name"),
                _field("fldDlvProject0000", "Project", "multipleRecordLinks",
                       _link(PROJECTS, "fldPrjDeliverable", single=True)),
                _field("fldDlvGithub00000", "GitHub issue", "url"),
                _field("fldDlvStatus00000", "Status", "singleSelect", _select("Dlv", "Planned", "In progress", "Done")),
                _field("fldDlvDue00000000", "Due date", "date", _DATE),
                _field("fldDlvEstimate000", "Estimate (hours)", "number", {"precision": 1}),
                _field("fldDlvSpent000000", "Hours spent", "number", {"precision": 1}),
                _field("fldDlvLineItem000", "HubSpot line item", "url"),
            ],
        ),
    )  # fmt: skip
    return [
        {
            "id": table_id,
            "name": name,
            "primaryFieldId": fields[0]["id"],
            "fields": fields,
            "views": [{"id": f"viw{table_id[3:]}", "name": "Grid view", "type": "grid"}],
        }
        for table_id, name, fields in listed
    ]


class Base:
    """Collects the rows of the story; links point both ways, and empty fields are absent, as Airtable sends them."""

    def __init__(self) -> None:
        """Start with empty tables."""
        self._records: dict[str, dict[str, Json]] = {ENGAGEMENTS: {}, PROJECTS: {}, DELIVERABLES: {}}

    def _add(self, table: str, row_id: str, created_at: str, fields: dict[str, Any]) -> str:
        if row_id in self._records[table]:
            raise ValueError(f"The story has two rows {row_id} in {table}; give one of them another word.")
        kept = {field: value for field, value in fields.items() if value is not None}
        self._records[table][row_id] = {"id": row_id, "createdTime": created_at, "fields": kept}
        return row_id

    def engagement(self, word: str, created_at: str, fields: dict[str, Any]) -> str:
        """Add an engagement and return its id."""
        return self._add(ENGAGEMENTS, record_id("Eng", word), created_at, fields)

    def project(self, word: str, created_at: str, name: str, engagement_id: str, *, status: str) -> str:
        """Add a project of an engagement and return its id."""
        project_id = self._add(
            PROJECTS,
            record_id("Prj", word),
            created_at,
            {"fldPrjName0000000": name, "fldPrjEngagement0": [engagement_id], "fldPrjStatus00000": status},
        )
        self._records[ENGAGEMENTS][engagement_id]["fields"].setdefault("fldEngProjects000", []).append(project_id)
        return project_id

    def deliverable(
        self,
        word: str,
        created_at: str,
        name: str,
        project_id: str,
        *,
        github_url: str | None,
        status: str,
        due_on: str | None = None,
        hours: tuple[float, float] | None = None,
    ) -> str:
        """Add a deliverable of a project and return its id."""
        deliverable_id = self._add(
            DELIVERABLES,
            record_id("Dlv", word),
            created_at,
            {
                "fldDlvName0000000": name,
                "fldDlvProject0000": [project_id],
                "fldDlvGithub00000": github_url,
                "fldDlvStatus00000": status,
                "fldDlvDue00000000": due_on,
                "fldDlvEstimate000": hours[0] if hours else None,
                "fldDlvSpent000000": hours[1] if hours else None,
            },
        )
        self._records[PROJECTS][project_id]["fields"].setdefault("fldPrjDeliverable", []).append(deliverable_id)
        return deliverable_id

    def state(self) -> AirtableState:
        """Return the base as the sandbox serves it."""
        return AirtableState(
            base_id=BASE_ID,
            tables=_tables(),
            records={table: list(rows.values()) for table, rows in self._records.items()},
        )
