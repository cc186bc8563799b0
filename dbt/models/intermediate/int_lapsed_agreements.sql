-- One row per service that is in use without an agreement: the head of a chain that has ended and that nothing signed covers
-- today, or a chain that was never signed and costs something; with the signs that it is still in use.
with

chains as (
    select distinct
        deal_id,
        ancestor_id,
        chain_id
    from {{ ref('int_contract_chains') }}
),

deals as (
    select * from {{ ref('int_deals') }}
),

costs as (
    select * from {{ ref('int_lapsed_costs') }}
),

issues as (
    select * from {{ ref('int_lapsed_issues') }}
),

account_days as (
    select * from {{ ref('int_account_days') }}
    where usage_on <= {{ as_of() }} and mapped_deal_id is not null
),

loads as (
    select * from {{ ref('int_source_loads') }}
),

-- GitHub is asked as of when it was last read: that nobody looked is no sign that nobody worked
looked as (
    select least({{ as_of() }}, coalesce({{ organisation_date('github_seen_at') }}, {{ as_of() }})) as github_seen_on
    from loads
),

heads as (
    select * from {{ ref('int_chain_heads') }}
    where days_to_end < 0
),

-- an agreement that renews two carries the accounts of both
head_chains as (
    select distinct
        heads.deal_id,
        coalesce(earlier.chain_id, heads.chain_id) as chain_id
    from heads
    left join chains on heads.deal_id = chains.deal_id
    left join chains as earlier on chains.ancestor_id = earlier.deal_id
),

covered as (
    select distinct head_chains.deal_id
    from head_chains
    inner join {{ ref('int_chain_terms') }} as terms on head_chains.chain_id = terms.chain_id
    where terms.covers_from_on <= {{ as_of() }} and (terms.covers_to_on is null or terms.covers_to_on >= {{ as_of() }})
),

head_costs as (
    select
        head_chains.deal_id,
        max(costs.last_cost_on) as last_cost_on,
        sum(costs.daily_burn_amount) as daily_burn_amount,
        bool_or(costs.has_cost_signal) as has_cost_signal,
        bool_or(costs.has_any_cost) as has_any_cost
    from head_chains
    inner join costs on head_chains.chain_id = costs.chain_id
    group by head_chains.deal_id
),

head_uncovered as (
    select
        heads.deal_id,
        sum(account_days.gross_amount) as uncovered_amount
    from heads
    inner join head_chains on heads.deal_id = head_chains.deal_id
    inner join account_days on head_chains.chain_id = account_days.chain_id and account_days.usage_on > heads.effective_end_on
    group by heads.deal_id
),

engagements as (
    select
        deal_id,
        bool_or(not is_complete) as is_open,
        max_by(status, position) filter (where not is_complete) as status,
        max(case when position = 1 then engagement_name end) as engagement_name,
        max(case when position = 1 then delivery_owner end) as delivery_owner,
        max(extended_until_on) as extended_until_on,
        -- taken down is a service whose every engagement says so
        case when bool_and(decommissioned_on is not null) then max(decommissioned_on) end as decommissioned_on
    from {{ ref('int_deal_engagements') }}
    group by deal_id
),

-- somebody used it in the last days that the usage files cover
usage as (
    select
        served.deal_id,
        max(usage.usage_through_on) as used_through_on,
        max_by(usage.least_count, usage.usage_through_on) as used_by_count,
        max_by(usage.usage_source, usage.usage_through_on) as usage_source
    from {{ ref('int_deal_engagements') }} as served
    inner join {{ ref('int_engagement_usage') }} as usage on served.engagement_id = usage.engagement_id
    where usage.least_count > 0
        and {{ days_between('usage.usage_through_on', as_of()) }} <= {{ threshold('lapsed_usage_recent_days') }}
    group by served.deal_id
),

lapsed as (
    select
        'lapsed' as kind,
        heads.chain_id,
        heads.deal_id,
        heads.effective_end_on as ended_on,
        cast(-heads.days_to_end as integer) as days_lapsed,
        heads.renewal_deal_id,
        heads.renewal_deal_name,
        heads.renewal_stage_name,
        heads.renewal_owner_name,
        heads.is_renewal_owner_active,
        coalesce(head_costs.has_cost_signal, false) as has_cost_signal,
        coalesce(head_costs.has_any_cost, false) as has_any_cost,
        head_costs.daily_burn_amount,
        head_costs.last_cost_on,
        head_uncovered.uncovered_amount,
        -- what ended before the epoch is history, unless it still costs
        coalesce(engagements.is_open, false)
        and heads.effective_end_on >= cast({{ organisation('handoff_epoch') }} as date) as has_engagement_signal,
        coalesce(
            {{ days_between('issues.touched_on', 'looked.github_seen_on') }} <= {{ threshold('lapsed_issue_recent_days') }}, false
        )
        and heads.effective_end_on >= cast({{ organisation('handoff_epoch') }} as date) as has_issue_signal,
        coalesce(usage.used_through_on > heads.effective_end_on, false) as has_usage_signal
    from heads
    cross join looked
    left join covered on heads.deal_id = covered.deal_id
    left join head_costs on heads.deal_id = head_costs.deal_id
    left join head_uncovered on heads.deal_id = head_uncovered.deal_id
    left join engagements on heads.deal_id = engagements.deal_id
    left join issues on heads.deal_id = issues.deal_id
    left join usage on heads.deal_id = usage.deal_id
    -- costs after a service was taken down are a matter of their own (int_decommissioned_services)
    where covered.deal_id is null and coalesce(engagements.decommissioned_on > {{ as_of() }}, true)
),

-- signed without a beginning is another matter: it has an agreement
signed_chains as (
    select distinct chains.chain_id
    from chains
    inner join deals on chains.deal_id = deals.deal_id
    where deals.is_won
    union
    select deal_id as chain_id from deals
    where is_won
),

never_contracted as (
    select
        'never contracted' as kind,
        account_days.chain_id,
        max_by(account_days.mapped_deal_id, account_days.usage_on) as deal_id,
        cast(null as date) as ended_on,
        cast(null as integer) as days_lapsed,
        cast(null as varchar) as renewal_deal_id,
        cast(null as varchar) as renewal_deal_name,
        cast(null as varchar) as renewal_stage_name,
        cast(null as varchar) as renewal_owner_name,
        false as is_renewal_owner_active,
        true as has_cost_signal,
        true as has_any_cost,
        max(costs.daily_burn_amount) as daily_burn_amount,
        max(costs.last_cost_on) as last_cost_on,
        sum(account_days.gross_amount) as uncovered_amount,
        false as has_engagement_signal,
        false as has_issue_signal,
        false as has_usage_signal
    from account_days
    inner join costs on account_days.chain_id = costs.chain_id and costs.has_cost_signal
    left join signed_chains on account_days.chain_id = signed_chains.chain_id
    where account_days.coverage = 'never contracted' and signed_chains.chain_id is null
    group by account_days.chain_id
),

united as (
    select * from lapsed
    where has_cost_signal or has_engagement_signal or has_issue_signal or has_usage_signal
    union all
    select * from never_contracted
),

final as (
    select
        united.*,
        case
            when united.kind = 'never contracted' then 'LA05'
            when united.days_lapsed > {{ threshold('lapsed_grace_days') }} then 'LA03'
            -- an extension that still runs was agreed: nobody needs to act until it is over
            when engagements.extended_until_on >= {{ as_of() }} then null
            when engagements.extended_until_on > united.ended_on then 'LA04'
            when united.days_lapsed > {{ threshold('lapsed_notice_days') }} then 'LA02'
            else 'LA01'
        end as rule_id,
        case
            when united.has_cost_signal then 'live'
            when united.has_any_cost then 'residual'
            else 'none'
        end as cost_class,
        {{ add_days('united.ended_on', threshold('lapsed_notice_days')) }} as notice_due_on,
        {{ add_days('united.ended_on', threshold('lapsed_grace_days')) }} as decision_due_on,
        case
            when united.ended_on is not null
                then united.uncovered_amount
                    + united.daily_burn_amount
                    * greatest(
                        0, {{ days_between('united.last_cost_on', add_days('united.ended_on', threshold('lapsed_grace_days'))) }}
                    )
        end as projected_amount,
        coalesce(deals.deal_name, 'Deal ' || united.deal_id) as deal_name,
        deals.deal_url,
        deals.community_name,
        deals.company_name,
        deals.owner_name,
        coalesce(deals.is_owner_active, false) as is_owner_active,
        deals.stage_name,
        deals.renewal_status,
        engagements.engagement_name,
        engagements.status as engagement_status,
        engagements.extended_until_on,
        engagements.delivery_owner,
        issues.issue_url,
        issues.touched_on as issue_touched_on,
        usage.used_through_on,
        usage.used_by_count,
        usage.usage_source
    from united
    left join deals on united.deal_id = deals.deal_id
    left join engagements on united.deal_id = engagements.deal_id
    left join issues on united.deal_id = issues.deal_id
    left join usage on united.deal_id = usage.deal_id
    where not coalesce(deals.is_rehearsal, false)
)

select * from final
