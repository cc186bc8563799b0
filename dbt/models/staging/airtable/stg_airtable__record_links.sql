with

fields as (
    select * from {{ source('raw_airtable', 'fields') }}
),

records as (
    select base_id, table_id, id, _dlt_load_id, {{ json_map('fields_json') }} as cells
    from {{ source('raw_airtable', 'records') }}
),

-- a link's cell is a list; anything else is kept in the record and is no link
linked as (
    select
        records.base_id,
        records.table_id,
        records.id as record_id,
        fields.id as field_id,
        {{ json_text('fields.options_json', 'linkedTableId') }} as linked_table_id,
        case when records.cells[fields.id] like '[%' then records.cells[fields.id] else '[]' end as targets,
        records._dlt_load_id as _load_id
    from records
    inner join fields on records.table_id = fields.table_id and fields.type = 'multipleRecordLinks'
),

targets as (
    select
        linked.base_id,
        linked.table_id,
        linked.record_id,
        linked.field_id,
        linked.linked_table_id,
        linked._load_id,
        {{ airtable_record_of('cast(target.content as varchar)') }} as linked_record_id
    from linked
    cross join {{ json_elements('linked.targets') }} as target (content)
),

final as (
    select
        base_id,
        table_id,
        record_id,
        field_id,
        linked_table_id,
        linked_record_id,
        _load_id
    from targets
    where linked_record_id is not null
)

select * from final
