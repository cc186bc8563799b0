-- Opens the request issue that a deal at handoff lacks, and puts it on the request board with its fields.
with

gaps as (
    select * from {{ ref('fct_handoff_gaps') }}
    where rule_id = 'HG02'
),

deals as (
    select * from {{ ref('int_deals') }}
),

final as (
    select
        'create:request-for-deal-' || gaps.deal_id as change_id,
        gaps.finding_id,
        'open_github_issue' as recipe,
        'github' as system,
        'issues' as object,
        cast(null as varchar) as record_id,
        cast(null as varchar) as field,
        cast(null as varchar) as before,
        cast(to_json({
            'title': 'Deliver ' || deals.deal_name,
            'body': 'Please plan the delivery of **' || replace(deals.deal_name, '*', '') || '**.' || chr(10) || chr(10)
            || '- Deal: ' || deals.deal_url || chr(10)
            || '- Community: ' || coalesce(deals.community_name, 'not linked in HubSpot') || chr(10)
            || '- Start: ' || coalesce(cast(deals.start_on as varchar), 'not agreed') || chr(10)
            || '- End: ' || coalesce(cast(deals.term_end_on as varchar), 'not agreed') || chr(10) || chr(10)
            || '<!-- handoff:' || deals.deal_id || ' -->',
            'deal_url': deals.deal_url,
            'start_on': cast(deals.start_on as varchar)
        }) as varchar) as after,
        'if_empty' as policy,
        gaps.reason,
        'medium' as risk,
        false as is_reversible,
        deals.deal_url as natural_key,
        cast(null as varchar) as depends_on,
        gaps.record_url,
        'hubspot;github' as needs,
        gaps.status <> 'open' as is_blocked,
        case when gaps.status <> 'open' then 'a source behind the finding is not complete' end as blocked_reason,
        {{ as_of() }} as as_of_on
    from gaps
    inner join deals on gaps.deal_id = deals.deal_id
)

select * from final
