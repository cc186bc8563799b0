"""Builds the models on the invented organisation many times over, as a sync does, and says how long they took.

python -m benchmarks.build [--copies 1,20,166] [--services 9] [--slowest 8]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import duckdb

from benchmarks.organisation import multiply
from benchmarks.process import run

ROOT: Final = Path(__file__).parents[1]
SCRATCH: Final = ROOT / ".bench"
_BUILD: Final = """
import json, sys
from datetime import date
from pathlib import Path
from pipelines.transform import build
folder = Path(sys.argv[1])
built = build(building_file=folder / "wh.duckdb", rules_dir=folder / "rules", work_folder=folder, as_of=date(2026, 11, 16))
(folder / "seconds.json").write_text(json.dumps(built.seconds))
for problem in [*built.errors, *built.failed_checks]:
    print(problem)
raise SystemExit(bool(built.errors))
"""


def main(arguments: list[str]) -> int:
    """Measure one build for each number of copies; 1 when one failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.build", description="Measure the models at size.")
    parser.add_argument("--copies", default="1,20,166", help="how many organisations, separated by commas")
    parser.add_argument("--services", type=int, default=9, help="how many services each cost is there for")
    parser.add_argument("--slowest", type=int, default=8, help="how many of the slowest models are named")
    options = parser.parse_args(arguments)
    home = SCRATCH / "organisation"
    if not home.exists():
        environment = os.environ | {"HANDOFF_HOME": str(home), "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-m", "pipelines.cli", "sync", "--brief"], env=environment, cwd=ROOT, check=True)
    print(
        "| copies | deals | cost rows | wall s | CPU s | peak MB | slowest models (s) |\n| --- | --- | --- | --- | --- | --- | --- |"
    )
    failed = False
    for copies in map(int, options.copies.split(",")):
        folder = SCRATCH / "runs" / f"build_{copies}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        base = home / "warehouse" / "CURRENT" / "wh.duckdb"
        database, _ = multiply(base, ROOT / "dbt/seeds/default", copies=copies, services=options.services, to=folder)
        with duckdb.connect(str(database), read_only=True) as connection:
            deals, costs = (
                connection.execute(f"select count(*) from {name}").fetchall()[0][0]
                for name in ("raw_hubspot.deals", "raw_aws.costs")
            )
        done = run(
            [sys.executable, "-c", _BUILD, str(folder)], environment={"PYTHONPATH": str(ROOT)}, folder=ROOT, log=folder / "log"
        )
        named = ", ".join(f"{name} {seconds:.1f}" for name, seconds in _slowest(folder)[: options.slowest])
        figures = [copies, f"{deals:,}", f"{costs:,}", f"{done.wall_seconds:.0f}", f"{done.cpu_seconds:.0f}", f"{done.peak_mb:,}"]
        print(f"| {' | '.join(map(str, figures))} | {named} |", flush=True)
        if done.last_words:
            print(done.last_words)
        failed = failed or done.exit_code != 0
    return int(failed)


def _slowest(folder: Path) -> list[tuple[str, float]]:
    seconds = json.loads((folder / "seconds.json").read_text(encoding="utf-8"))
    return sorted(seconds.items(), key=lambda pair: -pair[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
