-- Returns a row when engagements have a status that rule_engagement_statuses.csv does not know: it counts as not begun.
{{ config(severity='warn') }}
select
    engagements.store,
    engagements.status,
    count(*) as engagement_count
from {{ ref('int_engagements') }} as engagements
left join {{ ref('rule_engagement_statuses') }} as statuses
    on engagements.store = statuses.store and engagements.status = statuses.status
where statuses.status is null and engagements.status is not null
group by engagements.store, engagements.status
