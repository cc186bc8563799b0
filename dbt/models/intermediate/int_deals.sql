-- One row per deal of the portal, archived ones included: what it is, who owns it, and where it stands.
with

deals as (
    select * from {{ ref('stg_hubspot__deals') }}
),

pipelines as (
    select
        rules.pipeline_id,
        rules.pipeline_kind,
        rules.is_delivering,
        rules.engagement_policy,
        rules.is_renewable,
        coalesce(named.pipeline_name, rules.pipeline_name) as pipeline_name
    from {{ ref('rule_pipelines') }} as rules
    left join {{ ref('stg_hubspot__pipelines') }} as named on rules.pipeline_id = named.pipeline_id
),

stages as (
    select * from {{ ref('rule_stages') }}
),

stage_names as (
    select * from {{ ref('stg_hubspot__pipeline_stages') }}
),

handoff_ranks as (
    select
        pipeline_id,
        min(stage_rank) as handoff_rank
    from stages
    where is_handoff
    group by pipeline_id
),

clocks as (
    select * from {{ ref('int_handoff_clocks') }}
),

latest_entries as (
    select
        deal_id,
        entered_at as stage_entered_at
    from {{ ref('int_deal_stages') }}
    where recency = 1
),

owners as (
    select * from {{ ref('stg_hubspot__owners') }}
),

links as (
    select * from {{ ref('int_deal_links') }}
),

communities as (
    select * from {{ ref('stg_hubspot__communities') }}
),

companies as (
    select * from {{ ref('stg_hubspot__companies') }}
),

rehearsals as (
    select distinct deals.deal_id
    from deals
    inner join {{ ref('rule_test_deals') }} as patterns on regexp_matches(deals.deal_name, patterns.name_pattern)
),

final as (
    select
        deals.deal_id,
        coalesce(deals.deal_name, 'Deal ' || deals.deal_id) as deal_name,
        deals.pipeline_id,
        deals.stage_id,
        stages.stage_key,
        stages.stage_rank,
        handoff_ranks.handoff_rank,
        coalesce(pipelines.pipeline_name, deals.pipeline_id) as pipeline_name,
        coalesce(stage_names.stage_name, stages.stage_key, deals.stage_id) as stage_name,
        pipelines.pipeline_kind,
        coalesce(pipelines.is_delivering, false) as is_delivering,
        coalesce(pipelines.engagement_policy, 'new') as engagement_policy,
        coalesce(pipelines.is_renewable, false) as is_renewable,
        coalesce(stages.is_closed_won, false) as is_won,
        coalesce(stages.is_closed_lost, false) as is_lost,
        coalesce(stages.stage_rank >= handoff_ranks.handoff_rank, false) as is_past_handoff,
        deals.is_archived,
        rehearsals.deal_id is not null as is_rehearsal,
        deals.deal_type,
        links.community_record_id,
        links.community_count,
        communities.community_name,
        links.company_id,
        companies.company_name,
        links.order_ids,
        links.first_order_at,
        deals.owner_id,
        owners.owner_name,
        coalesce(owners.is_active, false) as is_owner_active,
        deals.agreement_url,
        deals.is_agreement_executed,
        deals.engagement_url,
        deals.renewal_status,
        deals.cloud_paid_by,
        deals.amount,
        deals.currency,
        deals.prepaid_cloud,
        deals.prepaid_user_fees,
        deals.collected_before,
        coalesce(deals.start_on, deals.target_start_on) as start_on,
        deals.start_on as contract_start_on,
        deals.end_on as contract_end_on,
        coalesce(deals.amended_end_on, deals.end_on, deals.target_end_on) as term_end_on,
        case
            when deals.amended_end_on is not null then 'amendment'
            when deals.end_on is not null then 'contract'
            when deals.target_end_on is not null then 'target'
            else 'none'
        end as term_end_source,
        deals.next_break_on,
        -- unless the community has said that it ends
        deals.auto_renews and coalesce(renewal_statuses.meaning <> 'leaving', true) as is_auto_renewed,
        {{ organisation_date('deals.closed_at') }} as closed_on,
        {{ organisation_date('deals.created_at') }} as created_on,
        {{ organisation_date('deals.last_contacted_at') }} as last_contacted_on,
        latest_entries.stage_entered_at,
        {{ organisation_date('clocks.handoff_started_at') }} as handoff_started_on,
        {{ organisation_date('clocks.first_handoff_at') }} as first_handoff_on,
        {{ hubspot_url('deals.object_type_id', 'deals.deal_id') }} as deal_url,
        deals.properties_json,
        deals._load_id
    from deals
    left join pipelines on deals.pipeline_id = pipelines.pipeline_id
    left join {{ ref('rule_renewal_statuses') }} as renewal_statuses on deals.renewal_status = renewal_statuses.renewal_status
    left join stages on deals.pipeline_id = stages.pipeline_id and deals.stage_id = stages.stage_id
    left join handoff_ranks on deals.pipeline_id = handoff_ranks.pipeline_id
    left join stage_names on deals.pipeline_id = stage_names.pipeline_id and deals.stage_id = stage_names.stage_id
    left join clocks on deals.deal_id = clocks.deal_id
    left join latest_entries on deals.deal_id = latest_entries.deal_id
    left join owners on deals.owner_id = owners.owner_id
    left join links on deals.deal_id = links.deal_id
    left join communities on links.community_record_id = communities.community_record_id
    left join companies on links.company_id = companies.company_id
    left join rehearsals on deals.deal_id = rehearsals.deal_id
)

select * from final
