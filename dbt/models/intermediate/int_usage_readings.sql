-- One row per engagement and way in which its usage was told (persons or numbers, by day or month): when enough people
-- had used it, and how few and how many can have used it in the last window that is covered. Staff does not count.
with

usage as (
    select
        usage.*,
        hubs.engagement_id
    from {{ ref('int_usage') }} as usage
    inner join {{ ref('int_hub_engagements') }} as hubs on usage.hub_key = hubs.hub_key
    where hubs.engagement_id is not null and usage.period_on <= {{ as_of() }}
),

-- a later import of the same hub and period counts
latest_numbers as (
    select *
    from usage
    where user_key is null
    qualify row_number() over (partition by hub_key, period_kind, period_on order by _load_id desc, line_number desc) = 1
),

-- nobody on one hub is no gap: a file that names persons covers the days that it names anybody on, also where a server tells them
persons_through as (
    select
        period_kind,
        max(period_end_on) filter (where period_end_on <= {{ as_of() }}) as through_on
    from {{ ref('stg_files__usage') }}
    where user_key is not null
    group by period_kind
),

-- a server that tells the users of a hub takes the place of the persons that files name there: what is left of them is a part
told_by_a_server as (
    select distinct
        engagement_id,
        period_kind
    from usage
    where source = 'prometheus' and period_end_on > {{ add_days(as_of(), '-' ~ threshold('usage_recent_days')) }}
),

first_seen as (
    select
        engagement_id,
        period_kind,
        user_key,
        min(least(period_end_on, {{ as_of() }})) as first_on
    from usage
    where user_key is not null and not is_staff
    group by engagement_id, period_kind, user_key
),

numbered as (
    select
        *,
        row_number() over (partition by engagement_id, period_kind order by first_on, user_key) as person_number
    from first_seen
),

persons as (
    select
        usage.engagement_id,
        'persons' as told_as,
        usage.period_kind,
        through.through_on,
        count(distinct usage.user_key) filter (
            where not usage.is_staff
            and usage.period_end_on <= through.through_on
            and usage.period_end_on > {{ add_days('through.through_on', '-' ~ threshold('usage_window_days')) }}
        ) as least_count
    from usage
    inner join persons_through as through on usage.period_kind = through.period_kind
    where usage.user_key is not null
    group by usage.engagement_id, usage.period_kind, through.through_on
),

persons_reached as (
    select
        engagement_id,
        period_kind,
        min(first_on) filter (where person_number = {{ threshold('usage_people') }}) as reached_on
    from numbered
    group by engagement_id, period_kind
),

-- people of two hubs may be the same: together they are at least as many as on the busier one and at most the sum
numbers_through as (
    select
        engagement_id,
        period_kind,
        max(period_end_on) filter (where period_end_on <= {{ as_of() }}) as through_on,
        min(least(period_end_on, {{ as_of() }})) filter (where user_count >= {{ threshold('usage_people') }}) as reached_on
    from latest_numbers
    group by engagement_id, period_kind
),

placed as (
    select
        numbers.*,
        through.through_on,
        through.reached_on,
        numbers.period_end_on > {{ add_days('through.through_on', '-' ~ threshold('usage_recent_days')) }} as is_recent,
        numbers.period_end_on <= through.through_on
        and (
            (numbers.period_kind = 'month' and numbers.period_end_on = through.through_on)
            or (
                numbers.period_kind = 'day'
                and numbers.period_on > {{ add_days('through.through_on', '-' ~ threshold('usage_window_days')) }}
            )
        ) as is_inside
    from latest_numbers as numbers
    inner join numbers_through as through
        on numbers.engagement_id = through.engagement_id and numbers.period_kind = through.period_kind
),

-- hubs of which files name persons beside hubs that a server tells: nobody knows how many they are together
beside as (
    select distinct
        usage.engagement_id,
        usage.period_kind
    from usage
    inner join told_by_a_server as told on usage.engagement_id = told.engagement_id and usage.period_kind = told.period_kind
    where usage.user_key is not null and usage.period_end_on > {{ add_days(as_of(), '-' ~ threshold('usage_recent_days')) }}
),

windows as (
    select
        engagement_id,
        period_kind,
        through_on,
        reached_on,
        count(distinct hub_key) filter (where is_recent) as hub_count,
        count(*) filter (where is_inside and user_count is not null) as told_count,
        max(user_count) filter (where is_inside) as least_count,
        sum(user_count) filter (where is_inside) as most_count
    from placed
    group by engagement_id, period_kind, through_on, reached_on
),

united as (
    select
        persons.engagement_id,
        persons.told_as,
        persons.period_kind,
        -- when enough people had used it remains known
        case when told.engagement_id is null then persons.through_on end as through_on,
        reached.reached_on,
        case when told.engagement_id is null then persons.least_count end as least_count,
        case when told.engagement_id is null then persons.least_count end as most_count,
        case when persons.period_kind = 'day' then 1 else 2 end as told_rank
    from persons
    left join told_by_a_server as told on persons.engagement_id = told.engagement_id and persons.period_kind = told.period_kind
    left join persons_reached as reached
        on persons.engagement_id = reached.engagement_id and persons.period_kind = reached.period_kind
    union all
    select
        windows.engagement_id,
        'numbers' as told_as,
        windows.period_kind,
        windows.through_on,
        windows.reached_on,
        coalesce(windows.least_count, 0) as least_count,
        -- a hub or day without data: nobody knows how many more there were
        case
            when
                beside.engagement_id is null
                and windows.told_count
                = windows.hub_count * case when windows.period_kind = 'day' then {{ threshold('usage_window_days') }} else 1 end
                then windows.most_count
        end as most_count,
        case when windows.period_kind = 'day' then 3 else 4 end as told_rank
    from windows
    left join beside on windows.engagement_id = beside.engagement_id and windows.period_kind = beside.period_kind
),

final as (
    select
        engagement_id,
        told_as,
        period_kind,
        through_on,
        reached_on,
        cast(least_count as bigint) as least_count,
        cast(most_count as bigint) as most_count,
        told_rank
    from united
)

select * from final
