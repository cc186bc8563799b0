-- One row per open stage: the chance that a deal in it is won, measured with one deal added on either side where enough are
-- decided, else as HubSpot has it for the stage.
with

stages as (
    select * from {{ ref('rule_stages') }}
    where not is_closed_won and not is_closed_lost
),

named as (
    select * from {{ ref('stg_hubspot__pipeline_stages') }}
),

measured as (
    select
        conversions.from_stage_id as stage_id,
        max(conversions.converted_count) as won_count,
        max(conversions.converted_count + conversions.not_converted_count) as decided_count
    from {{ ref('rpt_stage_conversion') }} as conversions
    inner join {{ ref('rule_stages') }} as won on conversions.to_stage_id = won.stage_id and won.is_closed_won
    group by conversions.from_stage_id
),

final as (
    select
        stages.pipeline_id,
        stages.stage_id,
        coalesce(measured.won_count, 0) as won_count,
        coalesce(measured.decided_count, 0) as decided_count,
        case
            when measured.decided_count >= {{ threshold('capacity_minimum_deals') }}
                then cast((measured.won_count + 1) as double) / (measured.decided_count + 2)
            else named.win_ratio
        end as win_ratio,
        case
            when measured.decided_count >= {{ threshold('capacity_minimum_deals') }}
                then 'measured: ' || measured.won_count || ' of ' || measured.decided_count
            when named.win_ratio is not null then 'HubSpot'
            else 'unknown'
        end as win_ratio_source
    from stages
    left join measured on stages.stage_id = measured.stage_id
    left join named on stages.pipeline_id = named.pipeline_id and stages.stage_id = named.stage_id
)

select * from final
