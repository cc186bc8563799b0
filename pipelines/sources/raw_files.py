"""The raw tables of files that people hand in, column by column; ``raw.py`` has those of the vendors and says what their types are."""

from __future__ import annotations

from typing import Final

Columns = dict[str, str]

_RECORD_OF_A_FILE: Final[Columns] = {
    "file_name": "text",
    "file_sha256": "text",
    "line_number": "bigint",
    "imported_at": "timestamp",  # when a file of this content was imported first
    "id": "text",
    "fields_json": "text",  # {vendor's field: text as the vendor would send it}; every field that the file has, empty ones as null
}

# table -> column -> dlt data type
FILES_TABLES: Final[dict[str, Columns]] = {
    "exports": {  # what of the exports in folders and buckets was read, and in which state it was
        "export_name": "text",
        "billing_period": "text",  # 2026-11
        "fingerprint": "text",  # of the manifest and the data files: another one means that there is something to read
        "manifest": "text",
        "file_count": "bigint",
        "row_count": "bigint",
        "quarantined_count": "bigint",
    },
    "focus_costs": {
        "file_name": "text",  # of an export <its name>/BILLING_PERIOD=2026-11/<file>
        "file_sha256": "text",
        "line_number": "bigint",
        "billing_account_id": "text",
        "billing_period_start": "timestamp",
        "billing_period_end": "timestamp",
        "charge_period_start": "timestamp",
        "charge_period_end": "timestamp",
        "charge_category": "text",
        "charge_class": "text",
        "charge_description": "text",
        "provider_name": "text",
        "publisher_name": "text",
        "invoice_issuer_name": "text",
        "sub_account_id": "text",
        "sub_account_name": "text",
        "service_category": "text",
        "service_name": "text",
        "resource_id": "text",
        "region_id": "text",
        "billing_currency": "text",
        "billed_cost": "text",  # decimal string, unrounded
        "effective_cost": "text",
        "list_cost": "text",
        "tags_json": "text",
        "row_json": "text",  # every column of the row as it was in the file
    },
    "daily_costs": {  # what the charges of a period's Parquet files came to; the charges stay in the files
        "export_name": "text",
        "billing_period": "text",
        "provider_name": "text",
        "billing_account_id": "text",
        "sub_account_id": "text",
        "sub_account_name": "text",
        "service_name": "text",
        "usage_on": "date",  # in UTC
        "billing_month_on": "date",
        "charge_category": "text",
        "billing_currency": "text",
        "is_negative": "bool",  # charges and credits of a day are not mixed
        "tags_json": "text",  # the keys of map_cost_tags.csv
        "line_count": "bigint",
        "billed_cost": "text",  # decimal string
        "effective_cost": "text",
    },
    "usage": {
        "file_name": "text",
        "file_sha256": "text",
        "line_number": "bigint",
        "hub": "text",  # as the file calls it: a hub, cluster or engagement
        "period_kind": "text",  # day | month
        "period_on": "date",  # the day, or the first of the month
        "user_count": "bigint",  # null: the file says that there is no data
        "user_key": "text",  # one person of that period: a keyed hash; the count is then not used
        "is_staff": "bool",
    },
    "accounts": {  # which deal a cloud account belongs to
        "file_name": "text",
        "file_sha256": "text",
        "line_number": "bigint",
        "provider": "text",
        "sub_account_id": "text",
        "deal_id": "text",
        "cluster_name": "text",
        "valid_from": "date",
        "valid_to": "date",
        "is_paid_by_us": "bool",  # null: the file does not say
    },
    "billing_columns": {  # the columns of the cloud-billing sheet
        "file_name": "text",
        "file_sha256": "text",
        "column_number": "bigint",
        "header": "text",
        "deal_id": "text",  # the number in it, alone or in an address
        "last_filled_line": "bigint",
    },
    "invoices": {
        "file_name": "text",
        "file_sha256": "text",
        "line_number": "bigint",
        "invoice_id": "text",
        "issued_on": "date",
        "due_on": "date",
        "deal_ref": "text",  # the number of a deal, or its address in HubSpot
        "component": "text",  # membership | usage | cloud | service
        "service_from_on": "date",
        "service_to_on": "date",
        "amount": "text",  # negative: a credit note
        "paid_amount": "text",  # null: nobody said
        "currency": "text",
    },
    "deals": {  # raw_hubspot is made of them where rule_file_sources.csv says so (files_vendors.py)
        **_RECORD_OF_A_FILE,
        "owner_name": "text",
        "companies_json": "text",  # [{"id": ..., "name": ...}]
    },
    "engagements": _RECORD_OF_A_FILE,  # likewise raw_airtable
}
