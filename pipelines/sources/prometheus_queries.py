"""The queries of map_usage_queries.csv: what Prometheus is asked for the users of hubs, and which label says whose they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    from pipelines.rules import Rules

# JupyterHub's own chart labels the pods of people with their names, and other exporters their series
_NAMES_PEOPLE: Final = re.compile(r"user|mail|login|person|people|owner|annotation", re.IGNORECASE)


@dataclass(frozen=True)
class UsageQuery:
    """One row: ``promql`` gives a number of people for each value of ``hub_label``, at the end of a ``day`` or ``month`` (UTC)."""

    query_key: str
    promql: str
    hub_label: str
    period_kind: str


def queries_of(rules: Rules) -> list[UsageQuery]:
    """Return the queries in the order of the table. Raises ConfigurationError when there is none, or one whose label names people."""
    where = rules.directory / "map_usage_queries.csv"
    queries = [
        UsageQuery(row["query_key"], row["promql"], row["hub_label"], row["period_kind"])
        for row in rules.table("map_usage_queries")
    ]
    if not queries:
        raise ConfigurationError(
            f"{where} has no row, so it is unknown what to ask Prometheus for. Copy a row of dbt/seeds/default/map_usage_queries.csv, or "
            "take the row prometheus out of rule_sources.csv."
        )
    for query in queries:
        if _NAMES_PEOPLE.search(query.hub_label):
            raise ConfigurationError(
                f"{where}: the hub_label {query.hub_label!r} of {query.query_key} reads like one that names people, and people are not "
                "stored. Write the label that names the hub, such as namespace."
            )
    return queries
