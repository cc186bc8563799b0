"""Proposes a profile of an organisation's own: what its pipelines, stages, fields and labels mean, with the reason for each.

What is meant is told by the vendor's own id, by the label that the shipped profile knows, or by another name of
``map_likely_names.csv``; a stage that closes a deal also by what the portal says of it. Where two could be meant, or none, nothing is
proposed: it is listed with the line that a person may add.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pipelines.likeness import SURE, Match, Thing, Wanted, matched, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipelines.access.definitions import Base, Portal
    from pipelines.rules import Rules

Row = dict[str, str]
Json = dict[str, Any]
# the one id that every portal's first pipeline has
_FIRST_PIPELINE: Final = "default"
_WON: Final = 1.0


@dataclass(frozen=True)
class Proposal:
    """One thing that was found. ``subject`` is what we were looking for, ``meaning`` what it is at the vendor."""

    part: str
    subject: str
    meaning: str
    confidence: str
    reason: str


@dataclass(frozen=True)
class Unknown:
    """One thing that nobody can tell, with what to do about it."""

    part: str
    subject: str
    reason: str
    next_step: str


@dataclass
class Draft:
    """The rows of the tables in which the profile differs, and how each was found."""

    tables: dict[str, list[Row]] = field(default_factory=dict)
    proposals: list[Proposal] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)

    def take(self, part: str, matches: Iterable[Match]) -> dict[str, Thing]:
        """Keep each match as a proposal; return the things by what was wanted. What was not found is for the caller to say."""
        found = {}
        for match in matches:
            if match.thing is not None:
                found[match.wanted.field] = match.thing
                meaning = f"{match.thing.label} ({match.thing.key})" if match.thing.label != match.thing.key else match.thing.key
                self.proposals.append(Proposal(part, match.wanted.field, meaning, match.confidence, match.reason))
        return found


def propose_organisation(draft: Draft, rules: Rules, portal: Portal) -> None:
    """Propose what the portal says of itself, and list what it cannot know."""
    said = {
        "hubspot_portal_id": str(portal.account.get("portalId") or ""),
        "hubspot_app_host": str(portal.account.get("uiDomain") or ""),
        "currency": str(portal.account.get("companyCurrency") or ""),
    }
    rows = [dict(row) for row in rules.table("rule_organisation")]
    for row in rows:
        if said.get(row["key"]):
            row["value"] = said[row["key"]]
            draft.proposals.append(Proposal("Organisation", row["key"], row["value"], SURE, "HubSpot says so of the portal"))
    draft.tables["rule_organisation"] = rows
    zone = portal.account.get("timeZone") or "none"
    for key, about in (
        ("name", "no vendor says it"),
        (
            "timezone",
            f"HubSpot says {zone} of the portal, which need not be the organisation's; it stands at {rules.organisation['timezone']}",
        ),
        ("handoff_epoch", f"deals before it are history; it stands at {rules.organisation['handoff_epoch']}"),
    ):
        draft.unknown.append(Unknown("Organisation", key, about, f"set the row {key} of rule_organisation.csv"))
    for team in rules.table("map_teams_to_owners"):
        owners = f"; active owners are {', '.join(portal.owners)}" if portal.owners else ""
        draft.unknown.append(
            Unknown(
                "Owners",
                team["owner_team"],
                f"who answers when a record has no owner, no vendor says{owners}",
                f"set fallback_owner of {team['owner_team']} in map_teams_to_owners.csv; it stands at {team['fallback_owner']!r}",
            )
        )


def propose_pipelines(draft: Draft, rules: Rules, portal: Portal) -> None:
    """Propose which pipeline and which stage is which."""
    shipped = rules.table("rule_pipelines")
    things = [Thing(str(item["id"]), str(item.get("label") or "")) for item in portal.pipelines]
    wanted = [
        Wanted(
            row["pipeline_id"],
            _pipeline_key(row, things),
            (row.get("pipeline_name") or row["pipeline_id"], *_names(rules, "pipeline", row["pipeline_kind"])),
        )
        for row in shipped
    ]
    matches = matched(wanted, things)
    found = draft.take("Pipelines", matches)
    rows, stages = [], []
    for row, match in zip(shipped, matches, strict=True):
        thing = found.get(row["pipeline_id"])
        if thing is None:
            draft.unknown.append(
                _unknown(
                    match,
                    "Pipelines",
                    f"the pipeline for {row.get('pipeline_name') or row['pipeline_id']}",
                    "rule_pipelines.csv, and its stages in rule_stages.csv",
                )
            )
            continue
        rows.append(row | {"pipeline_id": thing.key, "pipeline_name": thing.label or row.get("pipeline_name", "")})
        pipeline = next(item for item in portal.pipelines if str(item["id"]) == thing.key)
        stages += _stages(draft, rules, row["pipeline_id"], pipeline)
    draft.tables |= {"rule_pipelines": rows, "rule_stages": stages}
    draft.tables["rule_engagement_stores"] = [
        row | {"pipeline_id": found[row["pipeline_id"]].key}
        for row in rules.table("rule_engagement_stores")
        if row["pipeline_id"] in found
    ]
    for thing in things:
        if thing not in found.values():
            step = "add it to rule_pipelines.csv and rule_stages.csv; until then no rule judges its deals"
            draft.unknown.append(
                Unknown(
                    "Pipelines",
                    f"{thing.label} ({thing.key})",
                    "the portal has it and the shipped profile has nothing like it",
                    step,
                )
            )


def _pipeline_key(row: Row, things: Sequence[Thing]) -> str:
    """Return the id by which a pipeline is known; of others than the first an id alone says nothing: it is chance."""
    same = next((thing for thing in things if thing.key == row["pipeline_id"]), None)
    is_telling = same is not None and (same.key == _FIRST_PIPELINE or plain(same.label) == plain(row.get("pipeline_name", "")))
    return row["pipeline_id"] if is_telling else ""


def _stages(draft: Draft, rules: Rules, pipeline_id: str, pipeline: Json) -> list[Row]:
    part = f"Stages of {pipeline.get('label') or pipeline['id']}"
    shipped = [row for row in rules.table("rule_stages") if row["pipeline_id"] == pipeline_id]
    offered = [stage for stage in pipeline.get("stages") or [] if not stage.get("archived")]
    things = {str(stage["id"]): Thing(str(stage["id"]), str(stage.get("label") or "")) for stage in offered}
    closing = {
        "is_closed_won": [things[str(stage["id"])] for stage in offered if _is_closed(stage) and _chance(stage) == _WON],
        "is_closed_lost": [things[str(stage["id"])] for stage in offered if _is_closed(stage) and _chance(stage) != _WON],
    }
    rows, matches, closed = [], [], [thing for found in closing.values() for thing in found]
    for flag, candidates in closing.items():
        for row in (item for item in shipped if item[flag] == "true"):
            wanted = Wanted(row["stage_key"], "", (_words(row["stage_key"]),))
            if len(candidates) == 1:
                reason = f"HubSpot says that it closes a deal as {'won' if flag == 'is_closed_won' else 'lost'}"
                matches.append((row, Match(wanted, candidates[0], SURE, reason)))
            else:
                matches.append((row, next(iter(matched([wanted], candidates)))))
    is_open = [row for row in shipped if "true" not in {row["is_closed_won"], row["is_closed_lost"]}]
    wanted_stages = [
        Wanted(row["stage_key"], "", (_words(row["stage_key"]), *_names(rules, "stage", row["stage_key"]))) for row in is_open
    ]
    matches += zip(is_open, matched(wanted_stages, [thing for thing in things.values() if thing not in closed]), strict=True)
    found = draft.take(part, [match for _, match in matches])
    for row, match in matches:
        if match.thing is None:
            draft.unknown.append(_unknown(match, part, f"the stage {row['stage_key']}", "rule_stages.csv"))
        else:
            rows.append(row | {"pipeline_id": str(pipeline["id"]), "stage_id": match.thing.key})
    for thing in things.values():
        if thing not in found.values():
            step = f"add a row with stage_id {thing.key} to rule_stages.csv; until then no rule judges deals in it"
            draft.unknown.append(Unknown(part, f"{thing.label} ({thing.key})", "what it means is not known", step))
    return sorted(rows, key=lambda row: [item["stage_key"] for item in shipped].index(row["stage_key"]))


def propose_fields(draft: Draft, rules: Rules, portal: Portal | None, base: Base | None, others: dict[str, list[Thing]]) -> None:
    """Propose which property or field is which; of a vendor that could not be read the shipped rows stay."""
    rows = []
    shipped = rules.table("map_fields")
    places = list(dict.fromkeys((row["system"], row["object"]) for row in shipped))
    for system, record in places:
        of_place = [row for row in shipped if (row["system"], row["object"]) == (system, record)]
        table = ""
        if system == "airtable" and base is not None:
            table = _table(draft, rules, record, base)
            if not table:
                continue
        if system == "hubspot":
            things = portal.properties.get(record) if portal is not None else None
        elif system == "airtable":
            things = base.fields[table] if base is not None else None
        else:
            things = others.get(system)
        if things is None:
            rows += of_place
            continue
        wanted = [
            Wanted(
                row["canonical_field"],
                row["vendor_field"],
                (row.get("vendor_label") or row["vendor_field"], *_names(rules, record, row["canonical_field"])),
            )
            for row in of_place
            if not (system == "airtable" and row["canonical_field"] == "table_id")
        ]
        part = f"{system}: {record}"
        matches = {match.wanted.field: match for match in matched(wanted, things)}
        found = draft.take(part, matches.values())
        for row in of_place:
            name = row["canonical_field"]
            if name not in matches:  # the table itself
                rows.append(row | {"vendor_field": table})
            elif name in found:
                is_shipped = found[name].key == row["vendor_field"]
                rows.append(row if is_shipped else row | {"vendor_field": found[name].key, "vendor_label": found[name].label})
            else:
                label = row.get("vendor_label") or name
                draft.unknown.append(
                    _unknown(matches[name], part, f"{name} ({label})", "map_fields.csv", f"{system},{record},{name},")
                )
    draft.tables["map_fields"] = rows


def propose_labels(draft: Draft, rules: Rules, portal: Portal) -> None:
    """Propose by which label of a link a person's role is known."""
    shipped = rules.table("rule_contact_roles")
    matches = matched(
        [Wanted(row["role_key"], row["label"], (row["label"], row["role_name"])) for row in shipped], portal.contact_labels
    )
    found = draft.take("Labels of people on deals", matches)
    for row, match in zip(shipped, matches, strict=True):
        if match.thing is None:
            draft.unknown.append(
                _unknown(
                    match,
                    "Labels of people on deals",
                    f"the role {row['role_name']} ({row['label']})",
                    "rule_contact_roles.csv (label)",
                )
            )
    draft.tables["rule_contact_roles"] = [
        row | ({"label": found[row["role_key"]].key} if row["role_key"] in found else {}) for row in shipped
    ]


def note_statuses(draft: Draft, rules: Rules, base: Base) -> None:
    """List the options of the engagement's status that no row says anything of."""
    status = next(
        (
            row["vendor_field"]
            for row in draft.tables["map_fields"]
            if (row["system"], row["object"], row["canonical_field"]) == ("airtable", "engagements", "status")
        ),
        "",
    )
    known = {row["status"] for row in rules.table("rule_engagement_statuses") if row["store"] == "airtable"}
    for option in base.options.get(status, []):
        if option not in known:
            step = f"add the row airtable,{option},... to rule_engagement_statuses.csv"
            draft.unknown.append(Unknown("airtable: engagements", f"the status {option}", "what it means is not known", step))


def _table(draft: Draft, rules: Rules, record: str, base: Base) -> str:
    """Return the id of the table of ``record``; empty where nobody can tell, which is then listed."""
    row = next(
        item
        for item in rules.table("map_fields")
        if (item["system"], item["object"], item["canonical_field"]) == ("airtable", record, "table_id")
    )
    wanted = Wanted("table_id", row["vendor_field"], (row.get("vendor_label") or record, *_names(rules, record, "table_id")))
    [match] = matched([wanted], base.tables)
    part = f"airtable: {record}"
    found = draft.take(part, [match])
    if not found:
        unknown = _unknown(match, part, f"the table of {record}", "map_fields.csv", f"airtable,{record},table_id,")
        draft.unknown.append(unknown)
        return ""
    return found["table_id"].key


def _unknown(match: Match, part: str, subject: str, table: str, line: str = "") -> Unknown:
    perhaps = ", ".join(f"{thing.label} ({thing.key})" if thing.label != thing.key else thing.key for thing in match.hints)
    reason = f"{match.reason}; perhaps {perhaps}" if perhaps else match.reason
    if line and match.hints:
        step = f"if it is the first of them, add `{line}{match.hints[0].key},{match.hints[0].label}` to {table}"
    else:
        step = f"say in {table} what it is" + (f" (`{line}...`)" if line else "") + ", or leave it out"
    return Unknown(part, subject, reason, step)


def _names(rules: Rules, what: str, meaning: str) -> tuple[str, ...]:
    return tuple(
        row["also_called"] for row in rules.table("map_likely_names") if (row["what"], row["stands_for"]) == (what, meaning)
    )


def _words(key: str) -> str:
    return key.replace("_", " ")


def _is_closed(stage: Json) -> bool:
    return str((stage.get("metadata") or {}).get("isClosed", "")).lower() == "true"


def _chance(stage: Json) -> float:
    try:
        return float((stage.get("metadata") or {}).get("probability") or 0)
    except ValueError:
        return 0.0
