with

visits as (
    select * from {{ ref('int_stage_visits') }}
),

final as (
    select
        visit_id,
        deal_id,
        visit_number,
        deal_name,
        community_name,
        record_url,
        pipeline_id,
        pipeline_name,
        stage_id,
        stage_name,
        stage_rank,
        from_pipeline_id,
        from_pipeline_name,
        from_stage_id,
        from_stage_name,
        from_stage_rank,
        to_stage_id,
        to_stage_name,
        to_stage_rank,
        entered_at,
        left_at,
        dwell_seconds,
        elapsed_days,
        user_id,
        moved_by,
        source_type,
        source_id,
        is_open,
        is_misclick,
        is_known_stage,
        is_history_truncated,
        is_left_out,
        as_of_on
    from visits
)

select * from final
