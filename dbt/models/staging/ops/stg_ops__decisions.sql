with

source as (
    select * from {{ source('ops', 'decisions') }}
),

final as (
    select
        seq,
        finding_id,
        kind,
        until_on,
        reason,
        decided_by,
        decided_at,
        evidence_hash
    from source
)

select * from final
