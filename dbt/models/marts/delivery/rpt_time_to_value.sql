with

deliveries as (
    select * from {{ ref('rpt_deliveries') }}
    where is_hub
),

-- who still waits has waited so long already: the average is then no less than what it says
waited as (
    select
        coalesce(tfv_days, tfv_waiting_days) as waited_days,
        tfv_days is null as is_waiting
    from deliveries
    where tfv_days is not null or tfv_waiting_days is not null
),

summed as (
    select
        count(*) filter (where not is_waiting) as reached_count,
        count(*) filter (where is_waiting) as waiting_count,
        avg(waited_days) as average_days,
        quantile_disc(waited_days, 0.5) as median_days,
        max(waited_days) filter (where not is_waiting) as longest_days
    from waited
),

final as (
    select
        (select count(*) from deliveries) as hub_count,
        summed.reached_count,
        summed.waiting_count,
        (select count(*) from deliveries) - summed.reached_count - summed.waiting_count as unknown_count,
        case when summed.waiting_count > 0 then '>' else '' end || cast(cast(round(summed.average_days) as integer) as varchar)
            as average_days,
        case when summed.waiting_count > 0 then '>' else '' end || cast(summed.median_days as varchar) as median_days,
        cast(summed.longest_days as integer) as longest_days,
        {{ as_of() }} as as_of_on
    from summed
)

select * from final
