-- One row per engagement, in the store that is the truth for its deal, with what its status means. While an organisation moves
-- from one store to the other, both hold the engagement of a deal, and only one of them is here.
with

stored as (
    select
        'airtable' as store,
        *,
        {{ airtable_url('base_id', 'table_id', 'engagement_id') }} as engagement_url
    from {{ ref('stg_airtable__engagements') }}
    union all by name
    select
        'asana' as store,
        *
    from {{ ref('stg_asana__engagements') }}
),

deals as (
    select
        deal_id,
        pipeline_id
    from {{ ref('stg_hubspot__deals') }}
),

aliases as (
    select * from {{ ref('int_id_aliases') }}
),

statuses as (
    select * from {{ ref('rule_engagement_statuses') }}
),

stores as (
    select * from {{ ref('int_engagement_stores') }}
),

truths as (
    select
        deals.deal_id,
        stores.store
    from deals
    inner join stores on deals.pipeline_id = stores.pipeline_id
),

named as (
    select
        stored.store,
        stored.engagement_id,
        {{ deal_id_of('named.address') }} as deal_id
    from stored
    cross join {{ deal_addresses("coalesce(stored.deal_url, '')") }} as named (address)
),

-- every deal that it names has its truth in another store
kept_elsewhere as (
    select
        named.store,
        named.engagement_id
    from named
    left join aliases on named.deal_id = aliases.old_id
    inner join truths on coalesce(aliases.deal_id, named.deal_id) = truths.deal_id
    group by named.store, named.engagement_id
    having not bool_or(named.store = truths.store)
),

final as (
    select
        stored.engagement_id,
        stored.store,
        coalesce(stored.engagement_name, stored.engagement_id) as engagement_name,
        stored.status,
        coalesce(statuses.is_started, false) as is_started,
        coalesce(statuses.is_active, true) as is_active,
        coalesce(statuses.is_complete, false) as is_complete,
        -- ended without having begun: it stands for nothing
        coalesce(not statuses.is_started and not statuses.is_active, false) as is_called_off,
        stored.deal_url as stated_deal_url,
        stored.community_name,
        stored.delivery_owner,
        stored.monthly_cloud_budget_usd,
        stored.contract_value,
        stored.start_on,
        stored.end_on,
        stored.expiry_notice_on,
        stored.extended_until_on,
        stored.decommissioned_on,
        stored.offboarding_url,
        coalesce(lights.light, stored.rag) as rag,
        coalesce(lights.is_action_needed, false) as is_action_needed,
        stored.cloud_provider,
        stored.status_updated_on,
        stored.action,
        stored.admin_access_on,
        stored.confirmed_on,
        stored.confirmed_by,
        stored.bd_notified_on,
        stored.fields_json,
        stored.created_at,
        stored.engagement_url,
        stored._load_id
    from stored
    left join {{ ref('rule_rag_statuses') }} as lights on stored.rag = lights.rag
    left join statuses on stored.store = statuses.store and stored.status = statuses.status
    left join kept_elsewhere
        on stored.store = kept_elsewhere.store and stored.engagement_id = kept_elsewhere.engagement_id
    where kept_elsewhere.engagement_id is null
        and stored.store in (select stores.store from stores)
)

select * from final
