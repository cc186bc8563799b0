"""The raw tables that the sources land, column by column.

One place says which tables ``raw_<source>`` holds, so that the models compile before a vendor has ever answered (the tables are
then empty) and so that a column exists even when every value of it was empty. Columns named ``*_json`` hold JSON as text exactly
as the vendor sent it: a portal's own fields never change the schema. Every table also has dlt's ``_dlt_load_id`` and ``_dlt_id``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipelines.sources.raw_files import FILES_TABLES, Columns

if TYPE_CHECKING:
    import duckdb

_HUBSPOT_RECORD: Final[Columns] = {
    "id": "text",
    "object_type_id": "text",  # 0-3, 2-4100, ...: what the portal calls it
    "properties_json": "text",  # {"dealname": "...", ...}; unset is null
    "created_at": "timestamp",
    "updated_at": "timestamp",
    "archived": "bool",
    "archived_at": "timestamp",
}


# source -> table -> column -> dlt data type
RAW_TABLES: Final[dict[str, dict[str, Columns]]] = {
    "hubspot": {
        "deals": _HUBSPOT_RECORD,
        "companies": _HUBSPOT_RECORD,
        "contacts": _HUBSPOT_RECORD,
        "communities": _HUBSPOT_RECORD,
        "orders": _HUBSPOT_RECORD,
        "line_items": _HUBSPOT_RECORD,
        "property_histories": {
            "object_type": "text",
            "id": "text",
            "updated_at": "timestamp",  # of the record when its history was read
            "histories_json": "text",  # {"dealstage": [{"value":..., "timestamp":..., "sourceType":...}]}, as sent
        },
        "readings": {  # how each object was read, and from when the next reading goes on
            "object_type": "text",
            "mode": "text",  # full | incremental
            "reason": "text",
            "asked": "text",  # fingerprint of what was asked for: when it changes, what is there is not what is wanted
            "cursor_at": "timestamp",
            "full_at": "timestamp",
            "record_count": "bigint",  # live ones after this reading
            "vendor_count": "bigint",  # live ones by the portal's own count; null when the list itself was read
        },
        "owners": {
            "id": "text",
            "user_id": "text",
            "email": "text",
            "first_name": "text",
            "last_name": "text",
            "archived": "bool",
            "teams_json": "text",
            "created_at": "timestamp",
            "updated_at": "timestamp",
        },
        "pipelines": {"object_type": "text", "id": "text", "label": "text", "display_order": "bigint", "archived": "bool"},
        "pipeline_stages": {
            "object_type": "text",
            "pipeline_id": "text",
            "id": "text",
            "label": "text",
            "display_order": "bigint",
            "is_closed": "bool",
            "probability": "double",
            "archived": "bool",
        },
        "properties": {
            "object_type": "text",  # deals, companies, ... (our word, not the id)
            "name": "text",
            "label": "text",
            "type": "text",
            "field_type": "text",
            "is_calculated": "bool",
            "is_read_only": "bool",
            "options_json": "text",
            "archived": "bool",
        },
        "associations": {
            "from_object": "text",  # deals, communities, ... (our word)
            "from_id": "text",
            "to_object": "text",
            "to_id": "text",
            "category": "text",  # HUBSPOT_DEFINED | USER_DEFINED
            "type_id": "bigint",
            "label": "text",  # null for the unlabelled type
        },
        "association_labels": {
            "from_object": "text",
            "to_object": "text",
            "category": "text",
            "type_id": "bigint",
            "label": "text",
        },
    },
    "airtable": {
        "tables": {"base_id": "text", "id": "text", "name": "text", "primary_field_id": "text"},
        "fields": {
            "base_id": "text",
            "table_id": "text",
            "id": "text",
            "name": "text",
            "type": "text",
            "options_json": "text",
        },
        "records": {
            "base_id": "text",
            "table_id": "text",
            "id": "text",
            "created_at": "timestamp",
            "fields_json": "text",  # {"fld...": value}; empty fields are absent
        },
    },
    "asana": {
        "users": {"id": "text", "name": "text", "email": "text"},
        "custom_fields": {"id": "text", "name": "text", "type": "text", "enum_options_json": "text"},
        "portfolios": {"id": "text", "name": "text", "owner_id": "text"},
        "portfolio_items": {"portfolio_id": "text", "project_id": "text"},
        "projects": {
            "id": "text",
            "workspace_id": "text",
            "name": "text",
            "archived": "bool",
            "completed": "bool",
            "completed_at": "timestamp",
            "start_on": "date",
            "due_on": "date",
            "created_at": "timestamp",
            "modified_at": "timestamp",
            "owner_id": "text",
            "owner_name": "text",
            "team_name": "text",
            "template_id": "text",
            "permalink_url": "text",
            "status_type": "text",  # on_track | at_risk | off_track | on_hold | complete, of the latest status update
            "status_title": "text",
            "status_at": "timestamp",
            "custom_fields_json": "text",  # {gid: value}: text, number, day, name of the option, list of names
        },
        "tasks": {
            "id": "text",
            "project_id": "text",
            "parent_id": "text",
            "name": "text",
            "completed": "bool",
            "completed_at": "timestamp",
            "start_on": "date",
            "due_on": "date",
            "created_at": "timestamp",
            "modified_at": "timestamp",
            "assignee_id": "text",
            "assignee_name": "text",
            "actual_time_minutes": "double",
            "permalink_url": "text",
            "custom_fields_json": "text",
        },
        "status_updates": {
            "id": "text",
            "project_id": "text",
            "status_type": "text",
            "title": "text",
            "author_name": "text",
            "created_at": "timestamp",
        },
        "project_templates": {"id": "text", "name": "text", "team_id": "text", "requested_dates_json": "text"},
    },
    "github": {
        "projects": {
            "organization": "text",
            "number": "bigint",
            "node_id": "text",
            "title": "text",
            "state": "text",
            "html_url": "text",
        },
        "project_fields": {
            "project_number": "bigint",
            "id": "text",
            "name": "text",
            "data_type": "text",
            "options_json": "text",
        },
        "project_iterations": {  # completed ones included
            "project_number": "bigint",
            "field_id": "text",
            "id": "text",
            "title": "text",
            "start_on": "date",
            "duration_days": "bigint",
            "is_completed": "bool",
        },
        "project_items": {
            "project_number": "bigint",
            "id": "text",
            "node_id": "text",
            "content_type": "text",  # Issue | PullRequest | DraftIssue
            "is_redacted": "bool",  # the token may not see what is behind it
            "content_node_id": "text",
            "content_url": "text",
            "title": "text",
            "fields_json": "text",  # [{"id":..., "name":..., "data_type":..., "value": ...}]
            "created_at": "timestamp",
            "updated_at": "timestamp",
            "archived_at": "timestamp",
        },
        "item_values": {  # one row for each cell that is not empty; which of the typed columns are set depends on data_type
            "project_number": "bigint",
            "item_id": "text",
            "field_id": "text",
            "data_type": "text",
            "value_text": "text",  # as people read it; of lists the members, separated by commas
            "value_number": "double",
            "value_on": "date",
            "value_id": "text",  # of the option, iteration, milestone, repository or issue
            "value_json": "text",  # as sent
        },
        "draft_issues": {
            "project_number": "bigint",
            "item_id": "text",
            "node_id": "text",
            "title": "text",
            "body": "text",
            "author_login": "text",
            "created_at": "timestamp",
            "updated_at": "timestamp",
        },
        "pull_requests": {  # those behind items
            "repository": "text",  # owner/name
            "number": "bigint",
            "node_id": "text",
            "title": "text",
            "state": "text",  # open | closed
            "is_draft": "bool",
            "merged_at": "timestamp",  # null: not merged
            "author_login": "text",
            "labels_json": "text",
            "assignees_json": "text",
            "reviewers_json": "text",  # people and teams who were asked and have not answered
            "milestone_title": "text",
            "html_url": "text",
            "created_at": "timestamp",
            "updated_at": "timestamp",
            "closed_at": "timestamp",
        },
        "issues": {
            "repository": "text",  # owner/name
            "number": "bigint",
            "node_id": "text",
            "title": "text",
            "body": "text",
            "state": "text",
            "state_reason": "text",
            "issue_type": "text",
            "author_login": "text",
            "labels_json": "text",
            "assignees_json": "text",
            "milestone_title": "text",
            "html_url": "text",
            "created_at": "timestamp",
            "updated_at": "timestamp",
            "closed_at": "timestamp",
        },
    },
    "aws": {
        "accounts": {"payer_account_id": "text", "id": "text", "name": "text", "status": "text"},
        "readings": {  # what the last reading asked for, and what it cost
            "payer_account_id": "text",
            "window_start_on": "date",  # days before it are as earlier readings left them
            "window_end_on": "date",  # exclusive
            "paid_call_count": "bigint",
            "paid_usd": "text",
        },
        "costs": {
            "payer_account_id": "text",
            "usage_on": "date",  # start of the UTC billing day
            "account_id": "text",
            "service": "text",
            "record_type": "text",  # Usage, Credit, Refund, Tax, ...
            "amount": "text",  # decimal string as sent: UnblendedCost
            "currency": "text",
            "is_estimated": "bool",
        },
        "cost_tags": {  # the same costs once more for each tag key of map_cost_tags.csv
            "payer_account_id": "text",
            "usage_on": "date",
            "account_id": "text",
            "tag_key": "text",
            "tag_value": "text",  # empty: no such tag
            "record_type": "text",
            "amount": "text",
            "currency": "text",
            "is_estimated": "bool",
        },
        "cost_forecasts": {
            "payer_account_id": "text",
            "account_id": "text",  # null: the whole payer
            "period_start_on": "date",
            "period_end_on": "date",  # exclusive, as sent
            "mean_amount": "text",
            "low_amount": "text",
            "high_amount": "text",
            "currency": "text",
        },
        "budgets": {
            "account_id": "text",  # the account that owns the budget (AccountId of the request)
            "name": "text",
            "budget_type": "text",
            "time_unit": "text",
            "limit_amount": "text",
            "currency": "text",
            "actual_amount": "text",
            "forecast_amount": "text",
            "cost_filters_json": "text",
            "is_auto_adjusting": "bool",
            "updated_at": "timestamp",
        },
        "budget_notifications": {
            "account_id": "text",
            "budget_name": "text",
            "notification_type": "text",  # ACTUAL | FORECASTED
            "comparison": "text",
            "threshold": "double",
            "threshold_type": "text",
            "state": "text",  # OK | ALARM
        },
        "budget_subscribers": {
            "account_id": "text",
            "budget_name": "text",
            "notification_type": "text",
            "comparison": "text",
            "threshold": "double",
            "threshold_type": "text",
            "subscription_type": "text",  # EMAIL | SNS
            "address": "text",  # a keyed hash of an e-mail address, or the topic
        },
    },
    "sheets": {
        "tabs": {  # one row: the tab of the cloud-billing spreadsheet that has a column for each deal
            "id": "text",  # <spreadsheet>/<tab's number>
            "spreadsheet_id": "text",
            "title": "text",  # of the spreadsheet
            "tab_id": "bigint",
            "tab_title": "text",
            "row_count": "bigint",  # of the grid, filled or not
            "column_count": "bigint",
            "last_column": "bigint",  # the last one in which anything stands, be it a formula that shows nothing
            "fingerprint": "text",  # of the names of the columns and the formulas of the last one
        },
        "billing_columns": {  # its columns, as files.billing_columns has those of a download
            "id": "text",  # <spreadsheet>/<tab's number>/<column's number>
            "file_name": "text",  # the title of the tab
            "column_number": "bigint",
            "header": "text",
            "deal_id": "text",
            "last_filled_line": "bigint",
            "formulas_json": "text",  # {"line": "=..."}: what is reckoned in it, without its header
        },
    },
    "intacct": {
        "invoices": {  # of accounts receivable, drafts and reversals too
            "id": "text",  # the key, by which the lines name it
            "invoice_number": "text",
            "issued_on": "date",
            "due_on": "date",
            "state": "text",  # rule_invoice_states.csv says which ones count
            "deal_ref": "text",
            "amount": "text",  # decimal string, in the invoice's currency
            "open_amount": "text",  # what of it is still due
            "currency": "text",
        },
        "invoice_lines": {
            "id": "text",
            "invoice_key": "text",
            "line_number": "bigint",  # within its invoice
            "deal_ref": "text",
            "item_ref": "text",  # map_invoice_items.csv says which component it is
            "service_from_on": "date",
            "service_to_on": "date",
            "amount": "text",
        },
    },
    "prometheus": {
        "users": {  # one row for each hub and period; what the server no longer has stays
            "query_key": "text",  # of map_usage_queries.csv
            "hub": "text",  # the value of the label that names it; no other label is kept
            "period_kind": "text",  # day | month
            "period_on": "date",  # the day, or the first of the month, in UTC
            "user_count": "bigint",
            "is_sandbox": "bool",  # invented: such rows do not stay once a server is read
        },
    },
    "files": FILES_TABLES,
}

OPS_TABLES: Final[dict[str, Columns]] = {
    "run": {
        "run_id": "text",
        "as_of_on": "date",
        "started_at": "timestamp",
        "is_sandbox": "bool",  # any source was read from the sandbox
        "rules_profile": "text",
        "version": "text",
    },
    "source_status": {  # one row per source: the state of its data in this snapshot
        "source": "text",
        "status": "text",  # complete | stale | never
        "is_sandbox": "bool",
        "last_attempt_at": "timestamp",
        "last_complete_at": "timestamp",
        "error": "text",  # one sentence; null when complete
        "row_count": "bigint",
        "request_count": "bigint",
        "retry_count": "bigint",
        "quarantined_count": "bigint",
        "load_seconds": "double",
        "load_id": "text",
    },
    "source_tables": {"source": "text", "table_name": "text", "row_count": "bigint", "page_count": "bigint"},
    "quarantine": {
        "source": "text",
        "table_name": "text",
        "record_ref": "text",  # id, or file and line
        "reason": "text",
        "payload": "text",
        "quarantined_at": "timestamp",
        "load_id": "text",
    },
    "drift": {  # how the vendors' fields changed from load to load; kept for 90 days (drift.py)
        "source": "text",
        "table_name": "text",  # the object, as people call it
        "field": "text",  # the vendor's id, in HubSpot the property's name
        "field_name": "text",
        "kind": "text",  # added | removed | renamed | type_changed | options_removed | options_added | option_renamed
        "before": "text",
        "after": "text",
        "is_mapped": "bool",  # map_fields.csv uses the field
        "what_to_do": "text",  # one sentence; null when nothing must be done
        "seen_at": "timestamp",
        "load_id": "text",
    },
    "decisions": {  # what people decided about findings, as the ledger has it; the last one about a finding counts
        "seq": "bigint",
        "finding_id": "text",
        "kind": "text",  # ack | snooze | waive | reopen
        "until_on": "date",  # of a snooze: the day on which the finding is back
        "reason": "text",
        "decided_by": "text",
        "decided_at": "timestamp",
        "evidence_hash": "text",  # of what the decision was about
    },
    "writes": {  # what `handoff apply` wrote and no load has confirmed yet, as the ledger has it
        **dict.fromkeys(("plan_id", "change_id", "finding_id", "recipe", "system", "object"), "text"),
        "record_id": "text",  # of a record that was made its id, of an issue its address
        **dict.fromkeys(("field", "before", "after"), "text"),
        "is_created": "bool",
        "record_url": "text",
        "written_at": "timestamp",
        "written_by": "text",
        # of what no load holds and each sync reads one by one: verified | did_not_stick, and what was seen there
        **dict.fromkeys(("read_status", "read_value"), "text"),
    },
    "finding_states": {  # marts.fct_finding_states as the snapshot before had it
        **dict.fromkeys(
            ("finding_id", "rule_id", "report", "status", "severity", "subject_type", "subject_id", "subject"), "text"
        ),
        **dict.fromkeys(("deal_id", "community_name", "owner_team", "owner"), "text"),
        "due_on": "date",
        "is_overdue": "bool",
        **dict.fromkeys(("reason", "what_to_do", "fix_action", "record_url", "evidence"), "text"),
        "as_of_on": "date",
        "state": "text",
        **dict.fromkeys(("state_since_at", "first_seen_at", "last_seen_at", "resolved_at"), "timestamp"),
        "reopen_count": "bigint",
        "snoozed_until_on": "date",
        "decision_reason": "text",
        "decided_by": "text",
        "decided_at": "timestamp",
        "evidence_hash": "text",
        "material_hash": "text",
        "ended_decision_seq": "bigint",  # the last decision that is over
    },
}

_DUCKDB_TYPES: Final = {
    "text": "VARCHAR",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
    "date": "DATE",
}


def _columns_sql(columns: Columns) -> str:
    return ", ".join(f'"{name}" {_DUCKDB_TYPES[kind]}' for name, kind in columns.items())


def create_missing_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create, empty, every raw and ops table, and every column of them, that the database does not have yet."""
    for source, tables in RAW_TABLES.items():
        connection.execute(f"create schema if not exists raw_{source}")
        for table, columns in tables.items():
            connection.execute(
                f'create table if not exists raw_{source}."{table}" ({_columns_sql(columns)}, '
                "_dlt_load_id VARCHAR, _dlt_id VARCHAR)"
            )
            for name, kind in columns.items():  # a table of an earlier version may lack some
                connection.execute(f'alter table raw_{source}."{table}" add column if not exists "{name}" {_DUCKDB_TYPES[kind]}')
    connection.execute("create schema if not exists ops")
    for table, columns in OPS_TABLES.items():
        connection.execute(f'create table if not exists ops."{table}" ({_columns_sql(columns)})')
        for name, kind in columns.items():
            connection.execute(f'alter table ops."{table}" add column if not exists "{name}" {_DUCKDB_TYPES[kind]}')
