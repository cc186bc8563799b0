with

required as (
    select * from {{ ref('int_missing_intake') }}
),

lacking as (
    select * from required
    where field_status not in ('ok', 'indeterminate')
),

found as (
    {{ findings_of('lacking', [
        'field_key', 'field_label', 'field_status', 'value_shown', 'source_used', 'other_values', 'required_since_on', 'weight',
    ], own_words=true) }}
),

fallback as (
    select
        teams.*,
        gates.owner_team as team
    from {{ ref('int_rule_gates') }} as gates
    inner join {{ ref('map_teams_to_owners') }} as teams on gates.owner_team = teams.owner_team
    where gates.rule_id = 'missing_intake'
),

-- what is in order, and what cannot be judged, has no finding
without_finding as (
    select
        cast(null as varchar) as finding_id,
        required.rule_id,
        cast(null as varchar) as report,
        cast(null as varchar) as status,
        cast(null as varchar) as severity,
        required.subject_type,
        required.subject_id,
        required.subject,
        required.deal_id,
        required.community_name,
        fallback.team as owner_team,
        coalesce(required.deal_owner, fallback.fallback_owner) as owner,
        cast(null as date) as due_on,
        false as is_overdue,
        cast(null as varchar) as reason,
        cast(null as varchar) as what_to_do,
        cast(null as varchar) as fix_action,
        required.record_url,
        required.evidence,
        {{ as_of() }} as as_of_on,
        required.field_key,
        required.field_label,
        case when required.field_status = 'ok' then 'ok' else 'indeterminate' end as field_status,
        required.value_shown,
        required.source_used,
        required.other_values,
        required.required_since_on,
        required.weight
    from required
    cross join fallback
    left join found on required.finding_id = found.finding_id
    where found.finding_id is null
),

final as (
    select * from found
    union all
    select * from without_finding
)

select * from final
