-- One row per kind of pipeline: of the deals that entered its qualifying stage lately and are decided, what share was won. One
-- win and one loss are added, so that few deals do not say "always"; below the sample that the rules ask for the prior stands.
with

win_rates as (
    select * from {{ ref('rule_win_rates') }}
),

deals as (
    select * from {{ ref('int_deals') }}
    where not is_archived and not is_rehearsal
),

qualifying as (
    select
        pipelines.pipeline_kind,
        stages.pipeline_id,
        stages.stage_rank
    from {{ ref('rule_stages') }} as stages
    inner join {{ ref('rule_pipelines') }} as pipelines on stages.pipeline_id = pipelines.pipeline_id
    inner join win_rates
        on pipelines.pipeline_kind = win_rates.pipeline_kind and stages.stage_key = win_rates.qualifying_stage_key
),

entered as (
    select
        entries.deal_id,
        qualifying.pipeline_kind,
        min({{ organisation_date('entries.entered_at') }}) as entered_on
    from {{ ref('int_deal_stages') }} as entries
    inner join qualifying on entries.pipeline_id = qualifying.pipeline_id and entries.stage_rank >= qualifying.stage_rank
    group by entries.deal_id, qualifying.pipeline_kind
),

counted as (
    select
        win_rates.pipeline_kind,
        count(*) filter (where deals.is_won) as won_count,
        count(*) filter (where deals.is_lost) as lost_count
    from win_rates
    left join entered
        on win_rates.pipeline_kind = entered.pipeline_kind
        and entered.entered_on > {{ add_months(as_of(), '-' ~ threshold('kpi_win_rate_months')) }}
        and entered.entered_on <= {{ as_of() }}
    left join deals on entered.deal_id = deals.deal_id and win_rates.pipeline_kind = deals.pipeline_kind
    group by win_rates.pipeline_kind
),

final as (
    select
        win_rates.pipeline_kind,
        win_rates.rate_key,
        cast(counted.won_count as integer) as won_count,
        cast(counted.lost_count as integer) as lost_count,
        counted.won_count + counted.lost_count >= {{ threshold('kpi_win_rate_minimum') }} as is_measured,
        case
            when counted.won_count + counted.lost_count >= {{ threshold('kpi_win_rate_minimum') }}
                then (counted.won_count + 1) / cast(counted.won_count + counted.lost_count + 2 as double)
            else cast(win_rates.prior_ratio as double)
        end as win_ratio
    from win_rates
    inner join counted on win_rates.pipeline_kind = counted.pipeline_kind
)

select * from final
