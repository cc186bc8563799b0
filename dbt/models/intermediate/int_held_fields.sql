-- One row per store and field of an engagement that the store holds: mapped and there, or the store's own.
with

stored as (
    select
        'airtable' as store,
        field_id
    from {{ ref('stg_airtable__fields') }}
    union all
    select
        'asana' as store,
        field_id
    from {{ ref('stg_asana__fields') }}
),

final as (
    select
        stored.store,
        map_fields.canonical_field
    from {{ ref('map_fields') }} as map_fields
    inner join stored on map_fields.system = stored.store and map_fields.vendor_field = stored.field_id
    where map_fields.object = 'engagements'
    union
    -- a project of Asana has a status update with its light and its day whatever fields it has
    select
        'asana' as store,
        own.canonical_field
    from (values ('rag'), ('status_updated_on')) as own (canonical_field)
)

select * from final
