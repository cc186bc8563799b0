-- One row per engagement whose usage is known: when enough people had used it, and whether enough still do.
with

readings as (
    select * from {{ ref('int_usage_readings') }}
),

-- an engagement whose figures of late are read from Prometheus has its next ones from there
told as (
    select
        hubs.engagement_id,
        bool_or(
            usage.source = 'prometheus'
            and usage.period_end_on > {{ add_days(as_of(), '-' ~ threshold('usage_recent_days')) }}
        ) as is_read
    from {{ ref('int_usage') }} as usage
    inner join {{ ref('int_hub_engagements') }} as hubs on usage.hub_key = hubs.hub_key
    group by hubs.engagement_id
),

gates as (
    select * from {{ ref('int_source_gates') }}
    where source = 'prometheus'
),

first_reached as (
    select *
    from readings
    where reached_on is not null
    qualify row_number() over (partition by engagement_id order by reached_on, told_rank) = 1
),

latest as (
    select *
    from readings
    qualify row_number() over (partition by engagement_id order by through_on desc nulls last, told_rank asc) = 1
),

final as (
    select
        latest.engagement_id,
        first_reached.reached_on,
        -- persons by day say the very day; numbers and months only that it was not later
        coalesce(first_reached.told_as = 'persons' and first_reached.period_kind = 'day', false) as is_reached_exact,
        latest.period_kind as usage_period_kind,
        latest.through_on as usage_through_on,
        latest.least_count,
        latest.most_count,
        case when told.is_read then 'prometheus' else 'files' end as usage_source,
        case
            when latest.through_on is null
                or latest.through_on < {{ add_days(as_of(), '-' ~ threshold('usage_recent_days')) }}
                then 'unknown'
            when latest.least_count >= {{ threshold('usage_people') }} then 'enough'
            -- that too few used it in newer figures, which could not be read, nobody can say
            when told.is_read and gates.gate <> 'complete' then 'unknown'
            when latest.most_count < {{ threshold('usage_people') }} then 'too few'
            else 'unknown'
        end as usage_state
    from latest
    left join first_reached on latest.engagement_id = first_reached.engagement_id
    left join told on latest.engagement_id = told.engagement_id
    left join gates on true
)

select * from final
