"""What a simulated year must have held, judged from what it left: its log of days, the messages that arrived, and the home."""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import date

from year import Trouble, measured, run_at
from year_world import LAST, expected, told

from pipelines import warehouse
from pipelines.ledger import Ledger
from pipelines.retention import DAYS_KEPT, MONTHS_KEPT, VERSIONS_KEPT

_WON = {"1006", "2005", "3002"}
# which of them were renewed within the year, and when that was signed: nobody is told of their end after it
_RENEWED = {"1045": date(2026, 6, 8), "10452": date(2025, 12, 15)}
_MILESTONES = (2, 14, 60)
# what a finding keeps of its past, and when its sources were read: a home that has no past cannot have the same
_OF_ITS_PAST = {"state_since_at", "first_seen_at", "last_seen_at", "resolved_at", "reopen_count", "evidence"}
# everything that may lie in a home, and how many bytes of it each run may add for good
_GROWS = {"ledger.sqlite": 16_000}
_STAYS = {
    *("plan.key", "email_hash.key", "warehouse/.lock", "warehouse/building", "warehouse/versions", "work/dbt_target"),
    *("work/dbt_logs", "warehouse/held_shrink.json", "snapshots", "newest snapshot"),
}
_LOG_BYTES = 70_000_000  # dbt begins a new file after 10 MB and keeps five


def finding_rows(home):
    """Return the findings of the published snapshot without what depends on the past, by id."""
    snapshot = warehouse.open_current(home)
    try:
        rows = snapshot.rows("select * from marts.fct_findings")
    finally:
        snapshot.close()
    return {row["finding_id"]: {key: value for key, value in row.items() if key not in _OF_ITS_PAST} for row in rows}


def sync_once(home, state):
    """Sync a new home once on the day of ``state``, in a child."""
    home.parent.mkdir(exist_ok=True)
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = run_at(home, state, ["sync", "--brief"], Trouble())
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def check_findings(home, fresh):
    """The findings are those of a home without a past."""
    found, once = finding_rows(home), finding_rows(fresh)
    assert set(found) == set(once)
    assert found == once, [(key, found[key], once.get(key)) for key in found if found[key] != once.get(key)][:2]
    return found


def check_truth(found):
    """The findings are those of the story, which is told to its end on the last day."""
    truth = expected()
    assert set(found) == set(truth)
    for finding_id, row in truth.items():
        for column in ("rule_id", "status", "severity", "subject"):
            assert found[finding_id][column] == row[column], (finding_id, column)


def check_days(days):
    """A day on which nothing goes wrong ends with 0; what goes wrong costs that day, and nobody had to do anything."""
    assert days[0].trouble.kind == days[-1].trouble.kind == "none"
    bad = [(day.day, day.codes) for day in days if day.trouble.kind == "none" and day.codes[0] != 0]
    assert not bad
    for day in days:
        if day.trouble.kind in {"down", "storm", "revoked"}:
            assert day.codes[0] in {2, 3}, (day.day, day.trouble, day.codes)
        assert all(code in {0, 1, 2, 3, 4, -9} for code in day.codes), (day.day, day.trouble, day.codes)
    return Counter(day.trouble.kind for day in days if day.trouble.kind != "none")


def check_messages(folder, days):
    """Every notice arrived once; each end of an agreement was told at each milestone that a run could see."""
    messages = [json.loads(line) for line in (folder / "messages.jsonl").read_text().splitlines()]
    received = Counter(message["key"] for message in messages if not message["path"].startswith("/beat"))
    assert set(received.values()) == {1}, [key for key, count in received.items() if count > 1]
    with Ledger.open(folder / "home") as ledger:
        rows = {row["subject"]: row for row in reversed(ledger.event_rows(kind="notice"))}  # the last of each
        assert ledger.verify().problem is None
    phases = {key: json.loads(row["details"])["phase"] for key, row in rows.items()}
    unknown = {key for key, phase in phases.items() if phase == "intent"}
    sent = {key for key, phase in phases.items() if phase == "sent"}
    waiting = [row["at"][:10] for key, row in rows.items() if phases[key] == "failed"]
    deaf = {day.day for day in days if day.trouble.kind == "deaf"}
    assert set(waiting) <= deaf, "what nobody took was tried again while it was due"
    assert sent <= set(received) <= sent | unknown
    killed = [day for day in days if day.codes[0] < 0]
    assert len(unknown) <= len(killed), "only a run that dies while it sends leaves a doubt"
    ends = {
        ":".join((key.split(":")[0], key.split("@")[0].split(":")[2])) for key in received if key.startswith("agreement_ends_")
    }
    sure, possible = _ends(days, of_killed=False), _ends(days, of_killed=True)
    assert sure - {key for key in sure if unknown} <= ends <= possible, (sure - ends, ends - possible)
    beats = Counter(message["path"] for message in messages if message["path"].startswith("/beat"))
    ended = sum(count for path, count in beats.items() if path != "/beat/start")
    assert ended == sum(day.codes[0] >= 0 for day in days)
    return len(received), len(unknown)


def _ends(days, *, of_killed):
    """Return the milestones that somebody had to be told of, from the records themselves."""
    agreements = [
        (record.id, date.fromisoformat(end), record.properties["closedate"][:10])
        for record in told().hubspot.objects["deals"].values()
        if record.properties["dealstage"] in _WON
        and (end := record.properties.get("amended_end_date") or record.properties.get("contract_end_date"))
    ]
    found = set()
    for day in days:
        is_sure = day.codes[0] == 0 or (day.codes[0] in {2, 3} and day.trouble.vendor != "hubspot")
        if day.trouble.kind == "deaf" or (day.trouble.kind == "full disk" and day.codes[0] != 0):
            is_sure = False  # it is told later, and then perhaps of the next milestone
        if not is_sure and not of_killed:
            continue
        today = date.fromisoformat(day.day)
        for deal_id, end, signed in agreements:
            left = (end - today).days
            is_over = deal_id in _RENEWED and _RENEWED[deal_id] <= today
            milestone = next((days for days in _MILESTONES if 0 <= left <= days), None)
            if milestone is not None and signed <= day.day and not is_over:
                found.add(f"agreement_ends_{milestone}:{deal_id}")
    return found


def check_growth(days, fresh_sizes, fresh_files):
    """No file grows without bound: what grows is named with how much a run may add, all else is as in a home of one run."""
    last = days[-1]
    unknown = set(last.sizes) - set(_GROWS) - _STAYS
    assert not unknown, f"nobody said why this is there: {unknown}"
    assert last.sizes["snapshots"] <= VERSIONS_KEPT + DAYS_KEPT + MONTHS_KEPT
    assert last.files <= fresh_files + 5
    for part, per_run in _GROWS.items():
        assert last.sizes[part] <= fresh_sizes[part] + per_run * len(days), part
    # a file keeps the space of one build for the next; what was resolved is kept
    assert last.sizes["newest snapshot"] <= 3 * fresh_sizes["newest snapshot"]
    assert last.sizes["warehouse/versions"] <= last.sizes["snapshots"] * 3 * fresh_sizes["newest snapshot"]
    assert last.sizes["work/dbt_target"] <= 1.2 * fresh_sizes["work/dbt_target"]
    assert last.sizes["work/dbt_logs"] <= _LOG_BYTES
    return last.sizes


def judged(schedule):
    """Judge a year, or as much of it as was run, and return its figure, one line. Raises AssertionError. Its last day must be a good one."""
    folder, home, days = schedule.folder, schedule.home, schedule.past
    newest = date.fromisoformat(days[-1].day)
    fresh = folder / f"fresh-{newest}/home"
    if not fresh.exists():
        sync_once(fresh, schedule.year.on(newest))
    troubles = check_days(days)
    findings = check_findings(home, fresh)
    of_the_story = ""
    if newest == LAST:
        check_truth(findings)
        of_the_story = "those of the story and "
    sent, unknown = check_messages(folder, days)
    sizes = check_growth(days, *measured(fresh))
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(troubles.items()))
    return (
        f"{len(days)} runs from {days[0].day} to {newest} ({kinds}): {len(findings)} findings, {of_the_story}those of a new home; "
        f"{sent} notices once each, {unknown} in doubt; snapshot {sizes['newest snapshot'] / 1e6:.0f} MB, {sizes['snapshots']} kept, "
        f"ledger {sizes['ledger.sqlite'] / len(days) / 1e3:.1f} KB a run"
    )
