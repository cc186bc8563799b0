-- One row per engagement whose delivery is verified: what was promised, what was delivered, for which agreement, and what people
-- write on it. Called-off engagements and what ended before the handoff epoch are history.
with

engagements as (
    select * from {{ ref('int_engagements') }}
    where not is_called_off
),

held as (
    select
        store,
        bool_or(canonical_field = 'status_updated_on') as is_status_update_held,
        bool_or(canonical_field = 'action') as is_action_held
    from {{ ref('int_held_fields') }}
    group by store
),

served as (
    select
        links.engagement_id,
        deals.*,
        stated.cloud_provider
    from {{ ref('int_deal_engagements') }} as links
    inner join {{ ref('int_deals') }} as deals on links.deal_id = deals.deal_id
    inner join {{ ref('stg_hubspot__deals') }} as stated on links.deal_id = stated.deal_id
),

-- the agreement that an engagement serves now: the live one that began last
agreements as (
    select
        engagement_id,
        bool_and(is_rehearsal) as is_rehearsal,
        bool_or({{ is_filled("coalesce(cloud_provider, '')") }}) as has_cloud,
        min(first_order_at) as first_order_at,
        min(start_on) as start_on,
        max(term_end_on) as end_on,
        max_by(
            deal_id,
            (case when is_archived or is_lost then 0 else 1 end, coalesce(start_on, created_on), deal_id)
        ) as deal_id
    from served
    group by engagement_id
),

requests as (
    select
        served.engagement_id,
        min(requests.created_at) as requested_at,
        min_by(requests.issue_url, requests.created_at) as issue_url
    from served
    inner join {{ ref('int_delivery_requests') }} as requests on served.deal_id = requests.deal_id
    group by served.engagement_id
),

due as (
    select
        served.engagement_id,
        min(handoffs.request_due_on) as request_due_on,
        min(handoffs.engagement_due_on) as engagement_due_on
    from served
    inner join {{ ref('int_handoff_deals') }} as handoffs on served.deal_id = handoffs.deal_id
    group by served.engagement_id
),

items as (
    select
        engagement_id,
        count(*) as promised_count,
        count(*) filter (where outcome = 'delivered') as delivered_count,
        count(*) filter (where outcome = 'delivered' and issue_outcome = 'delivered') as shown_count,
        count(*) filter (where outcome = 'dropped') as dropped_count,
        count(*) filter (where outcome = 'reopened') as reopened_count,
        count(*) filter (where outcome = 'unknown') as unknown_count,
        min(due_on) filter (where outcome <> 'delivered') as due_on,
        min(created_at) as first_item_at,
        min_by(deliverable_url, created_at) as first_item_url,
        max(issue_closed_at) filter (where outcome = 'delivered') as last_issue_closed_at,
        max_by(github_url, issue_closed_at) filter (where outcome = 'delivered') as last_issue_url
    from {{ ref('int_deliverable_outcomes') }}
    group by engagement_id
),

final as (
    select
        engagements.engagement_id,
        engagements.store,
        engagements.engagement_name,
        engagements.engagement_url,
        engagements.status,
        engagements.is_started,
        engagements.is_active,
        engagements.is_complete,
        engagements.rag,
        engagements.action,
        engagements.delivery_owner,
        engagements.status_updated_on,
        engagements.admin_access_on,
        engagements.confirmed_on,
        engagements.confirmed_by,
        engagements.bd_notified_on,
        coalesce(engagements.community_name, deals.community_name) as community_name,
        deals.deal_id,
        deals.deal_name,
        deals.deal_url,
        case when deals.is_owner_active then deals.owner_name end as deal_owner,
        coalesce(agreements.has_cloud, false) or {{ is_filled("coalesce(engagements.cloud_provider, '')") }} as is_hub,
        coalesce(agreements.start_on, engagements.start_on) as start_on,
        coalesce(agreements.end_on, engagements.end_on) as end_on,
        agreements.first_order_at,
        requests.requested_at as first_issue_at,
        requests.issue_url as request_issue_url,
        {{ organisation_date('least(agreements.first_order_at, requests.requested_at)') }} as requested_on,
        due.request_due_on,
        due.engagement_due_on,
        items.due_on as items_due_on,
        coalesce(items.promised_count, 0) as promised_count,
        coalesce(items.delivered_count, 0) as delivered_count,
        coalesce(items.shown_count, 0) as shown_count,
        coalesce(items.dropped_count, 0) as dropped_count,
        coalesce(items.reopened_count, 0) as reopened_count,
        coalesce(items.unknown_count, 0) as unknown_count,
        items.first_item_at,
        items.first_item_url,
        items.last_issue_closed_at,
        items.last_issue_url,
        engagements.is_action_needed,
        coalesce(held.is_status_update_held, false) as is_status_update_held,
        coalesce(held.is_action_held, false) as is_action_held,
        case
            when engagements.is_started and engagements.is_active
                then {{ days_between(
                    "coalesce(engagements.status_updated_on, agreements.start_on, engagements.start_on, "
                        ~ organisation_date("engagements.created_at") ~ ")",
                    as_of()
                ) }}
        end as last_status_update_days,
        {{ organisation_date('engagements.created_at') }} as created_on
    from engagements
    left join held on engagements.store = held.store
    left join agreements on engagements.engagement_id = agreements.engagement_id
    left join {{ ref('int_deals') }} as deals on agreements.deal_id = deals.deal_id
    left join requests on engagements.engagement_id = requests.engagement_id
    left join due on engagements.engagement_id = due.engagement_id
    left join items on engagements.engagement_id = items.engagement_id
    where not coalesce(agreements.is_rehearsal, false)
        and coalesce(agreements.end_on, engagements.end_on, {{ as_of() }}) >= cast({{ organisation('handoff_epoch') }} as date)
)

select * from final
