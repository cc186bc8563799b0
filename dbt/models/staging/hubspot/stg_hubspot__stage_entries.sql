with

{{ deal_history('stage_id') }},

final as (
    select distinct
        deal_id,
        {{ json_text('content', 'value') }} as stage_id,
        {{ json_text('content', 'sourceType') }} as source_type,
        {{ json_text('content', 'sourceId') }} as source_id,
        {{ json_text('content', 'updatedByUserId') }} as user_id,
        {{ hubspot_instant(json_text('content', 'timestamp')) }} as entered_at,
        _load_id
    from entries
)

select * from final
