-- Corrects a field that deal and engagement hold differently, on the side that is not the truth (rule_compared_fields.csv).
-- What both sides changed (RC07) is for people.
with

findings as (
    select * from {{ ref('fct_reconciliation_findings') }}
    where rule_id = 'RC06'
),

drift as (
    select * from {{ ref('int_field_drift') }}
    where not is_equal and not is_conflict
),

fields as (
    select * from {{ ref('rule_compared_fields') }}
),

deals as (
    select * from {{ ref('int_deals') }}
),

stated as (
    select
        deal_id,
        amended_end_on
    from {{ ref('stg_hubspot__deals') }}
),

engagements as (
    select * from {{ ref('int_engagements') }}
),

-- an agreement that was amended keeps the end that it was signed with in a field of its own
sides as (
    select
        findings.finding_id,
        findings.status,
        findings.reason,
        drift.truth,
        drift.comparison,
        drift.deal_id,
        drift.engagement_id,
        deals.deal_url,
        engagements.engagement_url,
        engagements.store,
        case
            when fields.deal_field = 'end_on' and stated.amended_end_on is not null then 'amended_end_on'
            else fields.deal_field
        end as deal_field,
        fields.engagement_field,
        case
            when drift.comparison = 'amount' then {{ plain_number('drift.deal_value') }}
            else drift.deal_value
        end as deal_value,
        case
            when drift.comparison = 'amount' then {{ plain_number('drift.engagement_value') }}
            else drift.engagement_value
        end as engagement_value
    from findings
    inner join drift
        on findings.finding_id = 'RC06:engagement-' || drift.engagement_id || ':' || drift.field_key
    inner join fields on drift.field_key = fields.field_key
    inner join deals on drift.deal_id = deals.deal_id
    inner join stated on drift.deal_id = stated.deal_id
    inner join engagements on drift.engagement_id = engagements.engagement_id
),

corrections as (
    select
        'correct:engagement-' || engagement_id || ':' || engagement_field as change_id,
        finding_id,
        status,
        store as system,
        store,
        'engagements' as object,
        engagement_id as record_id,
        engagement_field as field,
        engagement_value as before,
        deal_value as after,
        comparison,
        reason,
        engagement_url as record_url
    from sides
    where truth = 'deal'
    union all
    select
        'correct:deal-' || deal_id || ':' || deal_field as change_id,
        finding_id,
        status,
        'hubspot' as system,
        store,
        'deals' as object,
        deal_id as record_id,
        deal_field as field,
        deal_value as before,
        engagement_value as after,
        comparison,
        reason,
        deal_url as record_url
    from sides
    where truth = 'engagement'
),

final as (
    select
        change_id,
        finding_id,
        'correct_drifted_field' as recipe,
        system,
        object,
        record_id,
        field,
        before,
        after,
        'if_equal_before' as policy,
        reason,
        -- what an agreement is worth is looked at by two people; what delivery plans with is a copy of it
        case
            when comparison = 'amount' and object = 'deals' then 'high'
            when comparison = 'text' then 'low'
            else 'medium'
        end as risk,
        true as is_reversible,
        cast(null as varchar) as natural_key,
        cast(null as varchar) as depends_on,
        record_url,
        'hubspot;' || store as needs,
        status <> 'open' as is_blocked,
        case when status <> 'open' then 'a source behind the finding is not complete' end as blocked_reason,
        {{ as_of() }} as as_of_on
    from corrections
)

select * from final
