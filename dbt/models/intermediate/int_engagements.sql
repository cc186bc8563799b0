-- One row per engagement, whichever store it is kept in (Airtable so far), with what its status means.
with

engagements as (
    select * from {{ ref('stg_airtable__engagements') }}
),

statuses as (
    select * from {{ ref('rule_engagement_statuses') }}
    where store = 'airtable'
),

final as (
    select
        engagements.engagement_id,
        'airtable' as store,
        coalesce(engagements.engagement_name, engagements.engagement_id) as engagement_name,
        engagements.status,
        coalesce(statuses.is_started, false) as is_started,
        coalesce(statuses.is_active, true) as is_active,
        coalesce(statuses.is_complete, false) as is_complete,
        -- ended without having begun: it stands for nothing
        coalesce(not statuses.is_started and not statuses.is_active, false) as is_called_off,
        engagements.deal_url as stated_deal_url,
        engagements.community_name,
        engagements.delivery_owner,
        engagements.monthly_cloud_budget_usd,
        engagements.contract_value,
        engagements.start_on,
        engagements.end_on,
        engagements.expiry_notice_on,
        engagements.extended_until_on,
        engagements.decommissioned_on,
        engagements.offboarding_url,
        engagements.rag,
        engagements.fields_json,
        engagements.created_at,
        {{ airtable_url('engagements.base_id', 'engagements.table_id', 'engagements.engagement_id') }} as engagement_url,
        engagements._load_id
    from engagements
    left join statuses on engagements.status = statuses.status
)

select * from final
