with

source as (
    select *, {{ json_map('properties_json') }} as properties
    from {{ source('raw_hubspot', 'deals') }}
),

fields as (
    {{ vendor_fields('hubspot', 'deals', [
        'deal_name', 'pipeline_id', 'stage_id', 'deal_type', 'amount', 'currency', 'closed_on', 'created_at', 'owner_id',
        'start_on', 'end_on', 'target_start_on', 'target_end_on', 'amended_end_on', 'next_break_on',
        'agreement_url', 'is_agreement_executed', 'engagement_url', 'renewal_status', 'membership_level',
        'cloud_provider', 'cloud_region', 'cloud_paid_by', 'prepaid_cloud', 'prepaid_user_fees', 'collected_before', 'auto_renews', 'last_contacted_at',
        'merged_ids', 'capacity_checked_on',
    ]) }}
),

final as (
    select
        source.id as deal_id,
        nullif(trim(source.properties[fields.deal_name]), '') as deal_name,
        source.properties[fields.pipeline_id] as pipeline_id,
        source.properties[fields.stage_id] as stage_id,
        source.properties[fields.deal_type] as deal_type,
        source.properties[fields.owner_id] as owner_id,
        source.properties[fields.agreement_url] as agreement_url,
        source.properties[fields.engagement_url] as engagement_url,
        source.properties[fields.renewal_status] as renewal_status,
        source.properties[fields.membership_level] as membership_level,
        source.properties[fields.cloud_provider] as cloud_provider,
        source.properties[fields.cloud_region] as cloud_region,
        source.properties[fields.cloud_paid_by] as cloud_paid_by,
        source.properties[fields.merged_ids] as merged_ids,
        nullif(trim(source.properties[fields.currency]), '') as currency,
        try_cast(source.properties[fields.amount] as decimal(18, 2)) as amount,
        try_cast(source.properties[fields.prepaid_cloud] as decimal(18, 2)) as prepaid_cloud,
        try_cast(source.properties[fields.prepaid_user_fees] as decimal(18, 2)) as prepaid_user_fees,
        try_cast(source.properties[fields.collected_before] as decimal(18, 2)) as collected_before,
        coalesce(lower(source.properties[fields.is_agreement_executed]) = 'true', false) as is_agreement_executed,
        coalesce(lower(source.properties[fields.auto_renews]) = 'true', false) as auto_renews,
        {{ hubspot_date('source.properties[fields.start_on]') }} as start_on,
        {{ hubspot_date('source.properties[fields.end_on]') }} as end_on,
        {{ hubspot_date('source.properties[fields.target_start_on]') }} as target_start_on,
        {{ hubspot_date('source.properties[fields.target_end_on]') }} as target_end_on,
        {{ hubspot_date('source.properties[fields.amended_end_on]') }} as amended_end_on,
        {{ hubspot_date('source.properties[fields.next_break_on]') }} as next_break_on,
        {{ hubspot_date('source.properties[fields.capacity_checked_on]') }} as capacity_checked_on,
        {{ hubspot_instant('source.properties[fields.closed_on]') }} as closed_at,
        {{ hubspot_instant('source.properties[fields.last_contacted_at]') }} as last_contacted_at,
        coalesce({{ hubspot_instant('source.properties[fields.created_at]') }}, source.created_at) as created_at,
        source.updated_at,
        coalesce(source.archived, false) as is_archived,
        source.archived_at,
        source.object_type_id,
        source.properties_json,
        source._dlt_load_id as _load_id
    from source
    cross join fields
)

select * from final
