-- Plans what was sold: the project that an engagement lacks, and a deliverable for each line item of its deal that has none.
-- A line item has a deliverable that bears its address, or, without any address, its name. Where deliverables stand there that
-- may mean any of several line items, a person must say which.
with

gaps as (
    select * from {{ ref('fct_handoff_gaps') }}
    where rule_id in ('HG01', 'HG03')
),

findings as (
    select
        deal_id,
        finding_id,
        status
    from gaps
    union all
    select
        sold.deal_id,
        broken.finding_id,
        broken.status
    from {{ ref('fct_delivery_findings') }} as broken
    inner join {{ ref('int_sold_items') }} as sold
        on broken.finding_id = 'DV05:engagement-' || sold.engagement_id || ':deal-' || sold.deal_id
),

deals_in_need as (
    select
        deal_id,
        min(finding_id) as finding_id,
        max(status) as status
    from findings
    group by deal_id
),

deals as (
    select deals.*
    from {{ ref('int_deals') }} as deals
    inner join {{ ref('int_engagement_stores') }} as stores
        on deals.pipeline_id = stores.pipeline_id and stores.store = 'airtable'
    where deals.engagement_policy = 'new'
),

new_engagements as (
    select
        finding_id,
        change_id,
        is_blocked,
        blocked_reason
    from {{ ref('act_create_engagements') }}
    where system = 'airtable'
),

engaged as (
    select
        links.deal_id,
        min(engagements.engagement_id) as engagement_id,
        min(engagements.engagement_url) as engagement_url,
        min(engagements.engagement_name) as engagement_name
    from {{ ref('int_engagement_links') }} as links
    inner join {{ ref('int_engagements') }} as engagements on links.engagement_id = engagements.engagement_id
    where not links.is_called_off
    group by links.deal_id
    having count(*) = 1
),

projects as (
    select
        engagement_id,
        count(*) as project_count,
        min(project_url) as project_url
    from {{ ref('stg_airtable__projects') }}
    group by engagement_id
),

deliverables as (
    select
        projects.engagement_id,
        deliverables.deliverable_id,
        deliverables.line_item_url,
        {{ compared_text('deliverables.deliverable_name') }} as compared_name
    from {{ ref('stg_airtable__deliverables') }} as deliverables
    inner join {{ ref('stg_airtable__projects') }} as projects on deliverables.project_id = projects.project_id
),

line_items as (
    select
        deal_id,
        line_item_id,
        coalesce(line_item_name, 'Line item ' || line_item_id) as line_item_name,
        {{ compared_text('line_item_name') }} as compared_name,
        {{ hubspot_url("'0-8'", 'line_item_id') }} as line_item_url
    from {{ ref('int_deal_line_items') }}
),

wanted as (
    select
        deals_in_need.finding_id,
        deals_in_need.status,
        deals.deal_id,
        deals.deal_name,
        deals.deal_url,
        engaged.engagement_id,
        coalesce(engaged.engagement_name, deals.deal_name) as engagement_name,
        coalesce(engaged.engagement_url, '{created:' || new_engagements.change_id || '.url}') as engagement_url,
        case when engaged.deal_id is null then new_engagements.change_id end as engagement_create_id,
        coalesce(projects.project_count, 0) as project_count,
        projects.project_url,
        'create:project-for-deal-' || deals.deal_id as project_create_id,
        case
            when deals_in_need.status <> 'open' then 'a source behind the finding is not complete'
            when engaged.deal_id is null and new_engagements.is_blocked then new_engagements.blocked_reason
            when projects.project_count > 1
                then 'the engagement has ' || projects.project_count || ' projects; add the deliverable to the right one'
        end as blocked_reason
    from deals_in_need
    inner join deals on deals_in_need.deal_id = deals.deal_id
    left join engaged on deals.deal_id = engaged.deal_id
    left join new_engagements on new_engagements.finding_id = 'HG01:deal-' || deals.deal_id
    left join projects on engaged.engagement_id = projects.engagement_id
    where engaged.deal_id is not null or new_engagements.change_id is not null
),

-- each line item with the deliverable that stands for it
matched as (
    select
        wanted.deal_id,
        wanted.engagement_id,
        line_items.line_item_id,
        line_items.line_item_name,
        line_items.compared_name,
        line_items.line_item_url,
        max(deliverables.deliverable_id) as deliverable_id
    from wanted
    inner join line_items on wanted.deal_id = line_items.deal_id
    left join deliverables
        on wanted.engagement_id = deliverables.engagement_id
        and (
            deliverables.line_item_url = line_items.line_item_url
            or ({{ is_empty('deliverables.line_item_url') }} and deliverables.compared_name = line_items.compared_name)
        )
    group by all
),

counted as (
    select
        matched.deal_id,
        count(*) filter (where matched.deliverable_id is null) as lacking_count,
        count(*) as item_count
    from matched
    group by matched.deal_id
),

planned as (
    select
        engagement_id,
        count(*) as deliverable_count
    from deliverables
    group by engagement_id
),

lacking as (
    select
        matched.*,
        coalesce(planned.deliverable_count, 0) > counted.item_count - counted.lacking_count as is_unclear
    from matched
    inner join counted on matched.deal_id = counted.deal_id
    left join planned on matched.engagement_id = planned.engagement_id
    where matched.deliverable_id is null and coalesce(planned.deliverable_count, 0) < counted.item_count
),

project_rows as (
    select
        wanted.project_create_id as change_id,
        wanted.finding_id,
        'create_airtable_project' as recipe,
        'projects' as object,
        cast(to_json({
            'project_name': wanted.deal_name,
            'engagement': wanted.engagement_url,
            'deal_url': wanted.deal_url,
            'status': {{ organisation('new_item_status') }}
        }) as varchar) as after,
        wanted.engagement_name || ' has no project, and ' || {{ count_words('counted.item_count', 'line item') }}
        || case when counted.item_count = 1 then ' was' else ' were' end || ' sold.' as reason,
        wanted.deal_url as natural_key,
        wanted.engagement_create_id as depends_on,
        wanted.deal_url as record_url,
        wanted.blocked_reason
    from wanted
    inner join counted on wanted.deal_id = counted.deal_id
    where wanted.project_count = 0
),

deliverable_rows as (
    select
        'create:deliverable-for-line-item-' || lacking.line_item_id as change_id,
        wanted.finding_id,
        'create_airtable_deliverable' as recipe,
        'deliverables' as object,
        cast(to_json({
            'deliverable_name': lacking.line_item_name,
            'project': case
                when wanted.project_count = 0 then '{created:' || wanted.project_create_id || '.url}'
                else wanted.project_url
            end,
            'line_item_url': lacking.line_item_url,
            'status': {{ organisation('new_item_status') }}
        }) as varchar) as after,
        lacking.line_item_name || ' was sold with ' || wanted.deal_name || ', and no deliverable stands for it.' as reason,
        lacking.line_item_url as natural_key,
        case when wanted.project_count = 0 then wanted.project_create_id end as depends_on,
        wanted.deal_url as record_url,
        coalesce(
            wanted.blocked_reason,
            case
                when lacking.is_unclear
                    then 'the engagement has deliverables, and none says which line item it stands for; write '
                        || lacking.line_item_url || ' on the one that stands for this'
            end
        ) as blocked_reason
    from lacking
    inner join wanted on lacking.deal_id = wanted.deal_id
),

united as (
    select * from project_rows
    union all
    select * from deliverable_rows
),

final as (
    select
        change_id,
        finding_id,
        recipe,
        'airtable' as system,
        object,
        cast(null as varchar) as record_id,
        cast(null as varchar) as field,
        cast(null as varchar) as before,
        after,
        'if_empty' as policy,
        reason,
        'medium' as risk,
        false as is_reversible,
        natural_key,
        depends_on,
        record_url,
        'hubspot;airtable' as needs,
        blocked_reason is not null as is_blocked,
        blocked_reason,
        {{ as_of() }} as as_of_on
    from united
)

select * from final
