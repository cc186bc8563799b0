-- One row per source: may what it says be believed as of this run?
with

sources as (
    select * from {{ ref('rule_sources') }}
),

statuses as (
    select * from {{ ref('int_source_statuses') }}
),

runs as (
    select * from {{ ref('stg_ops__run') }}
),

aged as (
    select
        sources.source,
        sources.source_name,
        -- what people must look at is where it is read
        coalesce(read_sources.source_name, sources.source_name) as read_name,
        sources.max_age_hours,
        coalesce(statuses.status, 'never') as load_status,
        statuses.last_complete_at,
        statuses.error,
        statuses.read_from,
        sources.max_age_hours > 0
        and runs.started_at > statuses.last_complete_at + to_hours(sources.max_age_hours) as is_too_old
    from sources
    left join statuses on sources.source = statuses.source
    left join sources as read_sources on statuses.read_from = read_sources.source
    left join runs on true
),

final as (
    select
        source,
        source_name,
        max_age_hours,
        last_complete_at,
        case
            when load_status = 'never' or last_complete_at is null then 'never'
            when load_status = 'complete' and not coalesce(is_too_old, false) then 'complete'
            else 'stale'
        end as gate,
        case
            when load_status = 'never' and max_age_hours = 0 and error is null and read_from is null
                then read_name || ': there are none yet.'
            when load_status = 'never' or last_complete_at is null
                then read_name || ' has never been read completely' || coalesce(': ' || error, '.')
            when load_status <> 'complete'
                then read_name || ' is stale since ' || strftime(timezone('UTC', last_complete_at), '%Y-%m-%d %H:%M') || ' UTC'
                    || coalesce(': ' || error, '.')
            when is_too_old
                then read_name || ' was last read completely at '
                    || strftime(timezone('UTC', last_complete_at), '%Y-%m-%d %H:%M') || ' UTC, more than '
                    || cast(max_age_hours as varchar) || ' hours before this run.'
        end as gate_reason
    from aged
)

select * from final
