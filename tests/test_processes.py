"""The same story, told by organisations that work otherwise: the process of 2026, and one that is moving from Airtable to Asana."""

from __future__ import annotations

import csv
import json
import shutil

import pytest
from conftest import PROJECT
from loop import findings, port_of, run, truth

from pipelines.profiles import table_files
from pipelines.sandbox.server import running
from pipelines.sandbox.story import asana, build_state, processes

pytestmark = pytest.mark.thorough

DEFAULT, OF_2026 = PROJECT / "dbt/seeds/default", PROJECT / "dbt/seeds/2i2c_2026"
# what is read in both stores until the engagement names a deal, which says where its truth is
WITHOUT_A_DEAL = {"RC01", "RC02"}
# names no deal, and the deal that named it names the project in Asana by now: nothing says that the two are one
COPY = "RC01:engagement-recEngHalfbridgeB"


def moved(finding_id):
    """Return the id that a finding has once its engagement and deliverable are in Asana."""
    base = build_state().airtable
    for old, new in (asana.moved_ids(base) | asana.moved_items(base)).items():
        finding_id = finding_id.replace(old, new)
    return finding_id


def told(rows):
    return {key: (row["status"], row["severity"], row["subject"]) for key, row in rows.items()}


def test_the_process_of_2026_has_the_findings_of_the_story(tmp_path):
    home = tmp_path / "home"
    result = run(home, "sync", RULES_DIR=str(OF_2026))
    assert result.returncode == 0, result.stderr
    assert told(findings(home)) == {moved(key): value for key, value in told(truth()).items()}
    evidence = [row for finding in findings(home).values() for row in json.loads(finding["evidence"])]
    assert {row["source"] for row in evidence} == {"hubspot", "asana", "github", "aws", "files"}


@pytest.fixture
def moving(tmp_path):
    """Return rule tables of the default profile in which the engagements of new business are in Asana since 1 November."""
    folder = tmp_path / "moving"
    folder.mkdir()
    for path in table_files(DEFAULT):
        shutil.copyfile(path, folder / path.name)
    for name in ("rule_sources", "rule_engagement_statuses", "rule_deliverable_statuses", "map_fields"):
        kept = (folder / f"{name}.csv").read_text(encoding="utf-8").splitlines()
        added = (OF_2026 / f"{name}.csv").read_text(encoding="utf-8").splitlines()
        lines = [*kept, *(line for line in added if line.startswith("asana,"))]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with (folder / "rule_engagement_stores.csv").open("a", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerow(["asana", "default", "2026-11-01", "Moved in November"])
    # which engagements belong together is told of the new ones as well
    with (folder / "map_relation_overrides.csv").open("a", encoding="utf-8") as file:
        file.writelines((OF_2026 / "map_relation_overrides.csv").read_text(encoding="utf-8").splitlines(keepends=True)[1:])
    return folder


def test_while_an_organisation_moves_each_deal_is_there_once(tmp_path, moving):
    home = tmp_path / "home"
    state = build_state(
        processes.Process(processes.DEFAULT.pipelines, processes.DEFAULT.community_object, frozenset({"default"}))
    )
    with running(state, port=0) as sandbox:
        result = run(home, "sync", RULES_DIR=str(moving), SANDBOX_PORT=port_of(sandbox))
    assert result.returncode == 0, result.stderr
    found, expected = told(findings(home)), told(truth())
    for key, value in expected.items():
        # an engagement that names no deal is not known to have moved, so both stores' copies are there
        ways = {key, moved(key)}
        present = ways & set(found)
        assert len(present) == (len(ways) if key[:4] in WITHOUT_A_DEAL else 1), (key, present)
        assert {found[way] for way in present} == {value}, key
    assert set(found) - {COPY} <= {way for key in expected for way in (key, moved(key))}
