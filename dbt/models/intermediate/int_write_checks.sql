-- One row per write of `handoff apply` that no load has confirmed yet: what the vendor holds there now, and what that says.
with

writes as (
    select * from {{ ref('stg_ops__writes') }}
),

statuses as (
    select * from {{ ref('stg_ops__source_status') }}
),

fields as (
    select * from {{ ref('map_fields') }}
),

-- the records whose fields are read as they stand; what is not here cannot be checked
records as (
    select
        'hubspot' as system,
        'deals' as object,
        deal_id as record_id,
        {{ json_map('properties_json') }} as cells
    from {{ ref('stg_hubspot__deals') }}
    union all
    select
        'hubspot' as system,
        'communities' as object,
        community_record_id as record_id,
        {{ json_map('properties_json') }} as cells
    from {{ ref('stg_hubspot__communities') }}
    union all
    select
        'hubspot' as system,
        'companies' as object,
        company_id as record_id,
        {{ json_map('properties_json') }} as cells
    from {{ ref('stg_hubspot__companies') }}
    union all
    select
        'airtable' as system,
        'engagements' as object,
        engagement_id as record_id,
        {{ json_map('fields_json') }} as cells
    from {{ ref('stg_airtable__engagements') }}
    union all
    select
        'asana' as system,
        'engagements' as object,
        engagement_id as record_id,
        {{ json_map('fields_json') }} as cells
    from {{ ref('stg_asana__engagements') }}
),

-- labels between two records, as changes name them
labels as (
    select
        'deals' as object,
        from_id as record_id,
        case to_object when 'contacts' then 'contact_label:' else 'deal_label:' end || to_id as field,
        string_agg(distinct label, ';' order by label) as label_list
    from {{ ref('stg_hubspot__associations') }}
    where from_object = 'deals' and to_object in ('contacts', 'deals')
    group by from_id, to_object, to_id
),

item_dates as (
    select * from {{ ref('int_project_item_starts') }}
),

-- single fields of other records
cells as (
    select
        'airtable' as system,
        'deliverables' as object,
        deliverable_id as record_id,
        'github_url' as field,
        github_url as held_value
    from {{ ref('stg_airtable__deliverables') }}
    union all
    select
        'github' as system,
        'project_items' as object,
        project_number || '/' || project_item_id as record_id,
        'deal_url' as field,
        deal_url as held_value
    from {{ ref('stg_github__project_items') }}
    union all
    select
        'github' as system,
        'project_items' as object,
        items.project_number || '/' || items.project_item_id as record_id,
        'start_on' as field,
        cast(item_dates.start_on as varchar) as held_value
    from {{ ref('stg_github__project_items') }} as items
    left join item_dates
        on items.project_number = item_dates.project_number and items.project_item_id = item_dates.project_item_id
    union all
    select
        'aws' as system,
        'budgets' as object,
        owner_account_id || '/' || budget_name as record_id,
        'limit' as field,
        cast(limit_amount as varchar) as held_value
    from {{ ref('stg_aws__budgets') }}
    union all
    select
        'github' as system,
        'issues' as object,
        split_part(repository, '/', 2) || '/' || issue_number as record_id,
        'state' as field,
        state as held_value
    from {{ ref('stg_github__issues') }}
    union all
    -- what is a project's own and no custom field
    select
        'asana' as system,
        'engagements' as object,
        projects.engagement_id as record_id,
        own.field,
        case own.field
            when 'engagement_name' then projects.engagement_name
            when 'start_on' then cast(projects.start_on as varchar)
            else cast(projects.end_on as varchar)
        end as held_value
    from {{ ref('stg_asana__engagements') }} as projects
    cross join (values ('engagement_name'), ('start_on'), ('end_on')) as own (field)
),

columns as (
    select
        deal_id,
        min(header) as header
    from {{ ref('stg_sheets__billing_columns') }}
    where deal_id is not null
    group by deal_id
),

cells_and_columns as (
    select * from cells
    union all
    -- a column that was taken back: each deal has one, or none
    select
        'sheets' as system,
        'billing_columns' as object,
        deals.deal_id as record_id,
        'column' as field,
        columns.header as held_value
    from {{ ref('stg_hubspot__deals') }} as deals
    left join columns on deals.deal_id = columns.deal_id
),

cell_kinds as (
    select distinct
        system,
        object,
        field
    from cells_and_columns
),

-- records that were created are known by their id, issues by their address, columns by the deal that they name
made as (
    select
        system,
        object,
        record_id as made_id
    from records
    union all
    select
        'airtable' as system,
        'projects' as object,
        project_id as made_id
    from {{ ref('stg_airtable__projects') }}
    union all
    select
        'airtable' as system,
        'deliverables' as object,
        deliverable_id as made_id
    from {{ ref('stg_airtable__deliverables') }}
    union all
    select
        'aws' as system,
        'budgets' as object,
        budget_name as made_id
    from {{ ref('stg_aws__budgets') }}
    union all
    select
        'github' as system,
        'issues' as object,
        issue_url as made_id
    from {{ ref('stg_github__issues') }}
    union all
    select
        'sheets' as system,
        'billing_columns' as object,
        deal_id as made_id
    from columns
),

kinds as (
    select
        system,
        object,
        true as is_created
    from made
    group by system, object
    union all
    select
        system,
        object,
        false as is_created
    from records
    group by system, object
),

seen as (
    select
        writes.*,
        statuses.load_id,
        statuses.last_complete_at,
        cell_kinds.system is not null
        or (
            kinds.system is not null
            and (writes.is_created or fields.vendor_field is not null or writes.field like '%_label:%')
        ) as is_known_kind,
        coalesce(statuses.last_complete_at > writes.written_at, false) as is_loaded_since,
        case
            when writes.read_status is not null then true
            when writes.is_created then made.made_id is not null
            else coalesce(records.record_id, cells.record_id) is not null
        end as is_there,
        case
            when cells.record_id is not null or records.record_id is null then coalesce(cells.held_value, writes.read_value)
            when writes.field like '%_label:%' then labels.label_list
            when writes.system = 'airtable' then {{ airtable_text('records.cells[fields.vendor_field]') }}
            else records.cells[fields.vendor_field]
        end as seen_value
    from writes
    left join statuses on writes.system = statuses.source
    left join kinds
        on writes.system = kinds.system
        and writes.object = kinds.object
        and writes.is_created = kinds.is_created
    left join records
        on not writes.is_created
        and writes.system = records.system
        and writes.object = records.object
        and writes.record_id = records.record_id
    left join cells_and_columns as cells
        on not writes.is_created
        and writes.system = cells.system
        and writes.object = cells.object
        and writes.record_id = cells.record_id
        and writes.field = cells.field
    left join cell_kinds
        on not writes.is_created
        and writes.system = cell_kinds.system
        and writes.object = cell_kinds.object
        and writes.field = cell_kinds.field
    left join fields
        on writes.system = fields.system
        and writes.object = fields.object
        and writes.field = fields.canonical_field
    left join labels
        on writes.object = labels.object
        and writes.record_id = labels.record_id
        and writes.field = labels.field
    left join made
        on writes.is_created
        and writes.system = made.system
        and writes.object = made.object
        and writes.record_id = made.made_id
),

final as (
    select
        plan_id,
        change_id,
        finding_id,
        recipe,
        system,
        object,
        record_id,
        field,
        before,
        after,
        is_created,
        record_url,
        written_at,
        written_by,
        load_id,
        last_complete_at,
        seen_value,
        is_there,
        case
            -- what no load holds was read by itself, before the models were built
            when read_status is not null then read_status
            when not is_known_kind or not is_loaded_since then 'not_checked'
            when is_created and is_there then 'verified'
            when is_created or not is_there then 'did_not_stick'
            when {{ is_empty('after') }} and {{ is_empty('seen_value') }} then 'verified'
            when trim(after) = trim(seen_value) then 'verified'
            -- a vendor may spell a number in another way than it was sent
            when try_cast(after as decimal(38, 8)) = try_cast(seen_value as decimal(38, 8)) then 'verified'
            else 'did_not_stick'
        end as status
    from seen
)

select * from final
