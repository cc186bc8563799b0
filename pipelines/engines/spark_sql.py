"""Says in Spark's SQL what a model says in DuckDB's.

sqlglot reads DuckDB's dialect, finds the type of every expression and writes Spark's; what it leaves different, or does not know, is a
rule of spark_rules.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlglot import exp, parse_one
from sqlglot.dialects.spark import Spark
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from pipelines.engines.spark_rules import FUNCTIONS, RULES, Untranslatable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlglot.schema import MappingSchema


@dataclass(frozen=True)
class Walk:
    """A recursive CTE that leaves out what was reached already, which Spark does not have: it is repeated until it finds nothing new."""

    view: str
    first: str
    further: str


@dataclass(frozen=True)
class Statement:
    """One query of Spark, and the walks whose views it reads, in their order."""

    query: str
    walks: tuple[Walk, ...] = ()


def spark_sql(sql: str, schema: MappingSchema) -> Statement:
    """Return the query ``sql`` of DuckDB as one of Spark that gives the same rows; ``schema`` knows the columns of every table it reads.

    Raises Untranslatable where this module has no spelling.
    """
    tree = qualify(
        parse_one(sql, read="duckdb"), schema=schema, dialect="duckdb", quote_identifiers=False, validate_qualify_columns=False
    )
    for union in list(tree.find_all(exp.SetOperation)):
        _by_position(union)
    tree = annotate_types(tree, schema=schema, dialect="duckdb")
    for call in list(tree.find_all(exp.Transform, exp.ArrayFilter)):
        _bring_subqueries_out(call)
    for table in list(tree.find_all(exp.Table)):
        if table.db:
            table.replace(_view(table))
    walks = [Walk(view, _written(first), _written(further)) for view, first, further in _walks_of(tree)]
    return Statement(_written(tree), tuple(walks))


def _written(tree: Any) -> str:
    return str(_rewritten(tree).sql(dialect=Spark, normalize_functions=False, identify=True))


def _walks_of(tree: Any) -> Iterator[tuple[str, Any, Any]]:
    """Take the walks out of ``tree``; each needs the CTEs that stand before it."""
    ctes = tree.args.get("with_")
    if ctes is None or not ctes.recursive:
        return
    for cte in list(ctes.expressions):
        if isinstance(cte.this, exp.Union) and cte.this.args.get("distinct") and _reads(cte.this, cte.alias):
            before = ctes.expressions[: ctes.expressions.index(cte)]
            first, further = cte.this.this.copy(), cte.this.expression.copy()
            for part in (first, further):
                part.set("with_", exp.With(expressions=[earlier.copy() for earlier in before]))
            cte.pop()
            yield cte.alias, first, further
    if not any(_reads(cte.this, cte.alias) for cte in ctes.expressions):
        ctes.set("recursive", False)


def _reads(query: Any, name: str) -> bool:
    return any(table.name == name and not table.db for table in query.find_all(exp.Table))


def _by_position(union: exp.SetOperation) -> None:
    """Spark unites by position only: give both sides of a union by name the same columns in the same order."""
    if not union.args.get("by_name"):
        return
    left, right = (list(_selects(side)) for side in (union.this, union.expression))
    names = list(dict.fromkeys([*left[0].named_selects, *right[0].named_selects]))
    for select in [*left, *right]:
        known = {item.alias_or_name: item for item in select.expressions}
        select.set("expressions", [known[name] if name in known else exp.alias_(exp.Null(), name) for name in names])
    union.set("by_name", False)


def _selects(side: Any) -> Iterator[Any]:
    if isinstance(side, exp.SetOperation):
        _by_position(side)
        yield from _selects(side.this)
        yield from _selects(side.expression)
    else:
        yield side.unnest()


def _bring_subqueries_out(call: Any) -> None:
    """Spark evaluates no subquery within a function over a list: join its one value to the query that asks for it."""
    query = call.find_ancestor(exp.Select)
    for subquery in [] if query is None else list(call.find_all(exp.Subquery)):
        if query.args.get("group") is not None:
            raise Untranslatable(
                "A function over a list in a grouped query may hold no subquery on Spark: compute its value in a CTE before."
            )
        name = f"value_{len(query.args.get('joins') or [])}"
        column = subquery.this.named_selects[0]
        value = exp.column(column, table=name)
        value.type = subquery.type
        subquery.replace(value)
        query.join(exp.Subquery(this=subquery.this), on=exp.true(), join_type="left", join_alias=name, copy=False)


def view_name(schema: str, table: str) -> str:
    """Return what a table of DuckDB is called in the session of Spark, which has no schemas."""
    return f"{schema}__{table}"


def _view(table: exp.Table) -> Any:
    view = exp.to_table(view_name(table.db, table.name))
    view.set("alias", table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name)))
    view.set("joins", table.args.get("joins"))
    return view


def _rewritten(tree: Any) -> Any:
    """Apply the rules from the leaves up: a rule sees translated arguments, with the types that they had in DuckDB."""
    for node in reversed(list(tree.walk(bfs=False))):
        rule = FUNCTIONS.get(node.name.lower()) if isinstance(node, exp.Anonymous) else RULES.get(type(node))
        if isinstance(node, exp.Anonymous) and rule is None and not node.meta.get("spark"):
            raise Untranslatable(f"Spark has no spelling of {node.name}() yet; give it one in pipelines/engines/spark_rules.py.")
        if rule is None:
            continue
        new = rule(node)
        if new is node:
            continue
        new.type = node.type
        if node is tree:
            tree = new
        else:
            node.replace(new)
    return tree
