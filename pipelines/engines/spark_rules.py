"""What DuckDB's SQL says otherwise than Spark's: a rule for each difference, from one expression to another of the same value.

The rules are proved by rows, not by text (tests/engines).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlglot import exp
from sqlglot.dialects.spark import Spark

from pipelines.errors import HandoffError

if TYPE_CHECKING:
    from collections.abc import Callable

    Rule = Callable[[Any], Any]

_DATE = exp.DataType.Type.DATE
_INSTANTS: Final = {exp.DataType.Type.TIMESTAMPTZ, exp.DataType.Type.TIMESTAMPLTZ}
_REALS: Final = {exp.DataType.Type.DOUBLE, exp.DataType.Type.FLOAT}
_INTEGERS: Final = {*exp.DataType.INTEGER_TYPES, exp.DataType.Type.INT128}
# what sqlglot knows to be a list only by its function
_LISTS: Final = (exp.Split, exp.Transform, exp.ArrayFilter, exp.RegexpExtractAll)
# strftime's directives in the letters of Spark's date_format
_LETTERS: Final = {
    "%Y": "yyyy",
    "%m": "MM",
    "%d": "dd",
    "%-d": "d",
    "%B": "MMMM",
    "%A": "EEEE",
    "%H": "HH",
    "%M": "mm",
    "%S": "ss",
}
# What stands at the front of texts that both engines read as a number, a day, an instant
_NUMBER: Final = r"^\s*[+-]?([0-9][0-9_]*\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$"
# between year, month and day stands one of four characters, twice the same; blanks around are read where a time follows
_DAY: Final = r"^\s*([0-9]+)([-/ \\])([0-9]{1,2})\2([0-9]{1,2})(?![0-9]).*$"
_INSTANT: Final = (
    r"^(?=[0-9].*[0-9]$|.*:)\s*([0-9]+)([-/ \\])([0-9]{1,2})\2([0-9]{1,2})"
    r"([ T][0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?| [A-Za-z_/]+)?)?\s*$"
)


class Untranslatable(HandoffError):
    """A statement says something that this module has no spelling for."""


def _call(name: str, *arguments: Any) -> exp.Anonymous:
    call = exp.Anonymous(
        this=name, expressions=[_spark(argument) if isinstance(argument, str) else argument for argument in arguments]
    )
    call.meta["spark"] = True
    return call


def _spark(sql: str) -> Any:
    return exp.maybe_parse(sql, dialect=Spark)


def _cast(value: Any, to: str) -> exp.Cast:
    return exp.Cast(this=value, to=exp.DataType.build(to, dialect=Spark, udt=True))


def _is(node: Any, *kinds: Any) -> bool:
    return node.type is not None and node.type.this in kinds


def _is_text(node: Any) -> bool:
    return node.type is None or node.type.this in {*exp.DataType.TEXT_TYPES, exp.DataType.Type.UNKNOWN, exp.DataType.Type.JSON}


# ---- casts ----


def _plain_type(to: exp.DataType) -> exp.DataType:
    """Return Spark's type for one of DuckDB's; instants are Spark's timestamps, times without a zone its timestamps without one."""
    kind = to.this
    if kind in _INSTANTS:
        return exp.DataType.build("timestamp", dialect=Spark)
    if kind in {exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPNTZ}:
        return exp.DataType.build("timestamp_ntz", dialect=Spark)
    if kind == exp.DataType.Type.INT128:
        return exp.DataType.build("decimal(38, 0)", dialect=Spark)
    if kind in exp.DataType.TEXT_TYPES or kind == exp.DataType.Type.JSON:
        return exp.DataType.build("string", dialect=Spark)
    return to


def _cast_rule(node: exp.Cast) -> Any:
    value, to = node.this, node.to
    is_try = isinstance(node, exp.TryCast)
    if isinstance(value, exp.Null):
        return exp.Cast(this=value, to=_plain_type(to))
    if to.this == exp.DataType.Type.JSON:
        if not is_try:
            return value
        # Spark's readers stop at the end of the first value and let anything follow; within a list nothing may
        listed = _call("from_json", _call("concat", "'['", value.copy(), "']'"), "'array<string>'")
        return _spark_if(exp.EQ(this=_call("size", listed), expression=exp.Literal.number(1)), value)
    if to.this == exp.DataType.Type.MAP:
        return _call("from_json", value, "'map<string,string>'")
    if to.this == exp.DataType.Type.ARRAY and _is_text(value):
        return _call("from_json", value, "'array<string>'")
    if to.this in exp.DataType.TEXT_TYPES and _is(value, *_INSTANTS):
        return exp.DPipe(this=_cast(value, "string"), expression=exp.Literal.string("+00"))
    if _is_text(value) and to.this not in exp.DataType.TEXT_TYPES:
        return _cast_of_text(value, to)
    if to.this in _INTEGERS:
        return _integer(value, to, is_try=is_try)
    if to.this == exp.DataType.Type.DECIMAL and _is(value, *_REALS):
        scale = int(to.expressions[1].name) if len(to.expressions) > 1 else 0
        return exp.Cast(this=_rounded(value, scale), to=to)
    return (_try_cast if is_try else exp.Cast)(this=value, to=_plain_type(to))


def _try_cast(*, this: Any, to: exp.DataType) -> exp.TryCast:
    """Return a cast that gives null for what it cannot read; sqlglot writes a plain one unless it is called safe."""
    return exp.TryCast(this=this, to=to, safe=True)


def _integer(value: Any, to: exp.DataType, *, is_try: bool) -> Any:
    """DuckDB rounds to an integer, decimals away from zero and doubles to even; Spark cuts the fraction off."""
    if _is(value, exp.DataType.Type.DECIMAL):
        value = _call("round", value)
    elif _is(value, *_REALS):
        value = _call("rint", value)
    return (_try_cast if is_try else exp.Cast)(this=value, to=_plain_type(to))


def _rounded(value: Any, scale: int) -> Any:
    """DuckDB rounds a double as it is stored; Spark would round the decimals that it prints."""
    power = f"1e{scale}D"
    return exp.Div(this=_call("round", exp.Mul(this=exp.Paren(this=value), expression=_spark(power))), expression=_spark(power))


def _spark_if(condition: Any, value: Any) -> exp.Case:
    return exp.Case(ifs=[exp.If(this=condition, true=value)])


def _matches(value: Any, pattern: str) -> Any:
    return _call("regexp_like", value, exp.Literal.string(pattern))


def _cast_of_text(value: Any, to: exp.DataType) -> Any:
    """Read a text as DuckDB does: Spark knows other spellings of numbers and days, and fewer. What neither reads is null."""
    kind = to.this
    if kind == _DATE:
        day = _call("regexp_replace", value, exp.Literal.string(_DAY), "'$1-$3-$4'")
        return _spark_if(_matches(value.copy(), _DAY), _try_cast(this=day, to=exp.DataType.build("date")))
    if kind in _INSTANTS or kind == exp.DataType.Type.TIMESTAMP:
        instant = _call("regexp_replace", value, exp.Literal.string(_INSTANT), "'$1-$3-$4$5'")
        return _spark_if(_matches(value.copy(), _INSTANT), _try_cast(this=instant, to=_plain_type(to)))
    if kind in {*_INTEGERS, exp.DataType.Type.DECIMAL, *_REALS}:
        number: Any = _call("replace", value, "'_'", "''")
        if kind in _INTEGERS:
            number = _call("round", _try_cast(this=number, to=exp.DataType.build("decimal(38, 10)")))
        return _spark_if(_matches(value.copy(), _NUMBER), _try_cast(this=number, to=_plain_type(to)))
    return _try_cast(this=value, to=_plain_type(to))


# ---- numbers ----


def _div(node: exp.Div) -> Any:
    return exp.Div(this=_cast(node.this, "double"), expression=_cast(node.expression, "double"))


def _avg(node: exp.Avg) -> Any:
    """DuckDB's mean of decimals is their exact sum by their number; Spark's would be a decimal, and of doubles a sum in any order."""
    if isinstance(node.parent, (exp.Filter, exp.Window)):
        raise Untranslatable(
            "avg() with a filter or a window has no spelling in Spark yet; give it one in pipelines/engines/spark_rules.py."
        )
    total: Any = _cast(exp.Sum(this=node.this), "double")
    number: Any = exp.Count(this=node.this.copy())
    scale = (
        node.this.type.expressions[1].name
        if _is(node.this, exp.DataType.Type.DECIMAL) and len(node.this.type.expressions) > 1
        else "0"
    )
    if scale != "0":  # DuckDB divides whole cents by as many hundreds
        cents = exp.Mul(this=exp.Sum(this=node.this.copy()), expression=exp.Literal.number(10 ** int(scale)))
        total, number = _cast(cents, "double"), exp.Paren(this=exp.Mul(this=number, expression=_spark(f"1e{scale}D")))
    return exp.Div(this=total, expression=number)


def _round(node: exp.Round) -> Any:
    decimals = node.args.get("decimals")
    if not _is(node.this, *_REALS):
        return node
    if decimals is not None and not decimals.is_number:
        power = _call("power", _spark("10D"), decimals)
        return exp.Div(this=_call("round", exp.Mul(this=exp.Paren(this=node.this), expression=power)), expression=power.copy())
    return _rounded(node.this, int(decimals.name) if decimals is not None else 0)


# ---- dates and instants ----


def _timezone(node: exp.Anonymous) -> Any:
    zone, value = node.expressions
    if _is(value, *_INSTANTS):
        local = _cast(value, "timestamp_ntz")
        return local if zone.is_string and zone.name == "UTC" else _call("convert_timezone", "'UTC'", zone, local)
    local = _cast(value, "timestamp_ntz")
    return _cast(local if zone.is_string and zone.name == "UTC" else _call("convert_timezone", zone, "'UTC'", local), "timestamp")


def _time_to_str(node: exp.TimeToStr) -> Any:
    return _call("date_format", node.this, exp.Literal.string(spark_format(node.args["format"].name)))


def spark_format(strftime: str) -> str:
    """Return the pattern of Spark's date_format for one of strftime; what lies between directives is quoted."""
    pattern, position = "", 0
    while position < len(strftime):
        directive = strftime[position : position + (3 if strftime.startswith("%-", position) else 2)]
        if directive[0] == "%":
            if directive not in _LETTERS:
                raise Untranslatable(
                    f"Spark has no spelling of {directive} in strftime yet; give it one in pipelines/engines/spark_rules.py."
                )
            pattern += _LETTERS[directive]
            position += len(directive)
        else:
            pattern += f"'{strftime[position]}'" if strftime[position].isalpha() else strftime[position]
            position += 1
    return pattern.replace("''", "") if "''" in pattern else pattern


def _unit(node: Any) -> str:
    unit = node.args.get("unit")
    return unit.name.upper() if unit is not None else "DAY"


def _date_diff(node: exp.DateDiff) -> Any:
    last, first = node.this, node.expression
    match _unit(node):
        case "DAY":
            found: Any = _call("datediff", _cast(last, "date"), _cast(first, "date"))
        case "SECOND":
            found = exp.Sub(
                this=_call("unix_seconds", _cast(last, "timestamp")), expression=_call("unix_seconds", _cast(first, "timestamp"))
            )
        case "MONTH":
            months = [
                exp.Add(
                    this=exp.Mul(this=_call("year", day.copy()), expression=exp.Literal.number(12)),
                    expression=_call("month", day.copy()),
                )
                for day in (last, first)
            ]
            found = exp.Sub(this=exp.Paren(this=months[0]), expression=exp.Paren(this=months[1]))
        case unit:
            raise Untranslatable(
                f"Spark has no spelling of date_diff('{unit}') yet; give it one in pipelines/engines/spark_rules.py."
            )
    return _cast(exp.Paren(this=found), "bigint")


def _is_interval(node: Any) -> bool:
    return isinstance(node, exp.Interval) or (
        isinstance(node, exp.Anonymous) and node.name in {"make_ym_interval", "make_dt_interval"}
    )


def _add_or_subtract(node: Any) -> Any:
    left, right = node.this, node.expression
    if _is(left, _DATE) and _is(right, _DATE) and isinstance(node, exp.Sub):
        return _cast(_call("datediff", left, right), "bigint")
    if _is(left, _DATE) and _is_interval(right):
        return type(node)(this=_cast(left, "timestamp_ntz"), expression=right)
    if _is(left, _DATE) and not _is(right, _DATE):
        return _call("date_add" if isinstance(node, exp.Add) else "date_sub", left, _cast(right, "int"))
    return node


def _dayname(node: exp.Dayname) -> Any:
    return _call("date_format", node.this, "'EEEE'")


def _extract(node: exp.Extract) -> Any:
    part = "DAYOFWEEK_ISO" if node.this.name.upper() == "ISODOW" else node.this.name.upper()
    return _cast(exp.Extract(this=exp.var(part), expression=node.expression), "bigint")


def _date_trunc(node: Any) -> Any:
    trunc = _call("date_trunc", exp.Literal.string(_unit(node)), node.this)
    return _cast(trunc, "timestamp" if _is(node.this, *_INSTANTS) else "timestamp_ntz")


def _unix_to_time(node: exp.UnixToTime) -> Any:
    return _call(
        "timestamp_micros", _cast(_call("round", exp.Mul(this=exp.Paren(this=node.this), expression=_spark("1000000"))), "bigint")
    )


def _to_interval(kind: str, *before: str) -> Rule:
    def rule(node: Any) -> Any:
        amount = node.expressions[0] if isinstance(node, exp.Anonymous) else node.this
        return _call(kind, *before, _cast(amount, "int"))

    return rule


# ---- aggregates ----


def _filter(node: exp.Filter) -> Any:
    """Bring a rule's own condition and the query's together: Spark takes one filter."""
    inner = node.this
    for collected in inner.meta.get("collected", ()):
        collected.replace(_filtered(collected.copy(), node.expression.this.copy()))
    if inner.meta.get("collected"):
        return inner
    if isinstance(inner, exp.Filter):
        both = exp.and_(inner.expression.this, node.expression.this)
        return exp.Filter(this=inner.this, expression=exp.Where(this=both))
    return node


def _filtered(call: Any, condition: Any) -> exp.Filter:
    return exp.Filter(this=call, expression=exp.Where(this=condition))


def _arg(name: str) -> Rule:
    def rule(node: Any) -> Any:
        """DuckDB leaves out rows in which the wanted value is null."""
        is_known = exp.Not(this=exp.Is(this=node.this.copy(), expression=exp.Null()))
        return _filtered(_call(name, node.this, node.expression), is_known)

    return rule


def _group_concat(node: exp.GroupConcat) -> Any:
    value, order, distinct = node.this, None, False
    if isinstance(value, exp.Order):
        value, order = value.this, value
    if isinstance(value, exp.Distinct):
        value, distinct = value.expressions[0], True
        if isinstance(value, exp.Order):
            value, order = value.this, value
    separator = node.args.get("separator") or exp.Literal.string(",")
    if distinct:
        return _distinct_texts(value, order, separator)
    call = _call("listagg", value, separator)
    if order is None:
        return call
    return exp.WithinGroup(this=call, expression=exp.Order(expressions=order.expressions))


def _distinct_texts(value: Any, order: Any, separator: Any) -> Any:
    """Spark's own listagg(distinct ... order by ...) breaks beside another aggregate of distinct values."""
    if order is not None and (
        len(order.expressions) != 1 or order.expressions[0].this != value or order.expressions[0].args.get("desc")
    ):
        raise Untranslatable(
            "string_agg(distinct x order by ...) is written for Spark where it is ordered by x, from small to large."
        )
    found = [_call("collect_set", value.copy()) for _ in range(2)]
    some = exp.GT(this=_call("size", found[0]), expression=exp.Literal.number(0))
    texts = _spark_if(some, _call("array_join", _call("array_sort", found[1]), separator))
    texts.meta["collected"] = found
    return texts


def _order_key(ordered: exp.Ordered) -> list[Any]:
    """Return what sorts as ``ordered`` does when it is compared from small to large; nulls come last."""
    value = ordered.this
    missing = exp.Paren(this=exp.Is(this=value.copy(), expression=exp.Null()))
    if not ordered.args.get("desc"):
        return [missing, value]
    if _is(value, _DATE):
        return [missing, exp.Neg(this=_call("unix_date", value))]
    if _is(value, *_INTEGERS, *_REALS, exp.DataType.Type.DECIMAL):
        return [missing, exp.Neg(this=exp.Paren(this=value))]
    raise Untranslatable(
        "Spark's first(... order by ... desc) is written for numbers and dates only, in pipelines/engines/spark_rules.py."
    )


def _first(node: exp.First) -> Any:
    if not isinstance(node.this, exp.Order):
        return node
    keys = [key for ordered in node.this.expressions for key in _order_key(ordered)]
    return _call("min_by", node.this.this, _call("struct", *keys))


def _array_agg(node: exp.ArrayAgg) -> Any:
    if not isinstance(node.this, exp.Order):
        return _call("collect_list", node.this)
    keys = [key for ordered in node.this.expressions for key in _order_key(ordered)]
    named = _call("named_struct", "'keys'", _call("struct", *keys), "'value'", node.this.this)
    return exp.Dot(this=_call("array_sort", _call("collect_list", named)), expression=exp.to_identifier("value"))


def _percentile(name: str) -> Rule:
    def rule(node: Any) -> Any:
        if isinstance(node.parent, exp.WithinGroup):
            return node
        return exp.WithinGroup(
            this=_call(name, node.expression), expression=exp.Order(expressions=[exp.Ordered(this=node.this, nulls_first=False)])
        )

    return rule


# ---- lists, rows out of lists, JSON ----


def _array(node: exp.Array) -> Any:
    return _call("array", *node.expressions)


def _struct(node: exp.Struct) -> Any:
    arguments: list[Any] = []
    for item in node.expressions:
        arguments += [exp.Literal.string(item.this.name), item.expression]
    return _call("named_struct", *arguments)


def _to_json(node: exp.Anonymous) -> Any:
    return _call("to_json", *node.expressions, "map('ignoreNullFields', 'false')")


def _bracket(node: exp.Bracket) -> Any:
    if _is(node.this, exp.DataType.Type.MAP) or not node.expressions[0].is_number:
        return node
    return _call("get", node.this, node.expressions[0])


def _series(node: exp.GenerateSeries) -> Any:
    """DuckDB's list is empty when the end lies before the start; Spark's would count down."""
    start, end, step = node.args["start"], node.args["end"], node.args.get("step")
    arguments = [start, end, *([step] if step is not None else [])]
    counted = exp.If(this=exp.LTE(this=start.copy(), expression=end.copy()), true=_call("sequence", *arguments))
    nothing = _call("slice", _call("array", start.copy()), "1", "0")
    return exp.Case(ifs=[counted, exp.If(this=exp.GT(this=start.copy(), expression=end.copy()), true=nothing)])


def _rows_of(values: Any, alias: exp.TableAlias, *, is_lateral: bool) -> Any:
    table, column = alias.this, alias.columns[0] if alias.columns else exp.to_identifier("value")
    query = exp.Select(expressions=[exp.Alias(this=_call("explode", values), alias=column.copy())])
    name = exp.TableAlias(this=table.copy() if table is not None else exp.to_identifier("series"))
    subquery = exp.Subquery(this=query)
    return exp.Lateral(this=subquery, alias=name) if is_lateral else exp.Subquery(this=query, alias=name)


def _unnest(node: exp.Unnest) -> Any:
    return _rows_of(node.expressions[0], node.args["alias"], is_lateral=True)


def _table(node: exp.Table) -> Any:
    """A series in the place of a table."""
    if not isinstance(node.this, exp.Expression) or isinstance(node.this, exp.Identifier):
        return node
    alias = node.args["alias"]
    return _rows_of(node.this, alias, is_lateral=False)


def _json_text(node: Any) -> Any:
    path = node.expression
    return _call("get_json_object", node.this, exp.Literal.string(path.sql(dialect="duckdb").strip("'")))


def _json_array_length(node: exp.Anonymous) -> Any:
    """DuckDB says 0 of what is no array; Spark says null."""
    value = node.expressions[0]
    length = exp.Coalesce(this=_call("json_array_length", value), expressions=[exp.Literal.number(0)])
    return _spark_if(exp.Not(this=exp.Is(this=value.copy(), expression=exp.Null())), _cast(length, "bigint"))


# ---- text ----


def _regexp_extract(node: exp.RegexpExtract) -> Any:
    group = node.args.get("group") or exp.Literal.number(0)
    return _call("regexp_extract", node.this, node.expression, group)


def _regexp_extract_all(node: exp.RegexpExtractAll) -> Any:
    group = node.args.get("group") or exp.Literal.number(0)
    return _call("regexp_extract_all", node.this, node.expression, group)


def _regexp_replace(node: exp.RegexpReplace) -> Any:
    replacement = node.args.get("replacement") or exp.Literal.string("")
    modifiers = node.args.get("modifiers")
    if not replacement.is_string or (modifiers is not None and modifiers.name != "g"):
        raise Untranslatable(
            "This regexp_replace() has no spelling in Spark yet; give it one in pipelines/engines/spark_rules.py."
        )
    if modifiers is None and not node.expression.name.endswith("$"):
        raise Untranslatable("Spark replaces every match: say 'g', or end the pattern with $.")
    java = replacement.name.replace("$", r"\$").replace("\\1", "$1")
    return _call("regexp_replace", node.this, node.expression, exp.Literal.string(java))


def _regexp_like(node: exp.RegexpLike) -> Any:
    flag = node.args.get("flag")
    pattern = node.expression
    if flag is not None:
        pattern = exp.DPipe(this=exp.Literal.string(f"(?{flag.name})"), expression=pattern)
    return _call("regexp_like", node.this, pattern)


def _format(node: exp.Format) -> Any:
    if node.this.name != "{:,.2f}":
        raise Untranslatable(
            f"Spark has no spelling of format('{node.this.name}') yet; give it one in pipelines/engines/spark_rules.py."
        )
    return _call("format_number", node.expressions[0], exp.Literal.number(2))


def _length(node: exp.Length) -> Any:
    is_list = _is(node.this, exp.DataType.Type.ARRAY, exp.DataType.Type.LIST) or isinstance(node.this, _LISTS)
    return _cast(_call("size" if is_list else "char_length", node.this), "bigint")


def _in(node: exp.In) -> Any:
    """Spark compares the columns of a subquery, where DuckDB also compares a row that is one column."""
    query = node.args.get("query")
    select = query.this if query is not None else None
    if isinstance(select, exp.Select) and len(select.expressions) == 1 and isinstance(select.expressions[0].unalias(), exp.Tuple):
        select.set(
            "expressions", [exp.alias_(item, f"part_{at}") for at, item in enumerate(select.expressions[0].unalias().expressions)]
        )
    return node


def _renamed(name: str) -> Rule:
    def rule(node: Any) -> Any:
        return _call(name, *node.expressions) if isinstance(node, exp.Anonymous) else _call(name, node.this, *_arguments(node))

    return rule


def _arguments(node: Any) -> list[Any]:
    return [node.expression] if node.args.get("expression") is not None else []


RULES: Final[dict[type, Rule]] = {
    exp.Cast: _cast_rule,
    exp.TryCast: _cast_rule,
    exp.Div: _div,
    exp.Avg: _avg,
    exp.Round: _round,
    exp.TimeToStr: _time_to_str,
    exp.DateDiff: _date_diff,
    exp.Add: _add_or_subtract,
    exp.Sub: _add_or_subtract,
    exp.Dayname: _dayname,
    exp.Extract: _extract,
    exp.DateTrunc: _date_trunc,
    exp.TimestampTrunc: _date_trunc,
    exp.UnixToTime: _unix_to_time,
    exp.ToDays: _to_interval("make_dt_interval"),
    exp.Filter: _filter,
    exp.ArgMax: _arg("max_by"),
    exp.ArgMin: _arg("min_by"),
    exp.GroupConcat: _group_concat,
    exp.First: _first,
    exp.ArrayAgg: _array_agg,
    exp.PercentileCont: _percentile("percentile_cont"),
    exp.PercentileDisc: _percentile("percentile_disc"),
    exp.Array: _array,
    exp.Struct: _struct,
    exp.Bracket: _bracket,
    exp.GenerateSeries: _series,
    exp.Unnest: _unnest,
    exp.Table: _table,
    exp.JSONExtract: _json_text,
    exp.JSONExtractScalar: _json_text,
    exp.RegexpExtract: _regexp_extract,
    exp.RegexpExtractAll: _regexp_extract_all,
    exp.RegexpReplace: _regexp_replace,
    exp.RegexpLike: _regexp_like,
    exp.Format: _format,
    exp.Length: _length,
    exp.In: _in,
    exp.JarowinklerSimilarity: _renamed("jaro_winkler_similarity"),
    exp.LogicalOr: _renamed("bool_or"),
    exp.LogicalAnd: _renamed("bool_and"),
}
FUNCTIONS: Final[dict[str, Rule]] = {
    "timezone": _timezone,
    "to_json": _to_json,
    "json_array_length": _json_array_length,
    "nfc_normalize": _renamed("nfc_normalize"),
    "to_months": _to_interval("make_ym_interval", "0"),
    "to_hours": _to_interval("make_dt_interval", "0"),
    "to_seconds": _to_interval("make_dt_interval", "0", "0", "0"),
}
