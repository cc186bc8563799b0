"""Each difference between DuckDB and Spark that the models meet: one expression, the same value on both engines."""

from __future__ import annotations

import duckdb
import pytest
from spark_rows import skip_without_spark
from sqlglot.schema import MappingSchema

from pipelines.engines.spark_rules import Untranslatable, spark_format
from pipelines.engines.spark_sql import spark_sql

EMPTY = MappingSchema(dialect="duckdb")
TEXTS = (
    *("12", " 12 ", "12.5", "13.5", "-12.5", "12.345", "12.335", "1e3", "1_000", ".5", "5.", "1.5d", "1,5", "", " ", "12abc"),
    *(
        "2026-01-05",
        "2026-1-5",
        " 2026-01-05 ",
        "2026/01/05",
        "2026/01-05",
        "2026 1 5",
        "2026/1/05 10:00:00+02",
        "2026\\01\\05",
        " 2026-01-05 10:00:00",
        "2026-01-05T10:00:00Z ",
        "2026-01-05 ",
        "2026-02-30",
        "2026",
        "2026-01",
        "20260105",
        "2026-01-05x",
        "1767571200000",
    ),
    *("2026-01-05 10:00", "2026-01-05T10:00:00Z", "2026-01-05T10:00:00.123Z", "2026-01-05T10:00:00+02:00", "2026-01-05T10"),
    *("2026-01-05T10:00:00+0200", "2026-01-05T10:00:00+02", "2026-13-05T10:00:00Z", "tbd"),
)
KINDS = ("integer", "bigint", "double", "decimal(18, 2)", "date", "timestamptz")
EXPRESSIONS = (
    # numbers: integers divide to a double, decimals too; what is cut is rounded
    *(
        "5 / 2",
        "cast(5 as decimal(18, 2)) / 3",
        "cast(cast(2.5 as decimal(3, 1)) as integer)",
        "cast(cast(3.5 as double) as integer)",
        "cast(cast(2.5 as double) as integer)",
    ),
    *(
        "cast(cast(1.005 as double) as decimal(18, 2))",
        "cast(cast(0.125 as double) as decimal(18, 2))",
        "cast(2.01 / 2 as decimal(18, 2))",
    ),
    *(
        "round(cast(2.675 as double), 2)",
        "round(cast(1.005 as double), 2)",
        "round(1.555, 1)",
        "greatest(1, null, 3)",
        "1.5 * 2.25",
    ),
    "round(cast(1.23456 as double), case when 1 = 1 then 2 else 4 end)",
    # text
    *("'a' || null", "concat_ws(', ', 'a', null, 'b')", "coalesce(nullif(trim('  '), ''), 'empty')", "cast(1.50 as varchar)"),
    *("format('{:,.2f}', cast(1234.5 as double))", "format('{:,.2f}', cast(-0.5 as double))", "regexp_extract('abc', 'x(y)', 1)"),
    *(
        r"regexp_extract('a/record/0-3/42?x', '/(?:record/0-3|deal)/(\d+)', 1)",
        r"regexp_replace('24000.00', '(\.\d*?)0+$', '\1')",
    ),
    *(
        r"regexp_replace('a  b   c', '\s+', ' ', 'g')",
        "regexp_matches('deal A-1', 'A-[0-9]')",
        "string_split('a;b;', ';')",
        "split_part('a:b', ':', 2)",
    ),
    *(
        "len(string_split('', ';'))",
        "length('Ångström')",
        "md5('ü')",
        "lower('ÄÖ')",
        "left('reason', 1)",
        "substring('reason', 2)",
        "chr(10)",
    ),
    *("nfc_normalize('é')", "jaro_winkler_similarity('Fernhollow', 'Fernholow')", "position('b' in 'abc')"),
    # days and instants
    *("date '2026-03-01' - date '2026-02-01'", "date '2026-01-31' + 60", "cast(date '2026-01-31' + to_months(1) as date)"),
    *(
        "cast(date '2024-02-29' + to_months(12) as date)",
        "date_diff('month', date '2026-01-31', date '2026-02-01')",
        "dayname(date '2026-11-16')",
    ),
    *("date_diff('day', timestamp '2026-01-01 23:00:00', timestamp '2026-01-02 01:00:00')", "last_day(date '2026-02-03')"),
    *(
        "date_diff('second', timestamptz '2026-01-01 00:00:00Z', timestamptz '2026-01-01 00:01:30Z')",
        "extract(isodow from date '2026-11-16')",
    ),
    *(
        "strftime(date '2026-11-06', '%-d %B %Y')",
        "strftime(date '2026-11-06', '%A, %-d %B %Y')",
        "strftime(date '2026-11-06', '%Y-%m')",
    ),
    "strftime(timezone('UTC', timestamptz '2026-11-06 18:00:00+02:00'), '%Y-%m-%dT%H:%M:%SZ')",
    "cast(timezone('America/Los_Angeles', timestamptz '2026-11-01 06:30:00Z') as date)",
    "timezone('America/Los_Angeles', timestamp '2026-03-08 03:30:00')",
    *(
        "to_timestamp(1767571200123 / 1000)",
        "timestamptz '2026-01-01 00:00:00Z' + to_seconds(90)",
        "date_trunc('week', date '2026-11-15')",
    ),
    *("date_trunc('month', date '2026-11-15')", "cast(timestamptz '2026-01-01 10:00:00Z' as varchar)"),
    # lists and JSON
    *(
        "len(generate_series(3, 1))",
        "len(generate_series(1, 3))",
        "list_contains(['a', 'b'], 'b')",
        "len(list_filter([1, 2, 3], lambda x : x > 1))",
    ),
    *(
        "json_array_length(cast('{}' as json))",
        "json_array_length(cast('[1, 2]' as json))",
        """json_extract_string('{"a": null}', '$.a')""",
    ),
    *(
        """json_extract_string('{"a": {"b": 1}}', '$.a')""",
        """cast(cast('{"a": "x", "b": 2.50, "c": null}' as json) as map(varchar, varchar))['b']""",
    ),
    *(
        "try_cast('[26] Foxglove' as json)",
        "try_cast('[26]' as json)",
        "cast(to_json([{'field': 'a', 'value': cast(null as varchar)}]) as varchar)",
    ),
    """cast(to_json({'quoted': 'a"b/c', 'line': 'a' || chr(10)}) as varchar)""",
)
# aggregates over these rows
ROWS = "(values (1, 'b', 10.01), (2, 'a', null), (3, 'b', 30.05), (4, null, 5.00)) as rows (number, word, amount)"
AGGREGATES = (
    *(
        "string_agg(distinct word, ', ' order by word)",
        "string_agg(word, ', ' order by number desc)",
        "string_agg(word, ', ') filter (where number > 4)",
    ),
    *(
        "string_agg(distinct word, ', ' order by word) filter (where number > 4)",
        "arg_max(amount, number)",
        "arg_min(word, number)",
        "avg(cast(amount as decimal(18, 2)))",
    ),
    *(
        "max_by(amount, number) filter (where number < 3)",
        "first(word order by number desc)",
        "first(amount order by word, number)",
    ),
    *(
        "bool_or(number > 3)",
        "count(*) filter (where word is null)",
        "median(amount)",
        "quantile_cont(number, 0.8)",
        "quantile_disc(number, 0.5)",
    ),
    *("array_agg(word order by number)", "sum(amount)", "stddev_samp(cast(number as double))"),
)


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    skip_without_spark()
    from pipelines.engines.spark_session import open_session

    session = open_session("local[2]", tmp_path_factory.mktemp("spark"))
    yield session
    session.stop()


@pytest.fixture(scope="module")
def duck():
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def both(spark, duck, values, rows=""):
    """Return the values of many expressions on DuckDB and on Spark, each as both engines print it when they are asked the same way."""
    query = f"select {', '.join(f'{value} as v{at}' for at, value in enumerate(values))} {rows}"
    mine = duck.execute(query).fetchone()
    other = spark.sql(spark_sql(query, EMPTY).query).collect()[0]
    return [(value, said(one), said(another)) for value, one, another in zip(values, mine, other, strict=True)]


def said(value):
    """Return a value in one spelling: an instant in UTC, a number without its type, a list by its items."""
    if isinstance(value, list):
        return [said(item) for item in value]
    if hasattr(value, "astimezone"):
        return value.replace(tzinfo=None).isoformat()
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    return float(value) if hasattr(value, "__float__") else str(value)


@pytest.mark.spark
@pytest.mark.thorough
@pytest.mark.parametrize("values", [EXPRESSIONS], ids=["expressions"])
def test_an_expression_has_the_same_value_on_both_engines(spark, duck, values):
    assert [row for row in both(spark, duck, values) if row[1] != row[2]] == []


@pytest.mark.spark
@pytest.mark.thorough
def test_an_aggregate_has_the_same_value_on_both_engines(spark, duck):
    assert [row for row in both(spark, duck, AGGREGATES, f"from {ROWS}") if row[1] != row[2]] == []


@pytest.mark.spark
@pytest.mark.thorough
@pytest.mark.parametrize("kind", KINDS)
def test_a_text_is_read_as_the_same_value_on_both_engines(spark, duck, kind):
    values = [f"try_cast('{text}' as {kind})" for text in TEXTS]
    assert [row for row in both(spark, duck, values) if row[1] != row[2]] == []


def test_what_lies_between_the_directives_of_a_date_is_no_directive_on_spark():
    assert spark_format("%Y-%m-%dT%H:%M:%SZ") == "yyyy-MM-dd'T'HH:mm:ss'Z'"
    assert spark_format("%-d %B %Y") == "d MMMM yyyy"


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("strftime(date '2026-01-01', '%j')", "%j"),
        ("levenshtein_of_ours('a', 'b')", "levenshtein_of_ours"),
        ("date_diff('week', date '2026-01-01', date '2026-02-01')", "WEEK"),
        ("regexp_replace('aa', 'a', 'b')", "every match"),
    ],
)
def test_what_has_no_spelling_on_spark_is_refused_by_name_and_not_guessed(expression, named):
    with pytest.raises(Untranslatable, match=named):
        spark_sql(f"select {expression} as value", EMPTY)
