"""Prometheus: whether the server answers, and whether the hubs that each query of map_usage_queries.csv names are known here.

    GET <PROMETHEUS_URL>/api/v1/query_range  -> what each query says of the end of the newest complete day or month

https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries
"""

from __future__ import annotations

from contextlib import closing
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING, Final

import duckdb

from pipelines import clock, warehouse
from pipelines.sources.prometheus import DAY, Stretch, hub_of, open_prometheus
from pipelines.sources.prometheus_queries import queries_of

if TYPE_CHECKING:
    from pipelines.access.inquiry import Inquiry
    from pipelines.rules import Rules
    from pipelines.settings import Settings
    from pipelines.sources.prometheus_queries import UsageQuery

# what a hub may be called so that the models find its engagement (int_hub_engagements)
_NAMES: Final = """
select engagement_id as name from intermediate.int_delivery_engagements
union select engagement_name from intermediate.int_delivery_engagements where engagement_name is not null
union select community_id from staging.stg_hubspot__communities where community_id is not null
"""


def ask(settings: Settings, rules: Rules, inquiry: Inquiry) -> str:
    """Return what is fine about the access to Prometheus; ``inquiry`` keeps the rest. Raises HandoffError."""
    client = open_prometheus(settings, sandbox_url=None)
    known = _known(settings, rules)
    counted = []
    with closing(client.transport):
        for query in queries_of(rules):
            stretch = client.stretches(query, clock.now().date())[0]
            series = inquiry.ask(partial(client.series, query, Stretch(stretch.last, stretch.last)))
            told = client.transport.vendor_time
            inquiry.compare_clocks(format_datetime(told, usegmt=True) if told is not None else None)
            if series is not None:
                hubs = {hub_of(query, one).strip() for one in series} - {""}
                if not series:
                    inquiry.note(
                        f"The query {query.query_key} finds nothing at the end of {stretch.last - DAY:%-d %B %Y}. Try its promql at the "
                        "server, and correct it in map_usage_queries.csv: a metric may have another prefix or lack that label."
                    )
                _note_hubs(inquiry, query, has_series=bool(series), hubs=hubs, known=known)
                if hubs:
                    counted.append(f"{query.query_key} names {len(hubs)} hub{'s' if len(hubs) > 1 else ''}")
    if not counted:
        return ""
    return f"the server answers: {', '.join(counted)}; `handoff report usage-hubs` says whose each hub is. It is asked and never written to."


def _note_hubs(inquiry: Inquiry, query: UsageQuery, *, has_series: bool, hubs: set[str], known: set[str] | None) -> None:
    """Note a query that leads to no hub. Nothing is known where no snapshot is; then nothing is said."""
    if has_series and not hubs:
        inquiry.note(
            f"No series of the query {query.query_key} has the label {query.hub_label!r}, so nobody knows their hubs. Aggregate by that "
            "label in promql, or correct hub_label in map_usage_queries.csv."
        )
    strange = sorted(hub for hub in hubs if known is not None and hub.lower() not in known)
    if hubs and len(strange) == len(hubs):
        named = ", ".join(strange[:5]) + (f" and {len(strange) - 5} more" if len(strange) > 5 else "")
        inquiry.note(
            f"The query {query.query_key} names hubs by the label {query.hub_label!r}, and none of them is known here: {named}. Name their "
            "deals in map_hubs_to_deals.csv, or correct hub_label in map_usage_queries.csv."
        )


def _known(settings: Settings, rules: Rules) -> set[str] | None:
    """Return what the hubs of engagements may be called, in lower case; None where no snapshot can tell."""
    version = warehouse.current_version(settings.handoff_home)
    if version is None:
        return None
    try:
        with closing(warehouse.Snapshot(version)) as snapshot:
            names = {row["name"].strip().lower() for row in snapshot.rows(_NAMES)}
    except duckdb.Error:
        return None  # the snapshot's own line says what is wrong with it
    return names | {row["hub"].strip().lower() for row in rules.table("map_hubs_to_deals")}
