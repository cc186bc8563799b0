with

{{ deal_history('amount') }},

final as (
    select distinct
        deal_id,
        try_cast({{ json_text('content', 'value') }} as decimal(18, 2)) as amount,
        {{ hubspot_instant(json_text('content', 'timestamp')) }} as set_at,
        {{ json_text('content', 'sourceType') }} as source_type,
        {{ json_text('content', 'updatedByUserId') }} as user_id,
        _load_id
    from entries
)

select * from final
