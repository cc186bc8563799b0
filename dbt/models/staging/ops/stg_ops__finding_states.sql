with

source as (
    select * from {{ source('ops', 'finding_states') }}
),

final as (
    select
        {{ finding_columns() }},
        state,
        state_since_at,
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
    from source
)

select * from final
