with

united as (
    select * from {{ ref('act_fill_hubspot_properties') }}
    union all
    select * from {{ ref('act_create_airtable_engagements') }}
    union all
    select * from {{ ref('act_open_github_issues') }}
),

final as (
    select * from united
)

select * from final
