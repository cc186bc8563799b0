"""Compares loaders on one sandbox: a full and an incremental sync each, what they took, and what differs from the truth.

    python -m benchmarks [--vendor hubspot] [--size 2000] [--loaders handoff,ingestr] [--rate 190] [--requests]

Peers are installed into ``.bench/`` from ``requirements/``, at the versions named there; the folder can be deleted at any time.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks import base, portal
from benchmarks.copies import differences
from benchmarks.process import Measured, run
from benchmarks.vendors import serving
from pipelines import clock

if TYPE_CHECKING:
    from benchmarks.vendors import Line

ROOT: Final = Path(__file__).parents[1]
SCRATCH: Final = ROOT / ".bench"
SUBJECTS: Final[dict[str, Any]] = {"hubspot": portal, "airtable": base}
LOADERS: Final = {
    "hubspot": ("handoff", "dlt_parquet", "dlt_default", "ingestr", "airbyte"),
    "airtable": ("handoff", "dlt_parquet", "ingestr"),
}
_HEADS: Final = ("loader", "phase", "requests", "wall s", "CPU s", "peak MB", "differs from the truth")


def main(arguments: list[str]) -> int:
    """Measure and print tables; 1 when a loader failed."""
    known = ", ".join(dict.fromkeys(name for names in LOADERS.values() for name in names))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure handoff beside its peers.")
    parser.add_argument("--vendor", choices=tuple(SUBJECTS), help="only this one")
    parser.add_argument("--size", type=int, default=2000, help="deals of the portal, records of the base")
    parser.add_argument("--loaders", help=f"of {known}; separated by commas")
    parser.add_argument(
        "--rate", type=int, default=100_000, help="calls that HubSpot allows in ten seconds (100,000: never in the way)"
    )
    parser.add_argument("--requests", action="store_true", help="print what each phase asked for")
    options = parser.parse_args(arguments)
    failed = False
    for vendor in (options.vendor,) if options.vendor else SUBJECTS:
        names = options.loaders.split(",") if options.loaders else LOADERS[vendor]
        if unknown := sorted(set(names) - set(LOADERS[vendor])):
            parser.error(f"there is no loader {', '.join(unknown)} for {vendor}; choose from {', '.join(LOADERS[vendor])}")
        print(f"\n{vendor}: {SUBJECTS[vendor].describe(options.size)}")
        print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores\n")
        print(_line(_HEADS), _line(["---"] * len(_HEADS)), sep="\n", flush=True)
        for name in names:
            failed = _measure(vendor, name, options) or failed
    return int(failed)


def _measure(vendor: str, name: str, options: argparse.Namespace) -> bool:
    """Run both phases of one loader on vendors of its own, and print a line for each; True when one failed."""
    subject, loader = SUBJECTS[vendor], import_module(f"benchmarks.loaders.{vendor}.{name}")
    home = SCRATCH / "runs" / f"{vendor}_{name}"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    python, file = _interpreter(loader), str(Path(loader.__file__))
    state = subject.build(options.size)
    with serving(state, home) as line:
        line.world.limits["hubspot.ten_second_calls"] = options.rate
        environment = {"PYTHONPATH": str(ROOT)} if loader.REQUIREMENTS is None else {}
        environment |= line.environment | loader.prepare(home)
        for phase in ("full", "incremental"):
            line.world.requests.clear()
            measured = run([python, file, str(home), phase], environment=environment, folder=home, log=home / f"{phase}.log")
            asked = len(line.world.requests)
            if measured.exit_code != 0:
                print(_line(_figures(loader.TITLE, phase, measured, asked, f"FAILED: {measured.last_words}")), flush=True)
                return True
            found = differences(subject.truth(state), loader.read_copy(home))
            print(_line(_figures(loader.TITLE, phase, measured, asked, found)), flush=True)
            if options.requests:
                _print_requests(line)
            subject.change(state, clock.now())
    return False


def _interpreter(loader: Any) -> str:
    if loader.REQUIREMENTS is None:
        return sys.executable
    folder = SCRATCH / "environments" / Path(loader.REQUIREMENTS).stem
    python = folder / "bin/python"
    if not python.exists():
        uv = str(Path(sys.executable).parent / "uv")
        subprocess.run([uv, "venv", "--quiet", str(folder)], check=True)
        wanted = str(ROOT / "benchmarks/requirements" / loader.REQUIREMENTS)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), "--requirement", wanted], check=True)
    return str(python)


def _print_requests(line: Line) -> None:
    for (method, path), count in sorted(Counter((asked["method"], asked["path"]) for asked in line.world.requests).items()):
        print(f"    {count:>5} {method} {path}")


def _figures(title: str, phase: str, measured: Measured, requests: int, found: str) -> list[str]:
    figures = [f"{requests:,}", f"{measured.wall_seconds:.1f}", f"{measured.cpu_seconds:.1f}", f"{measured.peak_mb:,}"]
    return [title, phase, *figures, found]


def _line(cells: Any) -> str:
    return f"| {' | '.join(' '.join(cell.split()) for cell in cells)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
