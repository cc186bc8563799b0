"""dlt as its HubSpot source does it, with dlt's default file format for DuckDB."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks.loaders.hubspot import dlt_parquet
from benchmarks.loaders.hubspot.dlt_parquet import prepare, read_copy

__all__ = ["REQUIREMENTS", "TITLE", "prepare", "read_copy"]

TITLE = "dlt, default format"
REQUIREMENTS = dlt_parquet.REQUIREMENTS

if __name__ == "__main__":
    dlt_parquet.FILE_FORMAT = None
    dlt_parquet.main(Path(sys.argv[1]))
