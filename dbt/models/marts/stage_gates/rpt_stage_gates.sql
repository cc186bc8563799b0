with

broken as (
    select * from {{ ref('int_stage_findings') }}
),

final as (
    {{ findings_of('broken', [
        'pipeline_name', 'from_stage_name', 'to_stage_name', 'moved_at', 'moved_by', 'source_type', 'from_stage_rank',
        'to_stage_rank', 'skipped_stages', 'dwell_seconds', 'evidence_mode', 'is_still_violating',
    ]) }}
)

select * from final
