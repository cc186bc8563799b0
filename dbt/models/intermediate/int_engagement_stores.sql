-- One row per pipeline: the store that is the truth for the engagements of its deals as of this run, the one that took over last.
with

stores as (
    select * from {{ ref('rule_engagement_stores') }}
    where valid_from is null or valid_from <= {{ as_of() }}
),

ranked as (
    select
        pipeline_id,
        store,
        row_number() over (partition by pipeline_id order by valid_from desc nulls last) as store_rank
    from stores
),

final as (
    select
        pipeline_id,
        store
    from ranked
    where store_rank = 1
)

select * from final
