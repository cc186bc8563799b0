"""A year of runs that nobody looks at, in eight days spread over it; ``python tests/faults/year.py FOLDER`` runs all 365."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import PROJECT


@pytest.mark.thorough
def test_eight_days_of_a_year_end_with_the_truth_of_the_last_one(tmp_path, record_property):
    done = subprocess.run(
        [sys.executable, str(PROJECT / "tests/faults/year.py"), str(tmp_path / "year"), "--short"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    record_property("figure", done.stdout.splitlines()[-1])
