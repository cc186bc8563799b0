-- One row per month and KPI: its value with what it was reckoned from, or why it is not known. What is not known is never zero.
with

bounds as (
    select
        {{ month_start(as_of()) }} as present_on,
        {{ add_months(month_start(as_of()), '-' ~ threshold('kpi_months_back')) }} as first_on,
        {{ add_months(month_start(as_of()), threshold('kpi_months_ahead')) }} as last_on
),

numbers as (
    {{ number_series(0, threshold('kpi_months_back') ~ ' + ' ~ threshold('kpi_months_ahead')) }}
),

months as (
    select
        {{ add_months('bounds.first_on', 'numbers.number') }} as month_on,
        least({{ month_end(add_months('bounds.first_on', 'numbers.number')) }}, {{ as_of() }}) as seen_through_on,
        {{ add_months('bounds.first_on', 'numbers.number') }} <= bounds.present_on as has_begun,
        {{ add_months('bounds.first_on', 'numbers.number') }} = bounds.present_on as is_present
    from bounds
    cross join numbers
),

shares as (
    select * from {{ ref('int_revenue_months') }}
),

win_rates as (
    select * from {{ ref('int_win_rates') }}
),

left_out as (
    select
        count(*) as deal_count,
        string_agg(distinct left_out_reason, ', ' order by left_out_reason) as reasons
    from {{ ref('int_revenue_terms') }}
    where counted_as = 'committed' and left_out_reason is not null
),

committed as (
    select
        months.month_on,
        coalesce(sum(shares.share_amount), 0) as amount,
        count(distinct shares.deal_id) as deal_count
    from months
    left join shares on months.month_on = shares.month_on and shares.counted_as = 'committed'
    group by months.month_on
),

-- what is left of an agreement is spread over its days from today on; where nobody said what was paid it is left out
remaining_terms as (
    select
        terms.deal_id,
        greatest(terms.from_on, {{ as_of() }}) as from_on,
        terms.to_on,
        terms.amount_org * (1 - collections.paid_ratio) as amount
    from {{ ref('int_revenue_terms') }} as terms
    inner join {{ ref('int_collections') }} as collections on terms.deal_id = collections.deal_id
    where terms.counted_as = 'committed'
        and terms.left_out_reason is null
        and terms.to_on >= {{ as_of() }}
        and collections.paid_ratio is not null
),

remaining_count as (
    select count(*) as deal_count from remaining_terms
),

remaining as (
    select
        months.month_on,
        months.has_begun and not months.is_present as is_past,
        max(remaining_count.deal_count) as deal_count,
        coalesce(
            sum(
                remaining_terms.amount
                * (
                    {{ days_between('greatest(remaining_terms.from_on, months.month_on)',
                        'least(remaining_terms.to_on, ' ~ month_end('months.month_on') ~ ')') }} + 1
                )
                / ({{ days_between('remaining_terms.from_on', 'remaining_terms.to_on') }} + 1)
            ),
            0
        ) as amount
    from months
    cross join remaining_count
    left join remaining_terms
        on remaining_terms.from_on <= {{ month_end('months.month_on') }} and remaining_terms.to_on >= months.month_on
    group by months.month_on, months.has_begun, months.is_present
),

likely as (
    select
        months.month_on,
        win_rates.pipeline_kind,
        coalesce(sum(shares.share_amount * shares.counted_ratio), 0) as open_amount,
        coalesce(sum(shares.share_amount * shares.counted_ratio), 0) * max(win_rates.win_ratio) as amount,
        count(distinct shares.deal_id) as deal_count,
        count(distinct case when shares.is_soft then shares.deal_id end) as soft_count,
        max(win_rates.win_ratio) as win_ratio
    from months
    cross join win_rates
    left join shares on months.month_on = shares.month_on and win_rates.pipeline_kind = shares.counted_as
    group by months.month_on, win_rates.pipeline_kind
),

forecast as (
    select
        committed.month_on,
        committed.amount + coalesce(sum(likely.amount), 0) as amount,
        committed.deal_count + coalesce(sum(likely.deal_count), 0) as deal_count
    from committed
    left join likely on committed.month_on = likely.month_on
    group by committed.month_on, committed.amount, committed.deal_count
),

horizon as (
    select
        sum(forecast.amount) as amount,
        max(forecast.deal_count) as deal_count
    from forecast
    inner join months on forecast.month_on = months.month_on
    cross join bounds
    where forecast.month_on >= bounds.present_on
        and forecast.month_on < {{ add_months('bounds.present_on', threshold('kpi_horizon_months')) }}
),

cohorts as (
    select
        months.month_on,
        count(agreements.deal_id) as ended_count,
        count(agreements.deal_id) filter (where agreements.outcome = 'retained') as retained_count,
        count(agreements.deal_id) filter (where agreements.outcome = 'churned') as churned_count,
        count(agreements.deal_id) filter (where agreements.outcome = 'pending') as pending_count,
        sum(agreements.annual_amount) as ended_amount,
        coalesce(sum(agreements.annual_amount) filter (where agreements.outcome = 'retained'), 0) as retained_amount,
        coalesce(sum(agreements.annual_amount) filter (where agreements.outcome = 'pending'), 0) as pending_amount,
        count(agreements.deal_id) filter (where agreements.annual_amount is null) as amountless_count
    from months
    left join {{ ref('int_retained_agreements') }} as agreements
        on agreements.ended_on <= months.seen_through_on
        and agreements.ended_on > {{ add_months('months.seen_through_on', '-' ~ threshold('kpi_retention_months')) }}
    where months.has_begun
    group by months.month_on
),

retention as (
    select
        cohorts.month_on,
        measures.kpi_key,
        case measures.kpi_key
            when 'retention_logos_strict' then cohorts.retained_count / cast(nullif(cohorts.ended_count, 0) as double)
            when 'retention_logos_optimistic'
                then (cohorts.retained_count + cohorts.pending_count) / cast(nullif(cohorts.ended_count, 0) as double)
            when 'retention_amount_strict' then cohorts.retained_amount / cast(nullif(cohorts.ended_amount, 0) as double)
            when 'retention_amount_optimistic'
                then (cohorts.retained_amount + cohorts.pending_amount) / cast(nullif(cohorts.ended_amount, 0) as double)
            when 'retention_retained' then cohorts.retained_count
            when 'retention_churned' then cohorts.churned_count
            when 'retention_pending' then cohorts.pending_count
        end as value,
        cohorts.ended_count as sample_count,
        'Of ' || {{ count_words('cohorts.ended_count', 'agreement') }} || ' that ended in the '
        || {{ count_words("cast(" ~ threshold('kpi_retention_months') ~ " as integer)", 'month') }} || ' before, '
        || cast(cohorts.retained_count as varchar) || ' were renewed, ' || cast(cohorts.churned_count as varchar)
        || ' were lost and ' || cast(cohorts.pending_count as varchar) || ' are undecided, as is known today.'
        || case
            when measures.kpi_key like 'retention_amount%' and cohorts.amountless_count > 0
                then ' ' || cast(cohorts.amountless_count as varchar) || ' without an amount in '
                    || {{ organisation('currency') }} || ' are left out.'
            else ''
        end as basis,
        case
            when cohorts.ended_count = 0 then 'No agreement ended in these months.'
            when measures.kpi_key like 'retention_amount%' and coalesce(cohorts.ended_amount, 0) = 0
                then 'None of what ended has an amount in ' || {{ organisation('currency') }} || '.'
        end as unknown_reason
    from cohorts
    cross join {{ ref('rule_kpis') }} as measures
    where measures.kpi_key like 'retention_%'
),

qualifying as (
    select
        stages.pipeline_id,
        stages.stage_rank
    from {{ ref('rule_stages') }} as stages
    inner join {{ ref('rule_pipelines') }} as pipelines on stages.pipeline_id = pipelines.pipeline_id
    inner join {{ ref('rule_win_rates') }} as rates
        on pipelines.pipeline_kind = rates.pipeline_kind
        and stages.stage_key = rates.qualifying_stage_key
        and rates.rate_key = 'eta'
),

entries as (
    select
        entries.deal_id,
        min({{ organisation_date('entries.entered_at') }}) as first_entered_on,
        min_by(entries.stage_rank, entries.entered_at) as first_rank,
        min({{ organisation_date('entries.entered_at') }})
        filter (where entries.stage_rank = qualifying.stage_rank) as qualified_on,
        max(qualifying.stage_rank) as qualifying_rank
    from {{ ref('int_deal_stages') }} as entries
    inner join qualifying on entries.pipeline_id = qualifying.pipeline_id
    inner join {{ ref('int_deals') }} as deals
        on entries.deal_id = deals.deal_id and not deals.is_archived and not deals.is_rehearsal
    group by entries.deal_id
),

leads as (
    select
        months.month_on,
        count(*) filter (
            where entries.first_rank < entries.qualifying_rank
            and entries.first_entered_on <= months.seen_through_on
            and entries.first_entered_on > {{ add_months('months.seen_through_on', '-' ~ threshold('kpi_campaign_months')) }}
        ) as lead_count,
        count(*) filter (
            where entries.qualified_on <= months.seen_through_on
            and entries.qualified_on > {{ add_months('months.seen_through_on', '-' ~ threshold('kpi_campaign_months')) }}
        ) as qualified_count
    from months
    cross join entries
    where months.has_begun
    group by months.month_on
),

chain_amounts as (
    select
        month_on,
        chain_id,
        sum(share_amount) as amount,
        row_number() over (partition by month_on order by sum(share_amount) desc, chain_id) as position
    from shares
    where counted_as = 'committed'
    group by month_on, chain_id
),

concentration as (
    select
        month_on,
        sum(case when position <= {{ threshold('kpi_concentration_chains') }} then amount else 0 end) as top_amount,
        sum(amount) as amount,
        count(*) as chain_count
    from chain_amounts
    group by month_on
),

united as (
    select
        'cmrr' as kpi_key,
        committed.month_on,
        cast(committed.amount as double) as value,
        committed.deal_count as sample_count,
        {{ count_words('committed.deal_count', 'signed agreement') }} || ' by contract dates.'
        || case
            when left_out.deal_count > 0
                then ' Left out: ' || {{ count_words('left_out.deal_count', 'signed deal') }} || ' (' || left_out.reasons || ').'
            else ''
        end as basis,
        cast(null as varchar) as unknown_reason
    from committed
    cross join left_out
    union all
    select
        'cmrr_remaining' as kpi_key,
        month_on,
        case when not is_past and deal_count > 0 then cast(amount as double) end as value,
        deal_count as sample_count,
        {{ count_words('deal_count', 'signed agreement') }} || ' of which imported invoices say what was paid.' as basis,
        case
            when is_past then 'What remains lies ahead.'
            when deal_count = 0 then 'What was collected is not known: no imported invoice says so.'
        end as unknown_reason
    from remaining
    union all
    select
        'fmrr' as kpi_key,
        forecast.month_on,
        cast(forecast.amount as double) as value,
        forecast.deal_count as sample_count,
        'What is committed, and what is open as the two rows below weigh it.' as basis,
        cast(null as varchar) as unknown_reason
    from forecast
    union all
    select
        case win_rates.rate_key when 'rho' then 'fmrr_renewals' else 'fmrr_new' end as kpi_key,
        likely.month_on,
        cast(likely.amount as double) as value,
        likely.deal_count as sample_count,
        {{ money_words('likely.open_amount', organisation('currency')) }} || ' of '
        || {{ count_words('likely.deal_count', 'open deal') }} || ' times ' || {{ percent_words('likely.win_ratio') }}
        || case when win_rates.is_measured then ' (measured)' else ' (a guess: too few deals are decided)' end
        || case
            when likely.soft_count > 0
                then '; ' || cast(likely.soft_count as varchar)
                    || ' without dates are taken to run for a year from their close date'
            else ''
        end || '.' as basis,
        cast(null as varchar) as unknown_reason
    from likely
    inner join win_rates on likely.pipeline_kind = win_rates.pipeline_kind
    union all
    select
        'fmrr_six_months' as kpi_key,
        bounds.present_on as month_on,
        cast(horizon.amount as double) as value,
        horizon.deal_count as sample_count,
        'This month and those after it, added up.' as basis,
        cast(null as varchar) as unknown_reason
    from horizon
    cross join bounds
    union all
    select
        win_rates.rate_key as kpi_key,
        bounds.present_on as month_on,
        win_rates.win_ratio as value,
        win_rates.won_count + win_rates.lost_count as sample_count,
        cast(win_rates.won_count as varchar) || ' won and ' || cast(win_rates.lost_count as varchar)
        || ' lost of the deals that qualified in the last '
        || {{ count_words("cast(" ~ threshold('kpi_win_rate_months') ~ " as integer)", 'month') }}
        || case
            when win_rates.is_measured then ', with one of each added so that few deals do not say too much.'
            else ': too few, so that the guess of rule_win_rates.csv stands here.'
        end as basis,
        cast(null as varchar) as unknown_reason
    from win_rates
    cross join bounds
    union all
    select
        kpi_key,
        month_on,
        case when unknown_reason is null then value end as value,
        sample_count,
        basis,
        unknown_reason
    from retention
    union all
    select
        'lqr' as kpi_key,
        month_on,
        qualified_count / cast(nullif(lead_count, 0) as double) as value,
        lead_count as sample_count,
        cast(qualified_count as varchar) || ' first entries into the qualifying stage and '
        || {{ count_words('lead_count', 'deal') }} || ' created before it, in '
        || {{ count_words("cast(" ~ threshold('kpi_campaign_months') ~ " as integer)", 'month') }} || '.' as basis,
        case when lead_count = 0 then 'No lead was created in these months.' end as unknown_reason
    from leads
    union all
    select
        'concentration_top_three' as kpi_key,
        months.month_on,
        cast(concentration.top_amount / nullif(concentration.amount, 0) as double) as value,
        concentration.chain_count as sample_count,
        'Of ' || {{ count_words('concentration.chain_count', 'chain') }} || ' of agreements.' as basis,
        case when coalesce(concentration.amount, 0) = 0 then 'Nothing is committed for this month.' end as unknown_reason
    from months
    left join concentration on months.month_on = concentration.month_on
    union all
    select
        measures.kpi_key,
        bounds.present_on as month_on,
        cast(null as double) as value,
        cast(null as bigint) as sample_count,
        cast(null as varchar) as basis,
        'What it costs to run the organisation stands in no source that handoff reads.' as unknown_reason
    from {{ ref('rule_kpis') }} as measures
    cross join bounds
    where measures.kpi_key in ('pipeline_coverage', 'committed_surplus', 'committed_runway')
)

select * from united
