with

set_aside as (
    select * from {{ ref('stg_ops__quarantine') }}
),

uncast as (
    select * from {{ ref('int_uncast_values') }}
),

unmapped as (
    select * from {{ ref('int_unmapped_fields') }}
),

runs as (
    select * from {{ ref('stg_ops__run') }}
),

final as (
    select
        source,
        table_name,
        record_ref,
        reason,
        payload,
        quarantined_at
    from set_aside
    union all
    select
        uncast.source,
        uncast.table_name,
        uncast.record_ref,
        'The value ' || uncast.problem || '; it counts as unknown until it is corrected.' as reason,
        uncast.value as payload,
        runs.started_at as quarantined_at
    from uncast
    cross join runs
    union all
    select
        unmapped.source,
        unmapped.table_name,
        unmapped.vendor_field as record_ref,
        'map_fields.csv takes ' || unmapped.table_name || '.' || unmapped.canonical_field || ' from this field ('
        || coalesce(unmapped.vendor_label, unmapped.vendor_field)
        || '), which is not there or cannot be read with this token, so it reads as empty. '
        || 'Name the field that replaces it in vendor_field there, or bring it back at the vendor, and sync again.' as reason,
        cast(null as varchar) as payload,
        runs.started_at as quarantined_at
    from unmapped
    cross join runs
)

select * from final
