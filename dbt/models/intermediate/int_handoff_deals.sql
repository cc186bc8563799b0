-- One row per deal that owes handoff: what is there, what was due when, and what is known of its delivery.
with

deals as (
    select
        deals.*,
        scopes.is_uncertain
    from {{ ref('int_deals') }} as deals
    inner join {{ ref('int_deal_scopes') }} as scopes on deals.deal_id = scopes.deal_id
    where scopes.scope = 'handoff'
),

engagements as (
    select
        deal_engagements.deal_id,
        {{ joined('deal_engagements.engagement_id') }} as engagement_ids,
        max(case when deal_engagements.position = 1 then deal_engagements.engagement_name end) as engagement_name,
        max(case when deal_engagements.position = 1 then deal_engagements.engagement_url end) as engagement_url,
        max(case when deal_engagements.position = 1 then deal_engagements.status end) as engagement_status,
        max(case when deal_engagements.position = 1 then deal_engagements.delivery_owner end) as delivery_owner,
        bool_or(deal_engagements.is_started) as is_started,
        sum(work.project_count) as project_count,
        sum(work.deliverable_count) as deliverable_count,
        sum(work.github_item_count) as github_item_count
    from {{ ref('int_deal_engagements') }} as deal_engagements
    left join {{ ref('int_engagement_work') }} as work on deal_engagements.engagement_id = work.engagement_id
    group by deal_engagements.deal_id
),

-- a continued engagement keeps naming the deal that it began with, so that only a deal's own links can be one-way; a deal can
-- name one engagement: a split that was allowed cannot be named in full, and a copy is to go
one_way as (
    select
        links.deal_id,
        min_by(engagements.engagement_name, links.engagement_id) as one_way_engagement_name,
        min_by(links.is_named_by_deal, links.engagement_id) as is_named_by_deal,
        min_by(engagements.stated_deal_url, links.engagement_id) as stated_deal_url
    from {{ ref('int_engagement_links') }} as links
    inner join {{ ref('int_engagements') }} as engagements on links.engagement_id = engagements.engagement_id
    left join {{ ref('int_relation_pairs') }} as pairs
        on links.deal_id = pairs.deal_id and links.engagement_id = pairs.engagement_id
    where not links.is_called_off and links.is_named_by_deal <> links.is_named_by_engagement
        and not coalesce(pairs.is_tolerated, false)
    group by links.deal_id
),

-- people who left, by the name that the store of engagements may still hold
people_who_left as (
    select owner_name
    from {{ ref('stg_hubspot__owners') }}
    where owner_name is not null
    group by owner_name
    having not bool_or(is_active)
),

elsewhere as (
    select distinct {{ deal_id_of('named.address') }} as deal_id
    from {{ ref('int_engagements') }} as stated
    cross join {{ deal_addresses("coalesce(stated.stated_deal_url, '')") }} as named (address)
    where {{ portal_of('named.address') }} <> {{ organisation('hubspot_portal_id') }}
),

requests as (
    select
        deal_id,
        {{ joined('issue_url') }} as issue_urls,
        count(distinct issue_id) as issue_count
    from {{ ref('int_delivery_requests') }}
    group by deal_id
),

board_items as (
    select * from {{ ref('int_deal_board_items') }}
),

days as (
    select * from {{ ref('int_business_days') }}
),

-- entered after it was closed: nobody could have kept a date
clocked as (
    select
        *,
        case when is_won and created_on > closed_on then null else handoff_started_on end as clock_on
    from deals
),

limits as (
    select
        {{ threshold('handoff_request_business_days') }} as request_days,
        {{ threshold('handoff_engagement_business_days') }} as engagement_days,
        {{ threshold('handoff_started_business_days') }} as started_days
),

dated as (
    select
        clocked.deal_id,
        clocked.clock_on,
        least(request_days.day_on, started_days.day_on) as request_due_on,
        least(engagement_days.day_on, started_days.day_on) as engagement_due_on,
        cast(today.business_day_number - clock_days.business_day_number as bigint) as age_business_days
    from clocked
    cross join limits
    left join days as clock_days on clocked.clock_on = clock_days.day_on
    left join days as today on today.day_on = {{ as_of() }}
    left join days as request_days
        on request_days.business_day_number = clock_days.business_day_number + limits.request_days
        and request_days.is_business_day
    left join days as engagement_days
        on engagement_days.business_day_number = clock_days.business_day_number + limits.engagement_days
        and engagement_days.is_business_day
    left join days as begun_days
        on begun_days.day_on = greatest(clocked.clock_on, clocked.start_on)
        and clocked.clock_on is not null
        and clocked.start_on <= {{ as_of() }}
    left join days as started_days
        on started_days.business_day_number = begun_days.business_day_number + limits.started_days
        and (started_days.is_business_day or started_days.day_on = begun_days.day_on)
        and started_days.day_on >= begun_days.day_on
    qualify row_number() over (partition by clocked.deal_id order by started_days.day_on) = 1
),

final as (
    select
        clocked.deal_id,
        clocked.deal_name,
        clocked.deal_url,
        clocked.community_name,
        clocked.company_name,
        clocked.pipeline_name,
        clocked.stage_name,
        clocked.stage_entered_at,
        clocked.is_won,
        clocked.is_uncertain,
        clocked.start_on,
        clocked.term_end_on as end_on,
        clocked.amount,
        clocked.currency,
        clocked.owner_name,
        case when clocked.is_owner_active then clocked.owner_name end as deal_owner,
        clocked.agreement_url,
        clocked.is_agreement_executed,
        clocked.engagement_url as stated_engagement_url,
        clocked.order_ids,
        dated.clock_on as handoff_started_on,
        dated.request_due_on,
        dated.engagement_due_on,
        dated.age_business_days,
        engagements.engagement_ids,
        engagements.engagement_name,
        engagements.engagement_url,
        engagements.engagement_status,
        engagements.delivery_owner,
        coalesce(engagements.is_started, false) as is_started,
        coalesce(engagements.project_count, 0) as project_count,
        coalesce(engagements.deliverable_count, 0) as deliverable_count,
        coalesce(engagements.github_item_count, 0) + coalesce(board_items.board_item_count, 0)
        + coalesce(requests.issue_count, 0) as github_item_count,
        requests.issue_urls,
        one_way.one_way_engagement_name,
        one_way.is_named_by_deal as is_one_way_from_deal,
        one_way.stated_deal_url,
        elsewhere.deal_id is not null as is_named_in_another_portal,
        engagements.deal_id is not null as has_engagement,
        people_who_left.owner_name is not null as has_delivery_owner_left,
        {{ is_filled("coalesce(engagements.delivery_owner, '')") }} as has_delivery_owner,
        clocked.order_ids is not null or requests.deal_id is not null as has_request,
        clocked.is_agreement_executed and not {{ is_empty('clocked.agreement_url') }} as has_agreement,
        engagements.deal_id is not null
        and engagements.project_count > 0
        and engagements.deliverable_count > 0
        and coalesce(engagements.github_item_count, 0) + coalesce(board_items.board_item_count, 0)
        + coalesce(requests.issue_count, 0) > 0 as is_broken_down,
        coalesce(clocked.start_on <= {{ as_of() }}, false) as is_start_reached
    from clocked
    left join dated on clocked.deal_id = dated.deal_id
    left join engagements on clocked.deal_id = engagements.deal_id
    left join requests on clocked.deal_id = requests.deal_id
    left join board_items on clocked.deal_id = board_items.deal_id
    left join one_way on clocked.deal_id = one_way.deal_id
    left join elsewhere on clocked.deal_id = elsewhere.deal_id
    left join people_who_left on engagements.delivery_owner = people_who_left.owner_name
)

select * from final
