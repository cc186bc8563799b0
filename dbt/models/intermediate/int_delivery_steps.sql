-- One row per engagement and step of its delivery that applies to it: done, open, late, regressed or unknown, with the evidence.
with

engagements as (
    select * from {{ ref('int_delivery_engagements') }}
),

steps as (
    select * from {{ ref('rule_delivery_steps') }}
),

usage as (
    select * from {{ ref('int_engagement_usage') }}
),

evidence as (
    select
        engagement_id,
        step_key,
        bool_or(is_found) as is_found,
        bool_or(is_unknown) as is_unknown,
        min_by(evidence_name, evidence_rank) filter (where is_found) as evidence_type,
        min_by(evidence_url, evidence_rank) filter (where is_found) as evidence_url,
        min_by(evidence_on, evidence_rank) filter (where is_found) as evidence_on,
        min_by(verified_by, evidence_rank) filter (where is_found) as verified_by
    from {{ ref('int_delivery_evidence') }}
    group by engagement_id, step_key
),

applicable as (
    select
        engagements.*,
        steps.step_key,
        steps.step_rank,
        steps.step_name,
        steps.late_rule_id,
        case steps.due_from
            when 'request' then engagements.request_due_on
            when 'engagement' then engagements.engagement_due_on
            when 'start' then engagements.start_on
            when 'items' then engagements.items_due_on
        end as step_due_on
    from engagements
    inner join steps on steps.applies_to = 'all' or (steps.applies_to = 'hub' and engagements.is_hub)
),

final as (
    select
        applicable.engagement_id,
        applicable.step_key,
        applicable.step_rank,
        applicable.step_name,
        applicable.late_rule_id,
        applicable.step_due_on as due_on,
        evidence.evidence_type,
        evidence.evidence_url,
        evidence.evidence_on,
        evidence.verified_by,
        case
            when applicable.step_key = 'built' and applicable.reopened_count > 0 then 'regressed'
            when applicable.step_key = 'value' and usage.usage_state = 'too few' and usage.reached_on is not null then 'regressed'
            when coalesce(evidence.is_found, false) then 'done'
            when coalesce(evidence.is_unknown, true) then 'unknown'
            when applicable.step_key = 'built' and applicable.unknown_count > 0 then 'unknown'
            when applicable.step_due_on < {{ as_of() }} then 'late'
            else 'open'
        end as step_status
    from applicable
    left join evidence
        on applicable.engagement_id = evidence.engagement_id and applicable.step_key = evidence.step_key
    left join usage on applicable.engagement_id = usage.engagement_id
)

select * from final
