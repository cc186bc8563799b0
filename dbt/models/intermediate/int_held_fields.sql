-- One row per store and field of an engagement that the store holds: mapped and there, or the store's own.
with

final as (
    select distinct
        'airtable' as store,
        map_fields.canonical_field
    from {{ ref('map_fields') }} as map_fields
    inner join {{ ref('stg_airtable__fields') }} as fields on map_fields.vendor_field = fields.field_id
    where map_fields.system = 'airtable' and map_fields.object = 'engagements'
    union
    select
        'asana' as store,
        map_fields.canonical_field
    from {{ ref('map_fields') }} as map_fields
    inner join {{ ref('stg_asana__fields') }} as fields on map_fields.vendor_field = fields.field_id
    where map_fields.system = 'asana' and map_fields.object = 'engagements'
    union
    -- a project of Asana has a status update with its light and its day whatever fields it has
    select
        'asana' as store,
        own.canonical_field
    from (values ('rag'), ('status_updated_on')) as own (canonical_field)
)

select * from final
