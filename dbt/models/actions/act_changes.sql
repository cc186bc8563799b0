with

united as (
    select * from {{ ref('act_fill_hubspot_properties') }}
    union all
    select * from {{ ref('act_create_airtable_engagements') }}
    union all
    select * from {{ ref('act_open_github_issues') }}
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
        policy,
        reason,
        risk,
        is_reversible,
        natural_key,
        depends_on,
        record_url,
        needs,
        is_blocked,
        blocked_reason,
        as_of_on
    from united
)

select * from final
