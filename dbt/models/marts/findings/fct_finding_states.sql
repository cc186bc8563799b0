-- From this run's findings, the states of the snapshot before and what people decided: docs/findings.md has the transitions.
with

runs as (
    select * from {{ ref('stg_ops__run') }}
),

previous as (
    select * from {{ ref('stg_ops__finding_states') }}
),

found as (
    select findings.* from {{ ref('int_found_findings') }} as findings
    inner join {{ ref('int_rule_gates') }} as rules on findings.rule_id = rules.rule_id and rules.mode = 'on'
),

-- the last word counts
decisions as (
    select * from {{ ref('stg_ops__decisions') }}
    qualify row_number() over (partition by finding_id order by seq desc) = 1
),

seen_values as (
    select
        found.finding_id,
        {{ json_text('item.element', 'field') }} as field,
        {{ json_text('item.element', 'source') }} as source,
        {{ json_text('item.element', 'value') }} as value
    from found
    cross join {{ json_elements('found.evidence') }} as item (element)
),

compared as (
    select
        seen_values.finding_id,
        seen_values.source || '.' || seen_values.field as field,
        {{ compared_value('seen_values.value', 'rules.wakes_snooze') }} as snooze_value,
        {{ compared_value('seen_values.value', 'rules.ends_waiver') }} as waiver_value
    from seen_values
    left join {{ ref('rule_evidence') }} as rules on seen_values.field = rules.field
),

digests as (
    select
        finding_id,
        string_agg(field || coalesce('=' || snooze_value, ''), ';' order by field) as snooze_text,
        string_agg(field || coalesce('=' || waiver_value, ''), ';' order by field) as waiver_text
    from compared
    group by finding_id
),

-- a finding that became more severe is another matter, whatever its evidence
hashed as (
    select
        found.*,
        md5(found.severity || ';' || coalesce(digests.snooze_text, '')) as evidence_hash,
        md5(found.severity || ';' || coalesce(digests.waiver_text, '')) as material_hash
    from found
    left join digests on found.finding_id = digests.finding_id
),

-- a source that was carried along or is stale says nothing about what is gone
loaded_rules as (
    select
        needs.rule_id,
        bool_and(coalesce(statuses.status = 'complete' and statuses.last_complete_at >= runs.started_at, false)) as is_loaded
    from (
        select
            rules.rule_id,
            trim(need.source) as source
        from {{ ref('int_rule_gates') }} as rules
        cross join {{ split_rows('rules.needs', ';') }} as need (source)
        where rules.mode = 'on'
    ) as needs
    cross join runs
    left join {{ ref('int_source_statuses') }} as statuses on needs.source = statuses.source
    group by needs.rule_id
),

-- fields that nobody could judge in this run: a source beyond those of the rule is missing
unjudged as (
    select distinct finding_id from {{ ref('int_missing_intake') }}
    where field_status <> 'ok'
),

judged as (
    select
        hashed.*,
        runs.started_at,
        previous.state as previous_state,
        previous.state_since_at as previous_since_at,
        coalesce(previous.first_seen_at, runs.started_at) as first_seen_at,
        previous.resolved_at,
        coalesce(previous.reopen_count, 0) + cast(coalesce(previous.state = 'resolved', false) as integer) as reopen_count,
        previous.ended_decision_seq,
        decisions.seq,
        decisions.kind,
        decisions.until_on,
        decisions.reason as decision_reason,
        decisions.decided_by,
        decisions.decided_at,
        coalesce(previous.state <> 'resolved', true)
        and decisions.seq > coalesce(previous.ended_decision_seq, 0)
        and case decisions.kind
            when 'ack' then true
            when 'snooze' then decisions.until_on > {{ as_of() }} and decisions.evidence_hash = hashed.evidence_hash
            when 'waive' then decisions.evidence_hash = hashed.material_hash
            else false
        end as is_decided
    from hashed
    cross join runs
    left join previous on hashed.finding_id = previous.finding_id
    left join decisions on hashed.finding_id = decisions.finding_id
),

present as (
    select
        {{ finding_columns() }},
        case
            when is_decided and kind = 'waive' then 'waived'
            when is_decided and kind = 'snooze' then 'snoozed'
            when status = 'indeterminate' then 'indeterminate'
            when is_decided and kind = 'ack' then 'acknowledged'
            else 'open'
        end as state,
        previous_state,
        previous_since_at,
        started_at,
        first_seen_at,
        started_at as last_seen_at,
        resolved_at,
        reopen_count,
        case when is_decided and kind = 'snooze' then until_on end as snoozed_until_on,
        case when is_decided then decision_reason end as decision_reason,
        case when is_decided then decided_by end as decided_by,
        case when is_decided then decided_at end as decided_at,
        evidence_hash,
        material_hash,
        case when is_decided then ended_decision_seq else coalesce(seq, ended_decision_seq) end as ended_decision_seq
    from judged
),

-- of a rule that is no longer in force nothing is kept; of a day before the one that was last looked at nothing is concluded
gone as (
    select
        previous.* replace (
            case
                when previous.state = 'resolved' or previous.as_of_on > {{ as_of() }} then previous.state
                when loaded_rules.is_loaded and unjudged.finding_id is null then 'resolved'
                else 'indeterminate'
            end as state
        ),
        previous.state as previous_state,
        previous.state_since_at as previous_since_at,
        decisions.seq,
        runs.started_at
    from previous
    cross join runs
    inner join loaded_rules on previous.rule_id = loaded_rules.rule_id
    left join unjudged on previous.finding_id = unjudged.finding_id
    left join decisions on previous.finding_id = decisions.finding_id
    left join found on previous.finding_id = found.finding_id
    where found.finding_id is null
),

absent as (
    select
        * exclude (state_since_at, seq) replace (
            case when state = 'indeterminate' then 'indeterminate' else status end as status,
            coalesce(due_on < {{ as_of() }}, false) as is_overdue,
            greatest(as_of_on, {{ as_of() }}) as as_of_on,
            case when state = 'resolved' and previous_state <> 'resolved' then started_at else resolved_at end as resolved_at,
            case when state = 'resolved' then coalesce(seq, ended_decision_seq) else ended_decision_seq end
                as ended_decision_seq
        )
    from gone
),

united as (
    select * from present
    union all by name
    select * from absent
),

final as (
    select
        {{ finding_columns() }},
        state,
        case when state = previous_state then previous_since_at else started_at end as state_since_at,
        first_seen_at,
        last_seen_at,
        resolved_at,
        reopen_count,
        snoozed_until_on,
        decision_reason,
        decided_by,
        decided_at,
        evidence_hash,
        material_hash,
        ended_decision_seq
    from united
)

select * from final
