-- One row per deal, required field and place where its value is looked up, in the order of rule_intake_fields.csv, with what
-- stands there and whether it will do. A deal of several communities has such rows for each of them.
with

requirements as (
    select * from {{ ref('int_intake_requirements') }}
    where kind = 'field'
),

deals as (
    select * from {{ ref('int_intake_deals') }}
),

communities as (
    select * from {{ ref('stg_hubspot__communities') }}
    where not is_archived
),

linked_communities as (
    select distinct
        from_id as deal_id,
        to_id as community_record_id
    from {{ ref('stg_hubspot__associations') }}
    where from_object = 'deals' and to_object = 'communities'
),

-- the records of a deal, and once more each further community by itself
records as (
    select
        deal_id,
        cast(null as varchar) as further_community_id,
        cast(null as varchar) as further_community_name,
        deal_json,
        community_json,
        company_json,
        engagement_json,
        engagement_store
    from deals
    union all
    select
        deals.deal_id,
        communities.community_record_id as further_community_id,
        communities.community_name as further_community_name,
        cast(null as varchar) as deal_json,
        communities.properties_json as community_json,
        cast(null as varchar) as company_json,
        cast(null as varchar) as engagement_json,
        deals.engagement_store
    from deals
    inner join linked_communities on deals.deal_id = linked_communities.deal_id
    inner join communities on linked_communities.community_record_id = communities.community_record_id
    where communities.community_record_id <> deals.community_record_id
),

fields as (
    select * from {{ ref('rule_intake_fields') }}
),

validators as (
    select * from {{ ref('rule_validators') }}
),

vendor_fields as (
    select * from {{ ref('map_fields') }}
),

known_properties as (
    select * from {{ ref('stg_hubspot__properties') }}
),

lookups as (
    select
        fields.*,
        trim(place.lookup) as lookup,
        split_part(trim(place.lookup), '.', 1) as looked_up_in,
        split_part(trim(place.lookup), '.', 2) as canonical_field,
        row_number() over (
            partition by fields.field_key
            order by position(';' || trim(place.lookup) || ';' in ';' || replace(fields.lookups, ' ', '') || ';')
        ) as position
    from fields
    cross join {{ split_rows('fields.lookups', ';') }} as place (lookup)
),

-- where each kind of record is kept
places as (
    select
        'deal' as looked_up_in,
        'hubspot' as system,
        'deals' as object
    union all
    select
        'community' as looked_up_in,
        'hubspot' as system,
        'communities' as object
    union all
    select
        'company' as looked_up_in,
        'hubspot' as system,
        'companies' as object
    union all
    select
        'engagement' as looked_up_in,
        stores.store as system,
        'engagements' as object
    from (select distinct engagement_stores.store from {{ ref('int_engagement_stores') }} as engagement_stores) as stores
),

found as (
    select
        requirements.deal_id,
        records.further_community_id,
        records.further_community_name,
        requirements.required_since_on,
        lookups.field_key,
        lookups.position,
        lookups.looked_up_in,
        lookups.canonical_field,
        places.system,
        vendor_fields.vendor_field,
        -- a mapping to a property that the portal does not have says nothing about any deal
        vendor_fields.vendor_field is null
        or (places.system = 'hubspot' and known_properties.property_name is null) as is_unmapped,
        lookups.validator,
        validators.pattern,
        validators.message,
        case
            when lookups.position = 1 then lookups.minimum_characters_key
            else coalesce(lookups.fallback_characters_key, lookups.minimum_characters_key)
        end as characters_key,
        case lookups.looked_up_in
            when 'deal' then {{ json_map('records.deal_json') }}[vendor_fields.vendor_field]
            when 'community' then {{ json_map('records.community_json') }}[vendor_fields.vendor_field]
            when 'company' then {{ json_map('records.company_json') }}[vendor_fields.vendor_field]
            when 'engagement' then {{ json_map('records.engagement_json') }}[vendor_fields.vendor_field]
        end as value
    from requirements
    inner join records on requirements.deal_id = records.deal_id
    inner join lookups
        on requirements.field_key = lookups.field_key
        and (records.further_community_id is null or lookups.looked_up_in = 'community')
    inner join validators on lookups.validator = validators.validator
    inner join places
        on lookups.looked_up_in = places.looked_up_in
        and (places.looked_up_in <> 'engagement' or places.system = records.engagement_store)
    left join vendor_fields
        on places.system = vendor_fields.system
        and places.object = vendor_fields.object
        and lookups.canonical_field = vendor_fields.canonical_field
    left join known_properties
        on places.object = known_properties.object_type and vendor_fields.vendor_field = known_properties.property_name
),

lengths as (
    select
        key,
        value
    from {{ ref('rule_thresholds') }}
),

final as (
    select
        found.deal_id,
        found.further_community_id,
        found.further_community_name,
        found.required_since_on,
        found.field_key,
        found.position,
        found.looked_up_in,
        found.canonical_field,
        found.system,
        found.vendor_field,
        found.is_unmapped,
        found.validator,
        found.message,
        found.value,
        cast(lengths.value as integer) as minimum_characters,
        case
            when found.is_unmapped then 'unmapped'
            when {{ is_empty('found.value') }} then 'missing'
            when {{ is_placeholder('found.value') }} then 'placeholder'
            when not regexp_matches(trim(found.value), found.pattern, 's') then 'invalid'
            when length(trim(found.value)) < lengths.value then 'too short'
            else 'ok'
        end as value_status
    from found
    left join lengths on found.characters_key = lengths.key
)

select * from final
