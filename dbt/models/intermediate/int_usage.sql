-- One row per hub and period whose users are known, or per person of that. Where rule_sources.csv names Prometheus and it has a
-- number for a hub and period (the same day, or the same month), that number counts and files of the same hub and period do not,
-- be it numbers or persons: what is known twice counts once. Files count for every other hub and period.
with

read_sources as (
    select * from {{ ref('rule_sources') }}
    where source = 'prometheus'
),

-- spellings of one hub that differ in case alone are one hub: the newest reading counts
newest as (
    select *
    from {{ ref('stg_prometheus__users') }}
    qualify row_number() over (partition by hub_key, period_kind, period_on order by _load_id desc, hub asc) = 1
),

told as (
    select
        newest.*,
        read_sources.source_name
    from newest
    inner join read_sources on true
),

imported as (
    select * from {{ ref('stg_files__usage') }}
),

final as (
    select
        'prometheus' as source,
        source_name as file_name,
        cast(null as bigint) as line_number,
        hub,
        hub_key,
        period_kind,
        period_on,
        period_end_on,
        user_count,
        cast(null as varchar) as user_key,
        false as is_staff,
        _load_id
    from told
    union all
    select
        'files' as source,
        imported.file_name,
        imported.line_number,
        imported.hub,
        imported.hub_key,
        imported.period_kind,
        imported.period_on,
        imported.period_end_on,
        imported.user_count,
        imported.user_key,
        imported.is_staff,
        imported._load_id
    from imported
    left join told
        on imported.hub_key = told.hub_key
        and imported.period_kind = told.period_kind
        and imported.period_on = told.period_on
    where told.hub_key is null
)

select * from final
