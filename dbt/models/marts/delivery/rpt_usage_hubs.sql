with

usage as (
    select * from {{ ref('int_usage') }}
),

hubs as (
    select * from {{ ref('int_hub_engagements') }}
),

engagements as (
    select * from {{ ref('int_delivery_engagements') }}
),

final as (
    select
        hubs.hub,
        hubs.engagement_id,
        engagements.engagement_name,
        engagements.engagement_url as record_url,
        {{ joined('usage.file_name') }} as file_names,
        min(usage.period_on) as first_on,
        max(usage.period_end_on) as through_on,
        count(*) as row_count,
        count(distinct usage.user_key) filter (where not usage.is_staff) as person_count,
        count(distinct usage.user_key) filter (where usage.is_staff) as staff_count,
        max(usage.user_count) as highest_user_count,
        count(*) filter (where usage.user_key is null and usage.user_count is null) as no_data_count,
        {{ as_of() }} as as_of_on
    from hubs
    inner join usage on hubs.hub_key = usage.hub_key
    left join engagements on hubs.engagement_id = engagements.engagement_id
    group by hubs.hub, hubs.engagement_id, engagements.engagement_name, engagements.engagement_url
)

select * from final
