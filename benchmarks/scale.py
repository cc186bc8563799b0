"""Imports cost exports of many charges as `handoff import costs` does, models and checks with it, and compares what comes out with the truth.

python -m benchmarks.scale [--rows 10000000,30000000,100000000] [--memory 2GB] [--keep]
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb

from benchmarks.process import run

if TYPE_CHECKING:
    from benchmarks.process import Measured

ROOT: Final = Path(__file__).parents[1]
SCRATCH: Final = ROOT / ".bench"
# As many deals as make an account for each hundred thousand charges
_ROWS_OF_A_DEAL: Final = 100
_BYTES_OF_A_ROW: Final = 70  # of the export, and what is landed, on its way twice
_HEADS: Final = (
    "charges",
    "export MB",
    "generate s",
    "import s",
    "CPU s",
    "peak MB",
    "snapshot MB",
    "rows landed",
    "differs from the truth",
)


def main(arguments: list[str]) -> int:
    """Measure one import for each number of charges; 1 when one failed or differs from the truth."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description="Measure cost exports at size.")
    parser.add_argument("--rows", default="10000000", help="how many charges, separated by commas")
    parser.add_argument("--memory", default="2GB", help="DUCKDB_MEMORY_LIMIT")
    parser.add_argument("--keep", action="store_true", help="leave the files in .bench/scale")
    options = parser.parse_args(arguments)
    base = _organisation()
    print(f"| {' | '.join(_HEADS)} |\n|{' --- |' * len(_HEADS)}", flush=True)
    return int(sum(_measure(rows, base, options) for rows in map(int, options.rows.split(","))) > 0)


def differences(snapshot: Path, truth: Path) -> str:
    """Return how the costs of a snapshot differ from the truth of an export, by account, month and category; "nothing" when they do not."""
    with duckdb.connect(str(snapshot), read_only=True) as connection:
        [(groups, charges, rows_wrong, sums_wrong, counted)] = connection.execute(
            """
            with told as (from read_parquet(?)),
            landed as (
                select
                    billing_month_on as month_on,
                    sub_account_id as account,
                    charge_category as category,
                    sum(line_count) as row_count,
                    sum(cast(billed_cost as decimal(38, 10))) as billed
                from raw_files.daily_costs
                group by all
            ),
            shown as (
                select
                    cast(date_trunc('month', usage_on) as date) as month_on,
                    sub_account_id as account,
                    charge_category as category,
                    sum(billed_cost) as billed
                from marts.fct_daily_costs
                where cost_source = 'exports'
                group by all
            )
            select
                count(*),
                (select sum(row_count) from told),
                count(*) filter (where told.row_count is distinct from landed.row_count),
                count(*) filter (where landed.billed * 1000000 is distinct from told.millionths
                                    or shown.billed * 1000000 is distinct from told.millionths),
                (select sum(line_count) from raw_files.daily_costs)
            from told
            full join landed using (month_on, account, category)
            full join shown using (month_on, account, category)
            """,
            [str(truth)],
        ).fetchall()
    if not rows_wrong and not sums_wrong and counted == charges:
        return "nothing"
    return f"of {groups:,} groups {rows_wrong:,} have other rows and {sums_wrong:,} other sums; {counted or 0:,} of {charges:,} charges"


def _organisation() -> Path:
    """Return a home with the demo's snapshot, made once."""
    home = SCRATCH / "organisation"
    if not home.exists():
        environment = os.environ | {"HANDOFF_HOME": str(home), "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-m", "pipelines.cli", "sync", "--brief"], env=environment, cwd=ROOT, check=True)
    return home


def _measure(rows: int, base: Path, options: argparse.Namespace) -> bool:
    """Generate, import and compare; print a line; True when something is wrong."""
    folder = SCRATCH / "scale" / str(rows)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if shutil.disk_usage(folder).free < rows * _BYTES_OF_A_ROW:
        print(
            f"{rows:,} charges need {rows * _BYTES_OF_A_ROW / 1e9:.0f} GB on the disk of {SCRATCH}. Make room, or ask for fewer."
        )
        return True
    made, home = folder / "organisation", folder / "home"
    deals = str(max(1, rows // _ROWS_OF_A_DEAL))
    generated = _handoff(folder, "sandbox", "generate", "--cost-rows", str(rows), "--deals", deals, str(made), home=base)
    shutil.copytree(base, home, symlinks=True)
    done = _handoff(folder, "import", "costs", str(made / "costs"), home=home, DUCKDB_MEMORY_LIMIT=options.memory)
    size = sum(file.stat().st_size for file in made.rglob("*.parquet") if "data" in file.parts)
    if done.exit_code or generated.exit_code:
        print(f"| {rows:,} | failed | {generated.last_words} {done.last_words}")
        return True
    snapshot = home / "warehouse" / "CURRENT" / "wh.duckdb"
    with duckdb.connect(str(snapshot), read_only=True) as connection:
        [(landed,)] = connection.execute("select count(*) from raw_files.daily_costs").fetchall()
    wrong = differences(snapshot, made / "truth.parquet")
    figures = [
        f"{rows:,}",
        f"{size / 1e6:,.0f}",
        f"{generated.wall_seconds:,.0f}",
        f"{done.wall_seconds:,.0f}",
        f"{done.cpu_seconds:,.0f}",
        f"{done.peak_mb:,}",
        f"{snapshot.stat().st_size / 1e6:,.0f}",
        f"{landed:,}",
        wrong,
    ]
    print(f"| {' | '.join(figures)} |", flush=True)
    if not options.keep:
        shutil.rmtree(folder)
    return wrong != "nothing"


def _handoff(folder: Path, *arguments: str, home: Path, **settings: str) -> Measured:
    environment = {"HANDOFF_HOME": str(home), "PYTHONPATH": str(ROOT), **settings}
    return run([sys.executable, "-m", "pipelines.cli", *arguments], environment=environment, folder=ROOT, log=folder / "log")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
