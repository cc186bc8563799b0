with

source as (
    select * from {{ source('ops', 'writes') }}
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
        is_created,
        record_url,
        written_at,
        written_by,
        read_status,
        read_value
    from source
)

select * from final
