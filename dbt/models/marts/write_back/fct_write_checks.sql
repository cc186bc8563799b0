with

checks as (
    select * from {{ ref('int_write_checks') }}
),

final as (
    select
        plan_id,
        change_id,
        finding_id,
        recipe,
        system,
        object,
        record_id,
        field,
        before,
        after,
        seen_value,
        status,
        load_id,
        written_at,
        written_by,
        record_url
    from checks
)

select * from final
