-- One row per row of map_fields.csv that names a HubSpot property, a field of Airtable, Asana or GitHub's projects which is not
-- there: removed, renamed where names count, or not readable with this token.
with

vendor_fields as (
    select * from {{ ref('map_fields') }}
),

properties as (
    select * from {{ ref('stg_hubspot__properties') }}
),

cells as (
    select * from {{ ref('stg_airtable__fields') }}
),

asana_fields as (
    select * from {{ ref('stg_asana__fields') }}
),

project_fields as (
    select distinct field_name from {{ ref('stg_github__project_fields') }}
),

gates as (
    select * from {{ ref('int_source_gates') }}
),

final as (
    select
        vendor_fields.system as source,
        vendor_fields.object as table_name,
        vendor_fields.canonical_field,
        vendor_fields.vendor_field,
        vendor_fields.vendor_label
    from vendor_fields
    inner join gates on vendor_fields.system = gates.source and gates.gate <> 'never'
    left join properties
        on vendor_fields.object = properties.object_type and vendor_fields.vendor_field = properties.property_name
    left join cells on vendor_fields.vendor_field in (cells.field_id, cells.table_id)
    left join asana_fields on vendor_fields.vendor_field = asana_fields.field_id
    left join project_fields on vendor_fields.vendor_field = project_fields.field_name
    where (vendor_fields.system = 'hubspot' and properties.property_name is null)
        or (vendor_fields.system = 'airtable' and cells.field_id is null)
        or (vendor_fields.system = 'asana' and asana_fields.field_id is null)
        or (vendor_fields.system = 'github' and project_fields.field_name is null)
)

select * from final
