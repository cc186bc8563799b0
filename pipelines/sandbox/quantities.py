"""An organisation of any size in files: cost exports as AWS Data Exports delivers them, written straight to Parquet, with their truth.

    OUT/costs/data/BILLING_PERIOD=2026-11/costs-00001.snappy.parquet      FOCUS 1.0, as many rows as asked for in all
    OUT/costs/metadata/BILLING_PERIOD=2026-11/costs-Manifest.json         written after the period's files
    OUT/accounts.csv                                                      provider, account, deal: `handoff import accounts` reads it
    OUT/deals.parquet                                                     raw_hubspot.deals of as many leads as asked for
    OUT/truth.parquet                                                     rows and billed millionths by account, month and category
    OUT/truth.json                                                        what was asked for, and the totals; written last

Rows are made, written and counted a file's worth at a time, so memory does not grow with their number. Amounts are whole millionths of
a dollar, and the truth adds them up as integers before they become the floating point numbers that AWS writes.
https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-focus-1-0-aws.html
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import duckdb

from pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EXPORT: Final = "costs"
TRUTH: Final = "truth.json"
ROWS_PER_FILE: Final = 1_000_000
_MEMORY: Final = "1GB"
_PAYER: Final = "999900001111"
_FIRST_ACCOUNT: Final = 333_300_000_000
_FIRST_DEAL: Final = 50_000_000
_DEALS_OF_AN_ACCOUNT: Final = 1_000
_FEWEST_ACCOUNTS: Final = 10
# The months end with that of the sandbox's story
_LAST_MONTH: Final = "2026-11-01"
_MONTHS: Final = 12
_SERVICES: Final = (
    ("Amazon Elastic Compute Cloud", "Compute"),
    ("Amazon Simple Storage Service", "Storage"),
    ("Amazon Elastic File System", "Storage"),
    ("Amazon Elastic Block Store", "Storage"),
    ("Amazon Relational Database Service", "Databases"),
    ("AWS Data Transfer", "Networking"),
    ("Elastic Load Balancing", "Networking"),
    ("AmazonCloudWatch", "Management and Governance"),
)
# One charge: many accounts are small and a few are large; of a thousand charges about 970 are usage. What is drawn are bits of one hash.
_CHARGES: Final = """
    create or replace temp table charges as
    with drawn as (select hash(range) as bits from range($first, $last)),
    sliced as (
        select
            cast(bits & 1023 as integer) as kind,
            cast((bits >> 10) & 1048575 as double) / 1048576 as share,
            cast((bits >> 30) & 7 as integer) as service,
            cast((bits >> 33) & 2097151 as bigint) as millionths,
            cast((bits >> 54) % $hours as integer) as hour,
            cast((bits >> 40) & 4095 as integer) as resource
        from drawn
    )
    select
        cast({first_account} + cast(floor(share * share * $accounts) as bigint) as varchar) as account,
        $month + to_hours(hour) as started,
        service,
        resource,
        case when kind < 993 then 'Usage' when kind < 1008 then 'Tax' when kind < 1018 then 'Credit' else 'Purchase' end as category,
        case when kind between 1008 and 1017 then -millionths else millionths end as millionths
    from sliced
"""
_FILE: Final = """
    copy (
        select
            $zone as "AvailabilityZone",
            millionths / 1e6 as "BilledCost",
            $payer as "BillingAccountId",
            'Example organisation' as "BillingAccountName",
            'USD' as "BillingCurrency",
            ($month + interval 1 month) at time zone 'UTC' as "BillingPeriodEnd",
            $month at time zone 'UTC' as "BillingPeriodStart",
            category as "ChargeCategory",
            cast(null as varchar) as "ChargeClass",
            'USD ' || abs(millionths) || ' per million of ' || services[service + 1][1] as "ChargeDescription",
            (started + interval 1 hour) at time zone 'UTC' as "ChargePeriodEnd",
            started at time zone 'UTC' as "ChargePeriodStart",
            cast(resource as double) as "ConsumedQuantity",
            millionths / 1e6 as "EffectiveCost",
            'Amazon Web Services, Inc.' as "InvoiceIssuerName",
            millionths / 1e6 as "ListCost",
            'AWS' as "ProviderName",
            'AWS' as "PublisherName",
            'us-west-2' as "RegionId",
            'arn:aws:ec2:us-west-2:' || account || ':instance/i-' || lpad(to_hex(resource), 17, '0') as "ResourceId",
            services[service + 1][2] as "ServiceCategory",
            services[service + 1][1] as "ServiceName",
            account as "SubAccountId",
            'Account ' || account as "SubAccountName",
            map {{'hub': 'hub-' || (resource % 20), 'owner': 'team-' || (resource % 7)}} as "Tags"
        from charges, (select {services} as services)
    ) to '{file}' (format parquet, compression snappy, row_group_size 250000)
"""
_DEALS: Final = """
    copy (
        select
            cast({first_deal} + range as varchar) as id,
            '0-3' as object_type_id,
            to_json({{
                'dealname': 'Idea ' || range,
                'pipeline': 'default',
                'dealstage': '1001',
                'amount': cast(hash(range, 7) % 90000 as varchar),
                'createdate': '2026-02-02T09:00:00Z',
                'hs_lastmodifieddate': '2026-02-02T09:00:00Z'
            }}) as properties_json,
            timestamptz '2026-02-02 09:00:00+00' as created_at,
            timestamptz '2026-02-02 09:00:00+00' as updated_at,
            false as archived,
            cast(null as timestamptz) as archived_at
        from range($deals)
    ) to '{file}' (format parquet, compression snappy)
"""


@dataclass(frozen=True)
class Quantities:
    """What was written. ``billed_millionths`` are of a dollar."""

    cost_rows: int
    deals: int
    accounts: int
    files: int
    billed_millionths: int


def generate(folder: Path, *, cost_rows: int, deals: int, on_file: Callable[[int], None] | None = None) -> Quantities:
    """Write the files of an organisation into the new or empty ``folder``; ``on_file`` hears how many cost rows there are so far.

    Raises ConfigurationError when something lies in the folder already, or when fewer than one row or deal is asked for.
    """
    if cost_rows < 1 or deals < 1:
        raise ConfigurationError("Give --cost-rows and --deals of one or more.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(f"{folder} is not empty. Give a new folder; nothing was written.")
    folder.mkdir(parents=True, exist_ok=True)
    accounts = max(_FEWEST_ACCOUNTS, deals // _DEALS_OF_AN_ACCOUNT)
    with duckdb.connect(config={"memory_limit": _MEMORY, "temp_directory": str(folder / "tmp")}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(
            "create table truth (month_on date, account varchar, category varchar, row_count bigint, millionths hugeint)"
        )
        files = _write_costs(connection, folder / EXPORT, cost_rows, accounts, on_file or (lambda _: None))
        connection.execute(_DEALS.format(first_deal=_FIRST_DEAL, file=_quoted(folder / "deals.parquet")), {"deals": deals})
        _write_accounts(folder / "accounts.csv", accounts, deals)
        connection.execute(
            "copy (select month_on, account, category, sum(row_count)::bigint as row_count, sum(millionths)::bigint as millionths "
            f"from truth group by all order by all) to '{_quoted(folder / 'truth.parquet')}' (format parquet)"
        )
        [(counted, billed)] = connection.execute("select sum(row_count)::bigint, sum(millionths)::bigint from truth").fetchall()
    made = Quantities(counted, deals, accounts, files, billed)
    (folder / TRUTH).write_text(json.dumps(asdict(made), indent=2) + "\n", encoding="utf-8")
    return made


def _write_costs(
    connection: duckdb.DuckDBPyConnection, export: Path, cost_rows: int, accounts: int, on_file: Callable[[int], None]
) -> int:
    services = "[" + ", ".join(f"['{name}', '{category}']" for name, category in _SERVICES) + "]"
    charges = _CHARGES.format(first_account=_FIRST_ACCOUNT)
    files = 0
    for back in reversed(range(_MONTHS)):
        [(month, period, hours)] = connection.execute(
            "select month, strftime(month, '%Y-%m'), date_diff('hour', month, month + interval 1 month) "
            f"from (select timestamp '{_LAST_MONTH}' - to_months(?) as month)",
            [back],
        ).fetchall()
        first, last = (cost_rows * (_MONTHS - back - more) // _MONTHS for more in (1, 0))
        data, metadata = (export / kind / f"BILLING_PERIOD={period}" for kind in ("data", "metadata"))
        for place in (data, metadata):
            place.mkdir(parents=True)
        names = []
        for number, start in enumerate(range(first, last, ROWS_PER_FILE), 1):
            end = min(start + ROWS_PER_FILE, last)
            connection.execute(charges, {"first": start, "last": end, "month": month, "hours": hours, "accounts": accounts})
            file = data / f"{EXPORT}-{number:05d}.snappy.parquet"
            values: dict[str, Any] = {"zone": "us-west-2a", "payer": _PAYER, "month": month}
            connection.execute(_FILE.format(services=services, file=_quoted(file)), values)
            connection.execute(
                "insert into truth select cast($month as date), account, category, count(*), sum(millionths) from charges group by all",
                {"month": month},
            )
            names.append(f"s3://invented/{EXPORT}/data/BILLING_PERIOD={period}/{file.name}")
            files += 1
            on_file(end)
        manifest = {"exportArn": "arn:aws:bcm-data-exports:invented", "executionId": period, "dataFiles": names}
        (metadata / f"{EXPORT}-Manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return files


def _write_accounts(file: Path, accounts: int, deals: int) -> None:
    with file.open("w", encoding="utf-8") as output:
        output.write("provider,account,deal\n")
        output.writelines(
            f"AWS,{_FIRST_ACCOUNT + number},{_FIRST_DEAL + number * deals // accounts}\n" for number in range(accounts)
        )


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
