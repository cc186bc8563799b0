-- One row per deal that ever reached handoff: since when its handoff clock runs. A reopened deal starts anew; a step from one
-- handoff stage to the next does not.
with

stages as (
    select * from {{ ref('int_deal_stages') }}
),

final as (
    select
        deal_id,
        min(entered_at) as first_handoff_at,
        max(entered_at) filter (where not coalesce(was_past_handoff, false)) as handoff_started_at
    from stages
    where is_past_handoff
    group by deal_id
)

select * from final
