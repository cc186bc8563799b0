-- Closes a request that handoff opened and that nobody needs any more, because its deal was lost or archived. The twin of
-- act_open_github_issues.
with

issues as (
    select
        *,
        regexp_extract(body, '<!-- handoff:(\d+) -->', 1) as deal_id
    from {{ ref('stg_github__issues') }}
    where state = 'open' and split_part(repository, '/', 2) = {{ organisation('delivery_request_repository') }}
),

deals as (
    select * from {{ ref('int_deals') }}
    where is_lost or is_archived
),

final as (
    select
        'close:request-for-deal-' || issues.deal_id || ':' || issues.issue_number as change_id,
        'HG02:deal-' || issues.deal_id as finding_id,
        'close_github_request' as recipe,
        'github' as system,
        'issues' as object,
        split_part(issues.repository, '/', 2) || '/' || issues.issue_number as record_id,
        'state' as field,
        'open' as before,
        'closed' as after,
        'if_equal_before' as policy,
        deals.deal_name || ' was ' || case when deals.is_lost then 'lost' else 'archived' end
        || ', and the request that handoff opened for it is still open.' as reason,
        'high' as risk,
        true as is_reversible,
        deals.deal_url as natural_key,
        cast(null as varchar) as depends_on,
        issues.issue_url as record_url,
        'hubspot;github' as needs,
        gates.gate <> 'evaluated' as is_blocked,
        case when gates.gate <> 'evaluated' then 'a source behind the finding is not complete' end as blocked_reason,
        {{ as_of() }} as as_of_on
    from issues
    inner join deals on issues.deal_id = deals.deal_id
    inner join {{ ref('int_rule_gates') }} as gates on gates.rule_id = 'HG02'
)

select * from final
