-- Links deliverables and the items of project boards where only one of the two names the other, and fills empty fields of such
-- items. Off unless rule_guards.csv has the row enabled_recipe,link_project_item: many boards are kept without such fields.
with

enabled as (
    select value as recipe
    from {{ ref('rule_guards') }}
    where key = 'enabled_recipe' and value = 'link_project_item'
),

deals as (
    select * from {{ ref('int_deals') }}
    where not is_archived and not is_lost and not is_rehearsal
),

engaged as (
    select
        deal_id,
        min(engagement_id) as engagement_id
    from {{ ref('int_engagement_links') }}
    where not is_called_off
    group by deal_id
    having count(*) = 1
),

deliverables as (
    select
        deliverables.*,
        projects.engagement_id
    from {{ ref('stg_airtable__deliverables') }} as deliverables
    inner join {{ ref('stg_airtable__projects') }} as projects on deliverables.project_id = projects.project_id
),

items as (
    select
        *,
        {{ deal_id_of('deal_url') }} as deal_id
    from {{ ref('stg_github__project_items') }}
    where content_type = 'Issue' and not is_archived and not is_redacted
),

item_dates as (
    select * from {{ ref('int_project_item_starts') }}
),

-- which of the fields each board has
board_fields as (
    select
        fields.project_number,
        names.canonical_field
    from {{ ref('stg_github__project_fields') }} as fields
    inner join {{ ref('map_fields') }} as names
        on names.system = 'github' and names.object = 'project_items' and fields.field_name = names.vendor_field
),

named_issues as (
    select distinct github_url
    from deliverables
    where github_url is not null
),

-- the one item that names the deal and that no deliverable names, for the one deliverable that names no issue
nameless as (
    select
        engaged.deal_id,
        min(deliverables.deliverable_id) as deliverable_id,
        min(deliverables.deliverable_name) as deliverable_name,
        min(deliverables.deliverable_url) as deliverable_url
    from engaged
    inner join deliverables on engaged.engagement_id = deliverables.engagement_id
    where deliverables.github_url is null
    group by engaged.deal_id
    having count(*) = 1
),

unclaimed as (
    select
        items.deal_id,
        min(items.content_url) as content_url
    from items
    left join named_issues on items.content_url = named_issues.github_url
    left join {{ ref('int_delivery_requests') }} as requests on items.content_url = requests.issue_url
    where named_issues.github_url is null and requests.issue_url is null
    group by items.deal_id
    having count(distinct items.content_url) = 1
),

to_deliverables as (
    select
        'link:deliverable-' || nameless.deliverable_id || ':github_url' as change_id,
        nameless.deal_id,
        'airtable' as system,
        'deliverables' as object,
        nameless.deliverable_id as record_id,
        'github_url' as field,
        unclaimed.content_url as after,
        'The issue names the deal on its board, and ' || nameless.deliverable_name || ' names no issue.' as reason,
        nameless.deliverable_url as record_url
    from nameless
    inner join unclaimed on nameless.deal_id = unclaimed.deal_id
),

-- an item belongs to a deal whose deliverable names its issue, or whose request it is; several deals are for people
item_deals as (
    select
        items.project_number,
        items.project_item_id,
        engaged.deal_id
    from items
    inner join deliverables on items.content_url = deliverables.github_url
    inner join engaged on deliverables.engagement_id = engaged.engagement_id
    union
    select
        items.project_number,
        items.project_item_id,
        requests.deal_id
    from items
    inner join {{ ref('int_delivery_requests') }} as requests on items.content_url = requests.issue_url
),

linked_items as (
    select
        items.project_number,
        items.project_item_id,
        items.content_url,
        items.title,
        items.deal_url as stated_deal_url,
        item_dates.start_on as stated_start_on,
        deals.deal_id,
        deals.deal_name,
        deals.deal_url,
        deals.start_on,
        count(*) over (partition by items.project_number, items.project_item_id) as deal_count
    from item_deals
    inner join items
        on item_deals.project_number = items.project_number and item_deals.project_item_id = items.project_item_id
    inner join deals on item_deals.deal_id = deals.deal_id
    left join item_dates
        on items.project_number = item_dates.project_number and items.project_item_id = item_dates.project_item_id
),

wanted_cells as (
    select
        *,
        'deal_url' as field,
        deal_url as after,
        {{ is_empty('stated_deal_url') }} as is_empty
    from linked_items
    union all
    select
        *,
        'start_on' as field,
        cast(start_on as varchar) as after,
        stated_start_on is null as is_empty
    from linked_items
),

to_items as (
    select
        'link:item-' || cells.project_number || '-' || cells.project_item_id || ':' || cells.field as change_id,
        cells.deal_id,
        'github' as system,
        'project_items' as object,
        cells.project_number || '/' || cells.project_item_id as record_id,
        cells.field,
        cells.after,
        cells.title || ' is work for ' || cells.deal_name || case cells.field
            when 'deal_url' then ', and its item names no deal.'
            else ', which begins on ' || {{ day_words('cells.start_on') }} || ', and its item has no start date.'
        end as reason,
        cells.content_url as record_url
    from wanted_cells as cells
    inner join board_fields
        on cells.project_number = board_fields.project_number and cells.field = board_fields.canonical_field
    where cells.is_empty and cells.after is not null and cells.deal_count = 1
),

united as (
    select * from to_deliverables
    union all
    select * from to_items
),

final as (
    select
        united.change_id,
        'HG03:deal-' || united.deal_id as finding_id,
        enabled.recipe,
        united.system,
        united.object,
        united.record_id,
        united.field,
        cast(null as varchar) as before,
        united.after,
        'if_empty' as policy,
        united.reason,
        'low' as risk,
        true as is_reversible,
        cast(null as varchar) as natural_key,
        cast(null as varchar) as depends_on,
        united.record_url,
        'hubspot;airtable;github' as needs,
        gates.gate <> 'evaluated' as is_blocked,
        case when gates.gate <> 'evaluated' then 'a source behind the finding is not complete' end as blocked_reason,
        {{ as_of() }} as as_of_on
    from united
    inner join {{ ref('int_rule_gates') }} as gates on gates.rule_id = 'HG03'
    cross join enabled
)

select * from final
