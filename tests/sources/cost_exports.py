"""Exports of costs as AWS delivers them into a bucket, in a folder."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq


class Export:
    """An export of AWS in a folder: ``overwrites`` as OVERWRITE_REPORT does, else each delivery has an execution's folder."""

    def __init__(self, folder, name="focus", *, overwrites=True, is_parquet=True):
        self.root, self.name, self.overwrites, self.is_parquet = folder / name, name, overwrites, is_parquet
        self.count = 0

    def deliver(self, period, *chunks, execution=None):
        """Write the chunks (lists of (day, cost)) and then the manifest; files of the delivery before stay, as in a bucket."""
        self.count += 1
        execution = execution or f"202611{self.count:02d}T000000.000Z-e{self.count}"
        below = f"BILLING_PERIOD={period}" if self.overwrites else f"BILLING_PERIOD={period}/{execution}"
        data, metadata = self.root / "data" / below, self.root / "metadata" / below
        for folder in (data, metadata):
            folder.mkdir(parents=True, exist_ok=True)
        names = []
        for number, chunk in enumerate(chunks, 1):
            path = data / f"{self.name}-{number:05d}.{'snappy.parquet' if self.is_parquet else 'csv.gz'}"
            rows = [row(period, day, cost) for day, cost in chunk]
            (as_parquet if self.is_parquet else as_csv)(path, rows)
            names.append(f"s3://somewhere/prefix/{self.name}/data/{below}/{path.name}")
        manifest = metadata / f"{self.name}-Manifest.json"
        manifest.write_text(json.dumps({"exportArn": "arn:...", "executionId": execution, "dataFiles": names}))
        return manifest


def row(period, day, cost, account="111"):
    return {
        "BilledCost": cost,
        "BillingAccountId": "999",
        "BillingCurrency": "USD",
        "BillingPeriodStart": datetime.fromisoformat(f"{period}-01").replace(tzinfo=UTC),
        "ChargeCategory": "Usage",
        "ChargePeriodStart": datetime.fromisoformat(day).replace(tzinfo=UTC),
        "ChargePeriodEnd": datetime.fromisoformat(f"{day}T23:00").replace(tzinfo=UTC),
        "ProviderName": "AWS",
        "SubAccountId": account,
        "Tags": {"hub": "alpha"},
    }


def as_parquet(path, rows):
    columns = (
        {name: [one[name] for one in rows] for name in rows[0]}
        if rows
        else {name: [] for name in row("2026-10", "2026-10-01", 1)}
    )
    columns["BilledCost"] = pa.array([float(cost) for cost in columns["BilledCost"]])
    columns["Tags"] = pa.array([list(tags.items()) for tags in columns["Tags"]], pa.map_(pa.string(), pa.string()))
    pq.write_table(pa.table(columns), path, compression="snappy")


def as_csv(path, rows):
    lines = [",".join(row("2026-10", "2026-10-01", 1))]
    for one in rows:
        cells = one | {"Tags": '"{""hub"": ""alpha""}"'}
        lines.append(",".join(str(cell) for cell in cells.values()))
    path.write_bytes(gzip.compress("\n".join(lines).encode() + b"\n"))
