-- One row per deal and required field: the value that counts, and what is wrong with it.
with

candidates as (
    select * from {{ ref('int_intake_values') }}
),

deals as (
    select * from {{ ref('int_intake_deals') }}
),

fields as (
    select * from {{ ref('rule_intake_fields') }}
),

communities as (
    select * from {{ ref('stg_hubspot__communities') }}
    where not is_archived
),

-- the first place with a usable value counts; without one, the first place that holds anything
ordered as (
    select
        *,
        row_number() over (
            partition by deal_id, field_key
            order by value_status <> 'ok', value_status in ('missing', 'unmapped'), position
        ) as preference
    from candidates
),

chosen as (
    select * from ordered
    where preference = 1
),

-- the same field, said differently in two places; another field that may stand in for it is no contradiction
contradictions as (
    select
        first_place.deal_id,
        first_place.field_key,
        string_agg(
            '"' || trim(other_place.value) || '" on the ' || other_place.looked_up_in, ', ' order by other_place.position
        ) as other_values,
        max(other_place.system) as other_system
    from candidates as first_place
    inner join candidates as other_place
        on first_place.deal_id = other_place.deal_id
        and first_place.field_key = other_place.field_key
        and first_place.position < other_place.position
        and first_place.canonical_field = other_place.canonical_field
    where first_place.value_status = 'ok'
        and other_place.value_status = 'ok'
        and lower(trim(first_place.value)) <> lower(trim(other_place.value))
    group by first_place.deal_id, first_place.field_key
),

-- what every community says in a field whose values may stand only once
unique_fields as (
    select distinct chosen.vendor_field
    from chosen
    inner join fields on chosen.field_key = fields.field_key and fields.is_unique
    where chosen.vendor_field is not null
),

said as (
    select
        communities.community_record_id,
        communities.community_name,
        unique_fields.vendor_field,
        lower(trim({{ json_map('communities.properties_json') }}[unique_fields.vendor_field])) as value
    from communities
    cross join unique_fields
),

-- which other communities use the same value
twins as (
    select
        chosen.deal_id,
        chosen.field_key,
        {{ joined('said.community_name') }} as other_communities
    from chosen
    inner join fields on chosen.field_key = fields.field_key and fields.is_unique
    inner join deals on chosen.deal_id = deals.deal_id
    inner join said
        on chosen.vendor_field = said.vendor_field
        and lower(trim(chosen.value)) = said.value
        and deals.community_record_id <> said.community_record_id
    where chosen.value_status in ('ok', 'invalid')
    group by chosen.deal_id, chosen.field_key
),

final as (
    select
        chosen.deal_id,
        chosen.field_key,
        fields.label as field_label,
        fields.weight,
        fields.severity as field_severity,
        chosen.required_since_on,
        chosen.value,
        chosen.looked_up_in,
        chosen.system,
        chosen.message,
        chosen.minimum_characters,
        contradictions.other_values,
        twins.other_communities,
        case
            when chosen.value_status = 'unmapped' then 'indeterminate'
            when chosen.value_status = 'too short' then 'invalid'
            when chosen.value_status = 'ok' and twins.deal_id is not null then 'duplicate'
            when chosen.value_status = 'ok' and contradictions.deal_id is not null then 'conflict'
            else chosen.value_status
        end as field_status,
        chosen.value_status = 'too short' as is_too_short,
        -- a value that might stand on the engagement is not missing while the engagement's store is silent
        case
            when contradictions.deal_id is not null then contradictions.other_system
            when chosen.value_status <> 'ok' and contains(fields.lookups, 'engagement.') then 'airtable'
        end as extra_needs,
        deals.community_record_id is null and chosen.looked_up_in = 'community' as is_without_community
    from chosen
    inner join fields on chosen.field_key = fields.field_key
    inner join deals on chosen.deal_id = deals.deal_id
    left join contradictions on chosen.deal_id = contradictions.deal_id and chosen.field_key = contradictions.field_key
    left join twins on chosen.deal_id = twins.deal_id and chosen.field_key = twins.field_key
    where fields.required_if is null
        or (fields.required_if = 'hosted_by_us' and deals.is_hosted_by_us)
)

select * from final
