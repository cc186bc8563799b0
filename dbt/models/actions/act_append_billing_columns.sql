-- Appends the column that a signed deal lacks in the cloud-billing spreadsheet, with the formulas of the last column, which must
-- be the one of another deal or community. Off unless rule_guards.csv has the row enabled_recipe,append_billing_column.
with

enabled as (
    select value as recipe
    from {{ ref('rule_guards') }}
    where key = 'enabled_recipe' and value = 'append_billing_column'
),

setups as (
    select * from {{ ref('int_billing_setups') }}
    where column_source = 'sheets'
),

deals as (
    select * from {{ ref('int_deals') }}
),

communities as (
    select * from {{ ref('stg_hubspot__communities') }}
),

findings as (
    select * from {{ ref('fct_findings') }}
),

tabs as (
    select * from {{ ref('stg_sheets__tabs') }}
),

columns as (
    select * from {{ ref('stg_sheets__billing_columns') }}
),

-- by what a column is a deal's or a community's
known_names as (
    select {{ compared_text('deal_name') }} as compared_name from deals
    union
    select {{ compared_text('community_name') }} as compared_name from communities
    union
    select {{ compared_text('community_id') }} as compared_name from communities
),

neighbours as (
    select
        tabs.*,
        columns.header as neighbour,
        columns.formulas_json,
        columns.deal_id is not null or known_names.compared_name is not null as is_of_a_deal
    from tabs
    left join columns on tabs.last_column = columns.column_number
    left join known_names on {{ compared_text('columns.header') }} = known_names.compared_name
),

wanted as (
    select
        setups.deal_id,
        deals.deal_name,
        deals.deal_url,
        deals.deal_name || ' (' || deals.deal_url || ')' as header,
        communities.community_name,
        communities.community_id
    from setups
    inner join deals on setups.deal_id = deals.deal_id
    left join communities on deals.community_record_id = communities.community_record_id
),

-- each of them may stand beside another one that the same plan appends
together as (
    select array_agg(header order by deal_id) as headers
    from wanted
),

final as (
    select
        'column:deal-' || wanted.deal_id as change_id,
        findings.finding_id,
        enabled.recipe,
        'sheets' as system,
        'billing_columns' as object,
        cast(null as varchar) as record_id,
        cast(null as varchar) as field,
        cast(null as varchar) as before,
        cast(to_json({
            'header': wanted.header,
            'formulas': coalesce(neighbours.formulas_json, '{}'),
            'beside': cast(to_json({
                'column': neighbours.last_column,
                'header': neighbours.neighbour,
                'tab_id': neighbours.tab_id,
                'fingerprint': neighbours.fingerprint,
                'names': [wanted.deal_name, wanted.community_name, wanted.community_id],
                'others': together.headers
            }) as varchar)
        }) as varchar) as after,
        'if_empty' as policy,
        'We pay the cloud of ' || wanted.deal_name || ', and the tab ' || neighbours.tab_title || ' of the spreadsheet '
        || neighbours.spreadsheet_title || ' has no column for it; the new one takes the formulas of '
        || coalesce('the column ' || neighbours.neighbour, 'the last one') || '.' as reason,
        'medium' as risk,
        true as is_reversible,
        wanted.deal_url as natural_key,
        cast(null as varchar) as depends_on,
        wanted.deal_url as record_url,
        'hubspot;sheets' as needs,
        findings.status <> 'open' or not coalesce(neighbours.is_of_a_deal, false) as is_blocked,
        case
            when findings.status <> 'open' then 'a source behind the finding is not complete'
            when neighbours.neighbour is null then 'the last column of the sheet has no name of its own; add the column by hand'
            when not neighbours.is_of_a_deal
                then 'the last column of the sheet (' || neighbours.neighbour
                    || ') is no deal''s or community''s; add the column by hand'
        end as blocked_reason,
        {{ as_of() }} as as_of_on
    from wanted
    inner join findings on findings.finding_id = 'HG05:deal-' || wanted.deal_id
    cross join neighbours
    cross join together
    cross join enabled
)

select * from final
