-- Makes the engagement that a deal at handoff lacks in the store that is the truth for its pipeline, and then links it from the
-- deal. The project of one in Asana has the template, portfolio and first status of rule_engagement_templates.csv.
with

gaps as (
    select * from {{ ref('fct_handoff_gaps') }}
    where rule_id = 'HG01'
),

deals as (
    select * from {{ ref('int_deals') }}
),

handoffs as (
    select * from {{ ref('int_handoff_deals') }}
),

templates as (
    select * from {{ ref('rule_engagement_templates') }}
),

-- a renewal of a pipeline that continues engagements belongs to its predecessor's, which a person must find
wanted as (
    select
        gaps.finding_id,
        gaps.status,
        gaps.deal_id,
        gaps.record_url,
        deals.deal_name,
        deals.deal_url,
        deals.community_name,
        deals.start_on,
        deals.term_end_on,
        deals.engagement_url,
        deals.stage_name,
        templates.template_id,
        templates.portfolio_id,
        templates.status_type,
        stores.store,
        'create:engagement-for-deal-' || gaps.deal_id as create_id,
        case
            when gaps.status <> 'open' then 'a source behind the finding is not complete'
            when handoffs.is_named_in_another_portal
                then 'an engagement names this deal in another portal; correct that address instead of adding another one'
            when stores.store = 'asana' and templates.template_id is null
                then 'rule_engagement_templates.csv names no template for this pipeline; add its row'
        end as blocked_reason
    from gaps
    inner join deals on gaps.deal_id = deals.deal_id
    inner join {{ ref('int_engagement_stores') }} as stores
        on deals.pipeline_id = stores.pipeline_id
    left join handoffs on gaps.deal_id = handoffs.deal_id
    left join templates on deals.pipeline_id = templates.pipeline_id
    where deals.engagement_policy = 'new'
),

-- what the new record holds, in the form that its store takes
requests as (
    select
        create_id,
        'create_airtable_engagement' as recipe,
        cast(to_json({
            'engagement_name': deal_name,
            'deal_url': deal_url,
            'status': {{ organisation('new_engagement_status') }},
            'community_name': community_name,
            'start_on': cast(start_on as varchar),
            'end_on': cast(term_end_on as varchar)
        }) as varchar) as after
    from wanted
    where store = 'airtable'
    union all
    select
        create_id,
        'create_asana_engagement' as recipe,
        cast(to_json({
            'engagement_name': deal_name,
            'deal_url': deal_url,
            'status': {{ organisation('new_engagement_status') }},
            'community_name': community_name,
            -- Asana takes no start without an end
            'start_on': cast(case when term_end_on is not null then start_on end as varchar),
            'end_on': cast(term_end_on as varchar),
            'template': template_id,
            'portfolio': portfolio_id,
            'status_type': status_type
        }) as varchar) as after
    from wanted
    where store = 'asana'
),

creations as (
    select
        wanted.create_id as change_id,
        wanted.finding_id,
        wanted.store,
        wanted.blocked_reason,
        requests.recipe,
        wanted.store as system,
        'engagements' as object,
        cast(null as varchar) as record_id,
        cast(null as varchar) as field,
        cast(null as varchar) as before,
        requests.after,
        wanted.deal_name || ' is in ' || wanted.stage_name || ' and has no engagement.' as reason,
        'medium' as risk,
        wanted.deal_url as natural_key,
        cast(null as varchar) as depends_on,
        wanted.record_url
    from wanted
    inner join requests on wanted.create_id = requests.create_id
),

links as (
    select
        'fill:deal-' || wanted.deal_id || ':engagement_url' as change_id,
        wanted.finding_id,
        wanted.store,
        wanted.blocked_reason,
        requests.recipe,
        'hubspot' as system,
        'deals' as object,
        wanted.deal_id as record_id,
        'engagement_url' as field,
        wanted.engagement_url as before,
        '{created:' || wanted.create_id || '.url}' as after,
        'The deal names the engagement that is created for it, so that both sides find each other.' as reason,
        'low' as risk,
        cast(null as varchar) as natural_key,
        wanted.create_id as depends_on,
        wanted.record_url
    from wanted
    inner join requests on wanted.create_id = requests.create_id
),

united as (
    select * from creations
    union all
    select * from links
),

final as (
    select
        change_id,
        finding_id,
        recipe,
        system,
        object,
        record_id,
        field,
        before,
        after,
        'if_empty' as policy,
        reason,
        risk,
        record_id is not null as is_reversible,
        natural_key,
        depends_on,
        record_url,
        'hubspot;' || store as needs,
        blocked_reason is not null as is_blocked,
        blocked_reason,
        {{ as_of() }} as as_of_on
    from united
)

select * from final
