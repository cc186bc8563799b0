"""Runs one source of handoff: its reading and its loading, without the models."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME = "private.duckdb"


def load(source: str, home: Path, phase: str) -> None:
    """Read a source into HOME/private.duckdb, with the settings that the environment holds. Ends the process when that fails."""
    from pipelines import clock
    from pipelines.extract import COMPLETE, SourceOutcome, land
    from pipelines.rules import load_rules
    from pipelines.settings import load_settings, prepare_dlt
    from pipelines.sources.registry import SOURCES, Errand

    work = home / "work" / phase
    work.mkdir(parents=True)
    prepare_dlt(work)
    token = os.environ["BENCH_TOKEN"]
    settings = load_settings(hubspot_access_token=token, airtable_token=token)
    building = home / FILE_NAME
    outcome = SourceOutcome(source, is_sandbox=False, attempted_at=clock.now())
    errand = Errand(settings, load_rules(settings.rules_dir), clock.now().date(), None, building, work / "landing")
    land(outcome, partial(SOURCES[source], errand), building_file=building, previous_file=None, work=work)
    if outcome.status != COMPLETE:
        raise SystemExit(f"{outcome.status}: {outcome.error}")
