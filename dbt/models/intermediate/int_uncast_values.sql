-- One row per value that stands in a vendor's field and is not what the field should hold: an amount that is no number, a date
-- that is none. The models treat it as unknown; here it is named, so that nothing becomes empty in silence.
with

typed_fields as (
    select * from {{ ref('map_fields') }}
    where
        canonical_field in (
            'amount', 'prepaid_cloud', 'monthly_cloud_budget',
            'start_on', 'end_on', 'target_start_on', 'target_end_on', 'amended_end_on', 'next_break_on', 'expiry_notice_on',
            'closed_on', 'last_contacted_at'
        )
),

records as (
    select
        'hubspot' as system,
        'deals' as object,
        deal_id as record_id,
        {{ json_map('properties_json') }} as cells,
        _load_id
    from {{ ref('stg_hubspot__deals') }}
    union all
    select
        'airtable' as system,
        'engagements' as object,
        engagement_id as record_id,
        {{ json_map('fields_json') }} as cells,
        _load_id
    from {{ ref('stg_airtable__engagements') }}
    union all
    select
        'asana' as system,
        'engagements' as object,
        engagement_id as record_id,
        {{ json_map('fields_json') }} as cells,
        _load_id
    from {{ ref('stg_asana__engagements') }}
),

sent as (
    select
        records.system,
        records.object,
        records.record_id,
        typed_fields.canonical_field,
        typed_fields.vendor_field,
        records.cells[typed_fields.vendor_field] as cell,
        typed_fields.canonical_field in ('amount', 'prepaid_cloud', 'monthly_cloud_budget') as is_amount,
        records._load_id
    from records
    inner join typed_fields on records.system = typed_fields.system and records.object = typed_fields.object
),

-- an error of a formula stays, so that it is named
cells as (
    select
        system,
        object,
        record_id,
        canonical_field,
        vendor_field,
        is_amount,
        _load_id,
        case when system = 'airtable' then coalesce({{ airtable_text('cell') }}, cell) else cell end as value
    from sent
),

final as (
    select
        system as source,
        object as table_name,
        record_id || ', ' || vendor_field as record_ref,
        case when is_amount then 'is not a number' else 'is not a date' end as problem,
        value,
        _load_id
    from cells
    where not {{ is_empty('value') }}
        and case
            when is_amount then try_cast(value as decimal(18, 2)) is null
            else {{ hubspot_date('value') }} is null
        end
)

select * from final
