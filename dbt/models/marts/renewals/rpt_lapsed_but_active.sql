with

-- as often as a sync saw another day; what people wrote and took back between two syncs nobody knows
extensions as (
    select
        links.deal_id,
        count(distinct history.extended_until_on) as extension_count
    from {{ ref('int_deal_engagements') }} as links
    inner join {{ ref('snp_engagements') }} as history on links.engagement_id = history.engagement_id
    group by links.deal_id
),

services as (
    select
        agreements.*,
        -- one that is in force counts though no history holds it
        cast(
            greatest(
                coalesce(extensions.extension_count, 0),
                case when agreements.extended_until_on is null then 0 else 1 end
            ) as integer
        ) as extension_count
    from {{ ref('int_lapsed_agreements') }} as agreements
    left join extensions on agreements.deal_id = extensions.deal_id
),

final as (
    select
        chain_id,
        deal_id,
        deal_name,
        deal_url as record_url,
        community_name,
        company_name,
        coalesce(
            case when is_renewal_owner_active then renewal_owner_name end,
            owner_name
        ) as deal_owner,
        delivery_owner,
        ended_on as effective_end_on,
        days_lapsed,
        case
            when kind = 'never contracted' then 'never contracted'
            when days_lapsed > {{ threshold('lapsed_grace_days') }}
                then 'more than ' || cast(cast({{ threshold('lapsed_grace_days') }} as integer) as varchar) || ' days'
            when days_lapsed > {{ threshold('lapsed_notice_days') }}
                then cast(cast({{ threshold('lapsed_notice_days') }} + 1 as integer) as varchar) || ' to '
                    || cast(cast({{ threshold('lapsed_grace_days') }} as integer) as varchar) || ' days'
            else 'up to ' || cast(cast({{ threshold('lapsed_notice_days') }} as integer) as varchar) || ' days'
        end as bucket,
        concat_ws(
            ', ',
            case when has_cost_signal then 'cost' end,
            case when has_engagement_signal then 'engagement' end,
            case when has_issue_signal then 'issues' end,
            case when has_usage_signal then 'usage' end
        ) as signals,
        cost_class,
        cast(daily_burn_amount as decimal(18, 2)) as daily_burn_usd,
        cast(uncovered_amount as decimal(18, 2)) as uncovered_cost_to_date_usd,
        cast(projected_amount as decimal(18, 2)) as projected_to_decision_usd,
        last_cost_on,
        engagement_name,
        engagement_status,
        issue_url,
        issue_touched_on,
        used_through_on,
        cast(used_by_count as integer) as used_by_count,
        extended_until_on,
        extension_count,
        decision_due_on,
        renewal_status,
        renewal_deal_id,
        renewal_deal_name,
        renewal_stage_name as renewal_state,
        rule_id,
        {{ as_of() }} as as_of_on
    from services
)

select * from final
