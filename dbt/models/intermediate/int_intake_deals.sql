-- One row per deal that owes intake: its stage's rank, and where its answers stand.
with

deals as (
    select
        deals.*,
        scopes.is_uncertain
    from {{ ref('int_deals') }} as deals
    inner join {{ ref('int_deal_scopes') }} as scopes on deals.deal_id = scopes.deal_id
    where scopes.scope in ('handoff', 'before handoff')
),

companies as (
    select * from {{ ref('stg_hubspot__companies') }}
),

communities as (
    select * from {{ ref('stg_hubspot__communities') }}
),

engagements as (
    select * from {{ ref('int_deal_engagements') }}
    where position = 1
),

final as (
    select
        deals.deal_id,
        deals.deal_name,
        deals.deal_url,
        deals.pipeline_id,
        deals.pipeline_name,
        deals.stage_rank,
        deals.stage_name,
        deals.is_uncertain,
        deals.community_record_id,
        deals.community_name,
        deals.company_id,
        deals.owner_name,
        case when deals.is_owner_active then deals.owner_name end as deal_owner,
        engagements.delivery_owner,
        coalesce(deals.cloud_paid_by = {{ organisation('cloud_paid_by_us') }}, false) as is_hosted_by_us,
        {{ hubspot_url('communities.object_type_id', 'communities.community_record_id') }} as community_url,
        {{ hubspot_url('companies.object_type_id', 'companies.company_id') }} as company_url,
        deals.properties_json as deal_json,
        communities.properties_json as community_json,
        companies.properties_json as company_json,
        engagements.fields_json as engagement_json,
        coalesce(stores.store, engagement_gate.stores) as engagement_store
    from deals
    left join communities on deals.community_record_id = communities.community_record_id
    left join companies on deals.company_id = companies.company_id
    left join engagements on deals.deal_id = engagements.deal_id
    cross join {{ ref('int_engagement_gate') }} as engagement_gate
    left join {{ ref('int_engagement_stores') }} as stores on deals.pipeline_id = stores.pipeline_id
)

select * from final
