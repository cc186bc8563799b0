"""The charges of a billing period, added up by the engine where its Parquet files lie.

    data/BILLING_PERIOD=2026-11/*.parquet -> raw_files.daily_costs

An export may hold hundreds of millions of charges, and nothing asks for a single one of them: they stay where they are, and what comes
into the warehouse is one row for each account, day, service, category, currency, sign of the amount and value of the tags that
map_cost_tags.csv knows. Only the columns for that are read. What a charge must be is what ``files.py`` asks of it; one that is not is set
aside with its file and number, and of a thousand in a period the rest are counted. Amounts are added up as decimals.
https://duckdb.org/docs/stable/data/parquet/overview
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import duckdb

from pipelines.errors import ConfigurationError
from pipelines.sources.files import CHARGE_CATEGORIES, COLUMNS, CUR_COLUMNS, LARGEST_AMOUNT, REQUIRED, check_columns
from pipelines.sources.files_csv import Quarantined

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

# The first so many of the charges that a period sets aside are named one by one
MOST_NAMED: Final = 1_000
_READ: Final = (
    "provider_name",
    "billing_account_id",
    "sub_account_id",
    "sub_account_name",
    "service_name",
    "charge_category",
    "billing_currency",
    "billing_period_start",
    "charge_period_start",
    "charge_period_end",
    "billed_cost",
    "effective_cost",
    "tags_json",
)
_TIMES: Final = ("billing_period_start", "charge_period_start", "charge_period_end")
_AMOUNTS: Final = ("billed_cost", "effective_cost")
_EXACT: Final = ("DECIMAL", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_WHITE: Final = r"e' \t\n\r\f\v'"


@dataclass
class DailyCosts:
    """What a period came to. ``file`` holds rows of ``raw_files.daily_costs``; ``charge_count`` are the sound charges behind them."""

    file: Path
    charge_count: int
    refused_count: int
    quarantine: list[Quarantined] = field(default_factory=list)


def needed_names(names: Iterable[str]) -> list[str]:
    """Return which of a file's columns are read."""
    wanted = {name for column in _READ for name in COLUMNS[column]} | CUR_COLUMNS  # by which another form is known
    return [name for name in names if name in wanted]


def add_up(files: dict[str, Path], *, export: str, period: str, tag_keys: Sequence[str], memory: str, folder: Path) -> DailyCosts:
    """Add up the Parquet files of one period, by the name that each is known by; ``folder`` takes the result and what memory does not hold.

    Raises ConfigurationError when a file is not a FOCUS file, or is no Parquet.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / f"{export.replace('/', '_')}-{period}.parquet"
    with duckdb.connect(config={"memory_limit": memory, "temp_directory": str(folder / "spilled")}) as connection:
        connection.execute("set preserve_insertion_order = false")
        connection.execute("set TimeZone = 'UTC'")
        source = _source(files.values())
        try:
            for name, path in files.items():
                check_columns([row[0] for row in connection.execute(f"describe from {_source([path])}").fetchall()], name)
            types = {name: kind for name, kind, *_ in connection.execute(f"describe from {source}").fetchall()}
            charges = _judged(types, source, tag_keys)
            connection.execute(f"create temp table daily as {_added_up(charges, tag_keys)}")
            [(charged, counted)] = connection.execute(
                f"select coalesce(sum(line_count), 0)::bigint, (select count(*) from {source}) from daily"
            ).fetchall()
            refused = _refused(connection, charges, files) if charged != counted else []
        except duckdb.OutOfMemoryException as error:
            raise ConfigurationError(
                f"Adding up {export}/BILLING_PERIOD={period} took more than DUCKDB_MEMORY_LIMIT ({memory}), or more disk than there is beside "
                "it. Raise the limit, or make room on the disk of HANDOFF_HOME; nothing was imported."
            ) from error
        except (duckdb.InvalidInputException, duckdb.IOException) as error:
            first_line = str(error).strip().splitlines()[0][:300]
            raise ConfigurationError(
                f"A file of {export}/BILLING_PERIOD={period} is not a readable Parquet file ({first_line}). Export it again."
            ) from error
        connection.execute(
            f"copy (select '{_quoted(export)}' as export_name, '{_quoted(period)}' as billing_period, {_row(tag_keys)} from daily) "
            f"to '{_quoted(str(target))}' (format parquet, compression snappy)"
        )
    if counted - charged > len(refused):
        more = (
            f"{counted - charged - len(refused):,} more charges of this period are unsound; the reasons of the first stand here"
        )
        refused.append(Quarantined(0, more, "", f"{export}/BILLING_PERIOD={period}"))
    return DailyCosts(target, charged, counted - charged, refused)


def _source(paths: Iterable[Path]) -> str:
    names = ", ".join(f"'{_quoted(str(path))}'" for path in paths)
    return f"read_parquet([{names}], union_by_name = true, filename = 'handoff_file', file_row_number = true)"


def _judged(types: dict[str, str], source: str, tag_keys: Sequence[str]) -> str:
    """Return a query of the charges: typed columns, the tags that are known, and why a charge is unsound (null: it is sound)."""
    columns = [f"{_typed(column, types)} as {column}" for column in _READ if column != "tags_json"]
    columns += [f"{_said(column, types)} as {column}_said" for column in (*_TIMES, *_AMOUNTS)]
    columns += [f"{_tag(types, key)} as tag_{number}" for number, key in enumerate(tag_keys)]
    cells = f"select handoff_file, file_row_number + 1 as line_number, {', '.join(columns)} from {source}"
    return f"(select *, {_reason()} as reason from ({cells}))"


def _cell(column: str, types: dict[str, str]) -> str:
    """Return the first of a column's names in the file that has a value, as text; empty cells and the word NULL have none."""
    texts = [
        f"nullif(nullif(nullif(trim(cast({_name(name)} as varchar), {_WHITE}), ''), 'NULL'), 'null')"
        for name in COLUMNS[column]
        if name in types
    ]
    return f"coalesce({', '.join(texts)})" if len(texts) > 1 else texts[0] if texts else "cast(null as varchar)"


def _said(column: str, types: dict[str, str]) -> str:
    """Return a time or amount as it stands in the file, for the sentence about it and for whether it is empty."""
    name = COLUMNS[column][0]
    return _cell(column, types) if types.get(name, "VARCHAR") == "VARCHAR" else _name(name)


def _typed(column: str, types: dict[str, str]) -> str:
    name = COLUMNS[column][0]
    kind = types.get(name, "VARCHAR")
    if column in _TIMES:
        if kind.startswith("TIMESTAMP") and kind != "TIMESTAMP WITH TIME ZONE":
            return f"cast({_name(name)} as timestamp)"  # FOCUS has times in UTC
        moment = _name(name) if kind == "TIMESTAMP WITH TIME ZONE" else f"try_cast({_cell(column, types)} as timestamptz)"
        return f"make_timestamp(epoch_us({moment}))"
    if column in _AMOUNTS:
        if kind.startswith(_EXACT):
            return f"try_cast({_name(name)} as decimal(28, 10))"
        if kind in {"DOUBLE", "FLOAT"}:
            return _decimal(f"cast({_name(name)} as double)")
        return f"try_cast({_cell(column, types)} as decimal(28, 10))"
    return _cell(column, types)


def _decimal(number: str) -> str:
    """Return a floating point number as the decimal that its shortest text says, rounded half up at the tenth place as ever.

    Making a text of each would be most of the work. Below a hundred, ten thousand million times a number is off by less than a thousandth,
    so that rounding it gives the same, unless it lies so near to the middle between two that only the text tells.
    """
    scaled = f"({number} * 1e10)"
    is_clear = f"abs({number}) < 100 and abs({scaled} - floor({scaled}) - 0.5) > 0.001"
    by_text = f"try_cast(cast({number} as varchar) as decimal(28, 10))"
    return f"case when {is_clear} then cast({number} as decimal(28, 10)) else {by_text} end"


def _tag(types: dict[str, str], key: str) -> str:
    name = COLUMNS["tags_json"][0]
    kind = types.get(name)
    if kind is None:
        return "cast(null as varchar)"
    if kind == "MAP(VARCHAR, VARCHAR)":
        return f"{_name(name)}['{_quoted(key)}']"
    text = _cell("tags_json", types) if kind == "VARCHAR" else f"to_json({_name(name)})"
    return f"try_cast(try_cast({text} as json) as map(varchar, varchar))['{_quoted(key)}']"


def _reason() -> str:
    """Return why a charge is unsound, in the words and the order of ``files.py``."""
    checks: list[tuple[str, str]] = []
    for column in REQUIRED:
        said = f"{column}_said" if column in (*_TIMES, *_AMOUNTS) else column
        checks.append((f"{said} is null", f"'{COLUMNS[column][0]} is empty'"))
    for column in _TIMES:
        words = f"'{COLUMNS[column][0]} ''' || cast({column}_said as varchar) || ''' is not a time like 2026-10-01T00:00:00Z'"
        checks.append((f"{column} is null", words))
    for column in _AMOUNTS:
        name, said = COLUMNS[column][0], f"cast({column}_said as varchar)"
        number = f"try_cast({said} as double)"
        unreadable = f"{column} is null and {column}_said is not null"
        checks += [
            (f"{unreadable} and {number} is null", f"'{name} ''' || {said} || ''' is not a number'"),
            (f"{unreadable} and not isfinite({number})", f"'{name} ''' || {said} || ''' is not a finite number'"),
            (f"{unreadable} or abs({column}) >= {LARGEST_AMOUNT}", f"'{name} is too large to be an amount of money'"),
        ]
    checks.append(("charge_period_end <= charge_period_start", "'ChargePeriodEnd is not after ChargePeriodStart'"))
    known = ", ".join(sorted(CHARGE_CATEGORIES))
    quoted = ", ".join(f"'{name}'" for name in sorted(CHARGE_CATEGORIES))
    checks += [
        (f"charge_category not in ({quoted})", f"'ChargeCategory ''' || charge_category || ''' is not one of {known}'"),
        (
            "not regexp_full_match(billing_currency, '[A-Z]{3}')",
            "'BillingCurrency ''' || billing_currency || ''' is not a three-letter code'",
        ),
    ]
    return "case " + " ".join(f"when {condition} then {words}" for condition, words in checks) + " end"


def _added_up(charges: str, tag_keys: Sequence[str]) -> str:
    tags = [f"tag_{number}" for number in range(len(tag_keys))]
    keys = [
        "provider_name",
        "billing_account_id",
        "sub_account_id",
        "service_name",
        "cast(charge_period_start as date) as usage_on",
        "cast(date_trunc('month', billing_period_start) as date) as billing_month_on",
        "charge_category",
        "billing_currency",
        "billed_cost < 0 as is_negative",
        *tags,
    ]
    return (
        f"select {', '.join(keys)}, max(sub_account_name) as sub_account_name, count(*) as line_count, sum(billed_cost) as billed_cost, "
        f"sum(effective_cost) as effective_cost from {charges} where reason is null group by all"
    )


def _row(tag_keys: Sequence[str]) -> str:
    """Return the columns of a landed row; the tags are a JSON object as a file would have it, null without any."""
    pairs = ", ".join(f"'{_quoted(key)}', tag_{number}" for number, key in enumerate(tag_keys))
    tags = f"cast(json_object({pairs}) as varchar)" if tag_keys else "cast(null as varchar)"
    return (
        "provider_name, billing_account_id, sub_account_id, sub_account_name, service_name, usage_on, billing_month_on, charge_category, "
        f"billing_currency, is_negative, {tags} as tags_json, line_count, cast(billed_cost as varchar) as billed_cost, "
        "cast(effective_cost as varchar) as effective_cost"
    )


def _refused(connection: duckdb.DuckDBPyConnection, charges: str, files: dict[str, Path]) -> list[Quarantined]:
    """Read the first charges that were set aside once more, with every column."""
    names = {str(path): name for name, path in files.items()}
    rows = connection.execute(
        f"select handoff_file, line_number, reason from {charges} where reason is not null order by all limit {MOST_NAMED}"
    ).fetchall()
    found = []
    for path in dict.fromkeys(row[0] for row in rows):
        numbers = [number - 1 for file, number, _ in rows if file == path]
        whole = dict(
            connection.execute(
                f"select file_row_number, cast(to_json(cells) as varchar) from read_parquet('{_quoted(path)}', file_row_number = true) "
                "as cells where file_row_number in (select unnest(?::bigint[]))",
                [numbers],
            ).fetchall()
        )
        found += [Quarantined(number, reason, whole[number - 1], names[path]) for file, number, reason in rows if file == path]
    return found


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _quoted(text: str) -> str:
    return text.replace("'", "''")
