"""A private copy that files are imported into again and again, without the rest of a run."""

from __future__ import annotations

from datetime import UTC, date, datetime

import duckdb
from conftest import PROJECT

from pipelines.extract import COMPLETE, SourceOutcome, land
from pipelines.rules import load_rules
from pipelines.settings import load_settings, prepare_dlt
from pipelines.sources.files_exports import open_cost_exports
from pipelines.sources.registry import Errand, open_import


class Warehouse:
    """A private copy that is imported into again and again, as ``handoff import costs`` does it."""

    def __init__(self, folder):
        self.folder, self.count, self.building = folder, 0, folder / "wh.duckdb"
        self.rules = load_rules(PROJECT / "dbt/seeds/default")

    def load(self, address, **settings):
        chosen = load_settings(handoff_home=self.folder, _env_file=None, **settings)
        return self.land(open_cost_exports(str(address), chosen, self.rules), chosen)

    def land(self, costs, settings=None):
        """Import; keep how it went and return what was imported."""
        self.count += 1
        work = self.folder / f"run-{self.count}"
        prepare_dlt(work)
        settings = settings or load_settings(handoff_home=self.folder, _env_file=None)
        errand = Errand(settings, self.rules, date(2026, 11, 16), None, self.building, work / "landing")
        previous = None
        if self.building.exists():
            previous = self.folder / f"published-{self.count}.duckdb"
            previous.write_bytes(self.building.read_bytes())
        self.outcome = SourceOutcome("files", False, datetime.now(UTC), last_complete_at=previous and datetime.now(UTC))
        land(self.outcome, lambda: open_import(costs, errand), building_file=self.building, previous_file=previous, work=work)
        left = [path for path in (work / "landing" / "fetched").rglob("*") if path.is_file()]
        assert not left or self.outcome.status != COMPLETE, "what was fetched stays on disk"
        return costs

    def rows(self, sql):
        with duckdb.connect(str(self.building)) as connection:
            return connection.execute(sql).fetchall()

    def costs(self):
        """Return what each period cost."""
        period = "regexp_extract(file_name, 'BILLING_PERIOD=([0-9-]+)', 1)"
        sql = f"""
            select period, sum(cast(billed_cost as decimal(28, 10))) from (
                select {period} as period, billed_cost from raw_files.focus_costs
                union all select billing_period, billed_cost from raw_files.daily_costs
            ) group by 1
        """
        return dict(self.rows(sql))
