-- One row per project that is an engagement: a portfolio that is read holds it, or it names a deal. Cells are found by field gid.
with

fields as (
    {{ vendor_fields('asana', 'engagements', [
        'status', 'deal_url', 'community_name', 'monthly_cloud_budget', 'cloud_provider', 'cloud_region', 'expiry_notice_on',
        'action', 'admin_access_on', 'confirmed_on', 'confirmed_by', 'bd_notified_on', 'contract_value', 'extended_until_on',
        'decommissioned_on', 'offboarding_url',
    ]) }}
),

items as (
    select distinct project_id from {{ source('raw_asana', 'portfolio_items') }}
),

source as (
    select
        *,
        {{ json_map('custom_fields_json') }} as cells
    from {{ source('raw_asana', 'projects') }}
),

final as (
    select
        source.id as engagement_id,
        source.workspace_id,
        nullif(trim(source.name), '') as engagement_name,
        source.cells[fields.status] as status,
        source.cells[fields.deal_url] as deal_url,
        source.cells[fields.community_name] as community_name,
        nullif(trim(source.owner_name), '') as delivery_owner,
        source.cells[fields.cloud_provider] as cloud_provider,
        source.cells[fields.cloud_region] as cloud_region,
        source.status_type as rag,
        try_cast(source.cells[fields.monthly_cloud_budget] as decimal(18, 2)) as monthly_cloud_budget_usd,
        try_cast(source.cells[fields.contract_value] as decimal(18, 2)) as contract_value,
        source.start_on,
        source.due_on as end_on,
        try_cast(source.cells[fields.expiry_notice_on] as date) as expiry_notice_on,
        nullif(trim(source.cells[fields.action]), '') as action,
        nullif(trim(source.cells[fields.confirmed_by]), '') as confirmed_by,
        cast(source.status_at as date) as status_updated_on,
        try_cast(source.cells[fields.admin_access_on] as date) as admin_access_on,
        try_cast(source.cells[fields.confirmed_on] as date) as confirmed_on,
        try_cast(source.cells[fields.bd_notified_on] as date) as bd_notified_on,
        try_cast(source.cells[fields.extended_until_on] as date) as extended_until_on,
        try_cast(source.cells[fields.decommissioned_on] as date) as decommissioned_on,
        nullif(trim(source.cells[fields.offboarding_url]), '') as offboarding_url,
        source.archived as is_archived,
        source.permalink_url as engagement_url,
        source.created_at,
        source.custom_fields_json as fields_json,
        source._dlt_load_id as _load_id
    from source
    cross join fields
    left join items on source.id = items.project_id
    where items.project_id is not null or source.cells[fields.deal_url] is not null
)

select * from final
