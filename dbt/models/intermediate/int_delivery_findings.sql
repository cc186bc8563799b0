-- One row per engagement, deliverable or deal and delivery rule that it breaks.
with

engagements as (
    select * from {{ ref('int_delivery_engagements') }}
),

items as (
    select * replace (coalesce(deliverable_name, 'A deliverable without a name') as deliverable_name)
    from {{ ref('int_deliverable_outcomes') }}
),

loads as (
    select * from {{ ref('int_source_loads') }}
),

still_open as (
    select
        'DV01' as rule_id,
        engagement_id,
        cast(null as varchar) as item_id,
        cast(null as date) as due_on,
        case
            when promised_count = 1 then 'The one deliverable of ' || engagement_name || ' is delivered'
            else 'All ' || promised_count || ' deliverables of ' || engagement_name || ' are delivered'
        end || ', and the engagement is still ' || coalesce('"' || status || '"', 'open') || '.' as reason,
        false as is_uncertain
    from engagements
    where is_active and promised_count > 0 and delivered_count = promised_count
),

not_told as (
    select
        'DV02' as rule_id,
        engagements.engagement_id,
        cast(null as varchar) as item_id,
        cast(null as date) as due_on,
        engagements.engagement_name || ' is "' || engagements.status
        || '", and no day is recorded on which Business Development was told.' as reason,
        false as is_uncertain
    from engagements
    inner join {{ ref('int_delivery_steps') }} as steps on engagements.engagement_id = steps.engagement_id
    where engagements.is_complete and steps.late_rule_id = 'DV02' and steps.step_status in ('open', 'late')
),

not_shown as (
    select
        'DV03' as rule_id,
        items.engagement_id,
        items.deliverable_id as item_id,
        cast(null as date) as due_on,
        items.deliverable_name || ' is "' || items.status || '" in the plan of ' || engagements.engagement_name || case
            when items.github_url is null then ', and names no issue that shows it.'
            when items.is_issue_lost then ', and the issue that it names is not there any more.'
            else ', and its issue is open.'
        end as reason,
        false as is_uncertain
    from items
    inner join engagements on items.engagement_id = engagements.engagement_id
    where items.is_without_evidence
),

fallen as (
    select
        'DV04' as rule_id,
        engagements.engagement_id,
        cast(null as varchar) as item_id,
        cast(null as date) as due_on,
        engagements.engagement_name || ' had enough people by ' || {{ day_words('usage.reached_on') }} || ', and in the '
        || case
            when usage.usage_period_kind = 'month' then 'month'
            else {{ count_words('cast(' ~ threshold('usage_window_days') ~ ' as integer)', 'day') }}
        end || ' up to ' || {{ day_words('usage.usage_through_on') }} || ' it was used by '
        || case when usage.least_count < usage.most_count then 'at most ' else '' end
        || case when usage.most_count = 1 then 'one person' else cast(usage.most_count as varchar) || ' people' end
        || '.' as reason,
        -- too few when it was last known, and nobody has handed in newer figures
        usage.usage_state = 'unknown' as is_uncertain
    from engagements
    inner join {{ ref('int_engagement_usage') }} as usage on engagements.engagement_id = usage.engagement_id
    where engagements.is_active and usage.most_count < {{ threshold('usage_people') }}
        and {{ days_between('usage.reached_on', 'usage.usage_through_on') }} >= {{ threshold('usage_window_days') }}
        and coalesce(engagements.end_on, {{ as_of() }}) >= {{ as_of() }}
),

not_planned as (
    select
        'DV05' as rule_id,
        sold.engagement_id,
        'deal-' || sold.deal_id as item_id,
        cast(null as date) as due_on,
        deals.deal_name || ' was sold with ' || {{ count_words('sold.line_item_count', 'line item') }} || ' ('
        || sold.line_item_names || '), and its delivery plans '
        || {{ count_words('sold.promised_count', 'deliverable') }} || '.' as reason,
        false as is_uncertain
    from {{ ref('int_sold_items') }} as sold
    inner join {{ ref('int_deals') }} as deals on sold.deal_id = deals.deal_id
    where sold.promised_count > 0 and sold.line_item_count > sold.promised_count
        and deals.is_past_handoff and deals.is_delivering and not deals.is_archived and not deals.is_rehearsal
),

silent as (
    select
        'DV06' as rule_id,
        engagement_id,
        cast(null as varchar) as item_id,
        {{ add_days(as_of(), threshold('delivery_status_recent_days') ~ ' - last_status_update_days') }} as due_on,
        case
            when status_updated_on is null
                then 'No status update was ever written for ' || engagement_name || ', which began '
                    || {{ count_words('last_status_update_days', 'day') }} || ' ago.'
            else 'The last status update of ' || engagement_name || ' is of ' || {{ day_words('status_updated_on') }} || ', '
                || {{ count_words('last_status_update_days', 'day') }} || ' ago.'
        end as reason,
        false as is_uncertain
    from engagements
    where is_status_update_held and last_status_update_days > {{ threshold('delivery_status_recent_days') }}
),

idle as (
    select
        'DV07' as rule_id,
        engagement_id,
        cast(null as varchar) as item_id,
        cast(null as date) as due_on,
        engagement_name || ' is ' || lower(rag) || ', and no action is written down.' as reason,
        false as is_uncertain
    from engagements
    where is_action_held and is_active and is_action_needed and not {{ is_filled("coalesce(action, '')") }}
),

dropped as (
    select
        'DV08' as rule_id,
        items.engagement_id,
        items.deliverable_id as item_id,
        cast(null as date) as due_on,
        'The issue of ' || items.deliverable_name || ' was closed as "'
        || replace(coalesce(items.issue_state_reason, 'closed'), '_', ' ') || '"'
        || coalesce(' on ' || {{ day_words(organisation_date('items.issue_closed_at')) }}, '')
        || ': it was promised and not delivered.' as reason,
        false as is_uncertain
    from items
    where items.outcome = 'dropped'
),

late as (
    select
        'DV09' as rule_id,
        items.engagement_id,
        items.deliverable_id as item_id,
        items.due_on,
        items.deliverable_name || ' was due on ' || {{ day_words('items.due_on') }} || case
            when items.outcome = 'reopened' then ', and its issue was reopened.'
            when items.outcome = 'unknown' then ', and the issue that it names is not there any more.'
            else ' and is not delivered.'
        end as reason,
        items.outcome = 'unknown' as is_uncertain
    from items
    inner join engagements on items.engagement_id = engagements.engagement_id and engagements.is_active
    where items.due_on < {{ as_of() }} and items.outcome not in ('delivered', 'dropped')
),

broken as (
    select * from still_open
    union all
    select * from not_told
    union all
    select * from not_shown
    union all
    select * from fallen
    union all
    select * from not_planned
    union all
    select * from silent
    union all
    select * from idle
    union all
    select * from dropped
    union all
    select * from late
),

final as (
    select
        broken.rule_id || ':engagement-' || broken.engagement_id || coalesce(':' || broken.item_id, '') as finding_id,
        broken.rule_id,
        cast(null as varchar) as severity,
        'engagement' as subject_type,
        broken.engagement_id as subject_id,
        engagements.engagement_name as subject,
        engagements.deal_id,
        engagements.community_name,
        engagements.deal_owner,
        engagements.delivery_owner,
        broken.due_on,
        broken.reason,
        coalesce(items.deliverable_url, engagements.engagement_url) as record_url,
        {{ evidence([
            ('engagement_status', 'engagements.status', 'engagements'),
            ('rag', 'engagements.rag', 'engagements'),
            ('action', 'engagements.action', 'engagements'),
            ('status_updated_on', 'engagements.status_updated_on', 'engagements'),
            ('bd_notified_on', 'engagements.bd_notified_on', 'engagements'),
            ('promised_items', 'engagements.promised_count', 'engagements'),
            ('delivered_items', 'engagements.delivered_count', 'engagements'),
            ('users', 'usage.most_count', 'usage.usage_source'),
            ('deliverable_status', 'items.status', 'engagements'),
            ('issue', 'items.github_url', 'engagements'),
            ('issue_state', 'items.issue_state', 'github'),
            ('issue_state_reason', 'items.issue_state_reason', 'github'),
        ]) }} as evidence,
        cast(null as varchar) as extra_needs,
        broken.is_uncertain,
        items.deliverable_name,
        items.github_url as issue_url
    from broken
    inner join engagements on broken.engagement_id = engagements.engagement_id
    left join items on broken.item_id = items.deliverable_id
    left join {{ ref('int_engagement_usage') }} as usage on broken.engagement_id = usage.engagement_id
    cross join loads
)

select * from final
