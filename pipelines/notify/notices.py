"""What somebody should be told, as notices: each has a key that says once and for all what it is about, so that it is sent once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from pipelines.ledger import Row
    from pipelines.rules import Rules
    from pipelines.warehouse import Snapshot

Notification = dict[str, str]
# Of a finding's states, those in which people want to hear of it: not snoozed, not waived, not resolved
_SPOKEN_OF: Final = ("open", "acknowledged")
_WITHOUT_SNAPSHOT: Final = {"held": "run_held", "failed": "run_failed"}


@dataclass(frozen=True)
class Notice:
    """One message to one audience. ``facts`` go into the ledger with it."""

    key: str
    audience: str
    subject: str
    text: str
    community_name: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    is_sandbox: bool = False  # about the invented organisation


def written(row: Notification, key: str, values: Mapping[str, object], **more: Any) -> Notice:
    """Return the notice that a row of rule_notifications.csv describes. Raises ConfigurationError when its text asks for more than there is."""
    shown = {name: "" if value is None else value for name, value in values.items()}
    try:
        subject, text = row["subject"].format_map(shown), row["text"].format_map(shown)
    except (KeyError, ValueError, IndexError) as error:
        raise ConfigurationError(
            f"rule_notifications.csv, row {row['notification']}: its text cannot be filled in ({error}); there are {', '.join(shown)}. "
            "Correct it; nothing was sent."
        ) from error
    more.setdefault("audience", row["audience"])
    return Notice(key, subject=_one_line(subject), text=" ".join(text.split()), **more)


def day_in_words(day: date) -> str:
    """Return a day as people write it: 5 January 2027."""
    return f"{day.day} {day:%B %Y}"


def _when(days: int) -> str:
    return {0: "today", 1: "tomorrow"}.get(days, f"in {days} days")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def rows_for(rules: Rules, occasion: str) -> list[Notification]:
    """Return the rows of rule_notifications.csv for one occasion."""
    return [row for row in rules.table("rule_notifications") if row["occasion"] == occasion]


def of_runs(rules: Rules, runs: list[Row], sent: set[str]) -> Iterator[Notice]:
    """Yield that runs no longer publish, or publish again; ``runs`` are the ledger's rows, newest first, ``sent`` the keys of old notices."""
    ended = [row for row in runs if row["phase"] == "finished"]
    if not ended:
        return
    latest = ended[0]["outcome"]
    if latest in _WITHOUT_SNAPSHOT:
        streak = next((index for index, row in enumerate(ended) if row["outcome"] != latest), len(ended))
        first = ended[streak - 1]
        occasion = _WITHOUT_SNAPSHOT[latest]
        yield from _each(
            rules, occasion, f"{occasion}:{first['run_id']}", {"since": _minute(first["at"]), "error": _held(ended[0])}
        )
        return
    last_bad = next((row for row in ended if row["outcome"] in _WITHOUT_SNAPSHOT), None)
    if last_bad is None:
        return
    told = {key.split(":", 1)[1] for key in sent if key.startswith(tuple(f"{word}:" for word in _WITHOUT_SNAPSHOT.values()))}
    since = next((row["run_id"] for row in ended if row["run_id"] in told), None)
    if since is not None:
        yield from _each(rules, "run_published", f"run_published:{since}", {"since": _minute(ended[0]["at"]), "error": ""})


def _each(rules: Rules, occasion: str, key: str, values: Mapping[str, object]) -> Iterator[Notice]:
    for row in rows_for(rules, occasion):
        yield written(row, f"{row['notification']}:{key.split(':', 1)[1]}", values)


def _minute(iso: str) -> str:
    return f"{iso[:16].replace('T', ' ')} UTC"


def _held(run: Row) -> str:
    found = re.search(r'"held": "((?:[^"\\]|\\.)*)"', run["details"] or "")
    return found[1] if found else ""


def of_sources(rules: Rules, snapshot: Snapshot, sent: set[str]) -> Iterator[Notice]:
    """Yield that a source no longer loads completely, or does again after somebody was told."""
    for source in snapshot.rows("select * from marts.rpt_sources order by source"):
        name, last = source["source"], source["last_complete_at"]
        is_stale = source["status"] == "stale" or (source["status"] == "never" and source["error"])
        values = {
            "source_name": source["source_name"],
            "since": f"{last:%Y-%m-%d %H:%M} UTC" if last else "never",
            "error": source["error"] or "",
        }
        if is_stale:
            yield from _each(
                rules, "source_stale", f"source_stale:{name}:{last:%Y%m%dT%H%M%S}" if last else f"x:{name}:never", values
            )
            continue
        for row in rows_for(rules, "source_stale"):
            told = sorted(key.split(":", 1)[1] for key in sent if key.startswith(f"{row['notification']}:{name}:"))
            for since in told:
                yield from _each(rules, "source_read_again", f"x:{since}", values)


def of_agreements(rules: Rules, snapshot: Snapshot) -> Iterator[Notice]:
    """Yield that an agreement ends soon: once for each chain of agreements and milestone, and only the nearest milestone."""
    [hubspot] = snapshot.rows("select status from marts.rpt_sources where source = 'hubspot'")
    if hubspot["status"] != "complete":
        return  # whether it was renewed meanwhile is not known
    milestones = sorted(rows_for(rules, "agreement_ends"), key=lambda row: int(row["applies_from"]))
    for agreement in snapshot.rows("select * from marts.fct_renewals_due where days_to_end >= 0 order by days_to_end, deal_id"):
        row = next((row for row in milestones if agreement["days_to_end"] <= int(row["applies_from"])), None)
        if row is None:
            continue
        renewal = agreement["renewal_deal_name"]
        stage = f", in {agreement['renewal_stage_name']}" if agreement["renewal_stage_name"] else ""
        values = {
            "deal_name": agreement["deal_name"],
            "community_name": agreement["community_name"] or "an unnamed community",
            "ends_on": day_in_words(agreement["effective_end_on"]),
            "when": _when(agreement["days_to_end"]),
            "renewal": f"{renewal}{stage}" if renewal else "none",
            "record_url": agreement["record_url"],
        }
        # the last agreement of the chain is part of the key: once it is renewed, another one ends a year later
        key = f"{row['notification']}:{agreement['chain_id']}:{agreement['deal_id']}"
        yield written(row, key, values, community_name=agreement["community_name"])


def of_findings(rules: Rules, snapshot: Snapshot) -> Iterator[Notice]:
    """Yield findings of the rules that rule_notifications.csv names: once each, and again when one came back after it was resolved."""
    rows = {row["applies_from"]: row for row in rows_for(rules, "finding")}
    found = snapshot.rows(
        "select * from marts.fct_findings where status = 'open' and list_contains(?, state) and list_contains(?, rule_id) "
        "order by finding_id",
        [list(_SPOKEN_OF), sorted(rows)],
    )
    for finding in found:
        row = rows[finding["rule_id"]]
        key = f"{row['notification']}:{finding['finding_id']}:{finding['reopen_count']}"
        yield written(row, key, finding, community_name=finding["community_name"])
