-- Buys a lapsed agreement that is still in use another two weeks, on its one engagement, while there is time to decide. Off
-- unless rule_guards.csv has the row enabled_recipe,extend_decommission_date: time is bought by a decision, not by default.
with

enabled as (
    select value as recipe
    from {{ ref('rule_guards') }}
    where key = 'enabled_recipe' and value = 'extend_decommission_date'
),

lapsed as (
    select * from {{ ref('fct_lapsed_findings') }}
    where rule_id in ('LA02', 'LA04')
),

served as (
    select
        deal_id,
        min(engagement_id) as engagement_id
    from {{ ref('int_deal_engagements') }}
    where is_active
    group by deal_id
    having count(*) = 1
),

engagements as (
    select * from {{ ref('int_engagements') }}
),

final as (
    select
        'extend:engagement-' || served.engagement_id as change_id,
        lapsed.finding_id,
        enabled.recipe,
        engagements.store as system,
        'engagements' as object,
        served.engagement_id as record_id,
        'extended_until_on' as field,
        cast(engagements.extended_until_on as varchar) as before,
        -- no extension reaches beyond the day on which somebody must decide
        cast(
            least({{ add_days(as_of(), threshold('lapsed_extension_days')) }}, lapsed.decision_due_on) as varchar
        ) as after,
        'if_equal_before' as policy,
        lapsed.reason,
        'high' as risk,
        true as is_reversible,
        cast(null as varchar) as natural_key,
        cast(null as varchar) as depends_on,
        engagements.engagement_url as record_url,
        'hubspot;' || engagements.store || ';aws' as needs,
        lapsed.status <> 'open' as is_blocked,
        case when lapsed.status <> 'open' then 'a source behind the finding is not complete' end as blocked_reason,
        {{ as_of() }} as as_of_on
    from lapsed
    inner join served on lapsed.deal_id = served.deal_id
    inner join engagements on served.engagement_id = engagements.engagement_id
    cross join enabled
    where lapsed.decision_due_on > {{ as_of() }}
)

select * from final
