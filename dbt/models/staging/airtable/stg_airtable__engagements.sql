with

fields as (
    {{ vendor_fields('airtable', 'engagements', [
        'table_id', 'engagement_name', 'status', 'deal_url', 'community_name', 'start_on', 'end_on', 'delivery_owner',
        'monthly_cloud_budget', 'cloud_provider', 'cloud_region', 'expiry_notice_on', 'rag', 'status_updated_on', 'action',
        'admin_access_on', 'confirmed_on', 'confirmed_by', 'bd_notified_on', 'contract_value',
        'extended_until_on', 'decommissioned_on', 'offboarding_url',
    ]) }}
),

source as (
    select
        records.base_id,
        records.table_id,
        records.id,
        records.created_at,
        records.fields_json,
        records._dlt_load_id,
        {{ json_map('records.fields_json') }} as cells
    from {{ source('raw_airtable', 'records') }} as records
    inner join fields on records.table_id = fields.table_id
),

final as (
    select
        source.id as engagement_id,
        source.base_id,
        source.table_id,
        nullif(trim({{ airtable_text('source.cells[fields.engagement_name]') }}), '') as engagement_name,
        {{ airtable_text('source.cells[fields.status]') }} as status,
        {{ airtable_text('source.cells[fields.deal_url]') }} as deal_url,
        {{ airtable_text('source.cells[fields.community_name]') }} as community_name,
        nullif(trim({{ airtable_text('source.cells[fields.delivery_owner]') }}), '') as delivery_owner,
        {{ airtable_text('source.cells[fields.cloud_provider]') }} as cloud_provider,
        {{ airtable_text('source.cells[fields.cloud_region]') }} as cloud_region,
        {{ airtable_text('source.cells[fields.rag]') }} as rag,
        try_cast({{ airtable_text('source.cells[fields.monthly_cloud_budget]') }} as decimal(18, 2)) as monthly_cloud_budget_usd,
        try_cast({{ airtable_text('source.cells[fields.contract_value]') }} as decimal(18, 2)) as contract_value,
        try_cast({{ airtable_text('source.cells[fields.start_on]') }} as date) as start_on,
        try_cast({{ airtable_text('source.cells[fields.end_on]') }} as date) as end_on,
        try_cast({{ airtable_text('source.cells[fields.expiry_notice_on]') }} as date) as expiry_notice_on,
        nullif(trim({{ airtable_text('source.cells[fields.action]') }}), '') as action,
        nullif(trim({{ airtable_text('source.cells[fields.confirmed_by]') }}), '') as confirmed_by,
        try_cast({{ airtable_text('source.cells[fields.status_updated_on]') }} as date) as status_updated_on,
        try_cast({{ airtable_text('source.cells[fields.admin_access_on]') }} as date) as admin_access_on,
        try_cast({{ airtable_text('source.cells[fields.confirmed_on]') }} as date) as confirmed_on,
        try_cast({{ airtable_text('source.cells[fields.bd_notified_on]') }} as date) as bd_notified_on,
        try_cast({{ airtable_text('source.cells[fields.extended_until_on]') }} as date) as extended_until_on,
        try_cast({{ airtable_text('source.cells[fields.decommissioned_on]') }} as date) as decommissioned_on,
        nullif(trim({{ airtable_text('source.cells[fields.offboarding_url]') }}), '') as offboarding_url,
        source.created_at,
        source.fields_json,
        source._dlt_load_id as _load_id
    from source
    cross join fields
)

select * from final
