-- One row per deal and required field: the value that counts, and what is wrong with it. Of several communities the one that
-- lacks most counts.
with

every_value as (
    select * from {{ ref('int_intake_values') }}
),

candidates as (
    select * from every_value
    where further_community_id is null
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

-- what further communities of the deal say, each by its own best place
of_further_communities as (
    select
        deal_id,
        field_key,
        further_community_name,
        value,
        value_status,
        case value_status when 'missing' then 1 when 'placeholder' then 2 else 3 end as severity_rank
    from every_value
    where further_community_id is not null
    qualify row_number() over (
            partition by deal_id, field_key, further_community_id
            order by value_status <> 'ok', value_status in ('missing', 'unmapped'), position
        ) = 1
),

lacking_elsewhere as (
    select
        deal_id,
        field_key,
        {{ joined('further_community_name') }} as community_names,
        min(severity_rank) as severity_rank,
        min_by(value_status, severity_rank) as value_status,
        -- an empty value is a value here, which min_by would pass over
        nullif(min_by(coalesce(value, ''), severity_rank), '') as value
    from of_further_communities
    where value_status not in ('ok', 'unmapped')
    group by deal_id, field_key
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

-- another community that lacks more comes before what the first one says; what two communities share is looked at first
judged as (
    select
        chosen.deal_id,
        chosen.field_key,
        chosen.required_since_on,
        chosen.looked_up_in,
        chosen.system,
        chosen.message,
        chosen.minimum_characters,
        chosen.value as first_value,
        chosen.value_status as first_status,
        elsewhere.value as elsewhere_value,
        elsewhere.value_status as elsewhere_status,
        elsewhere.community_names as lacking_communities,
        twins.other_communities,
        coalesce(
            twins.deal_id is null
            and elsewhere.severity_rank
            < case chosen.value_status when 'missing' then 1 when 'placeholder' then 2 when 'ok' then 4 else 3 end,
            false
        ) as is_worse_elsewhere
    from chosen
    left join twins on chosen.deal_id = twins.deal_id and chosen.field_key = twins.field_key
    left join lacking_elsewhere as elsewhere
        on chosen.deal_id = elsewhere.deal_id
        and chosen.field_key = elsewhere.field_key
        and chosen.looked_up_in = 'community'
        and chosen.value_status <> 'unmapped'
),

counted as (
    select
        *,
        case when is_worse_elsewhere then elsewhere_value else first_value end as value,
        case when is_worse_elsewhere then elsewhere_status else first_status end as value_status
    from judged
),

final as (
    select
        counted.deal_id,
        counted.field_key,
        fields.label as field_label,
        fields.weight,
        fields.severity as field_severity,
        counted.required_since_on,
        counted.value,
        counted.looked_up_in,
        counted.system,
        counted.message,
        counted.minimum_characters,
        contradictions.other_values,
        counted.other_communities,
        counted.lacking_communities,
        counted.is_worse_elsewhere,
        case
            when counted.value_status = 'unmapped' then 'indeterminate'
            when counted.value_status = 'too short' then 'invalid'
            when counted.value_status = 'ok' and counted.other_communities is not null then 'duplicate'
            when counted.value_status = 'ok' and contradictions.deal_id is not null then 'conflict'
            else counted.value_status
        end as field_status,
        counted.value_status = 'too short' as is_too_short,
        -- a value that might stand on the engagement is not missing while the engagement's store is silent
        case
            when contradictions.deal_id is not null then contradictions.other_system
            when counted.value_status <> 'ok' and contains(fields.lookups, 'engagement.') then deals.engagement_store
        end as extra_needs,
        deals.community_record_id is null and counted.looked_up_in = 'community' as is_without_community
    from counted
    inner join fields on counted.field_key = fields.field_key
    inner join deals on counted.deal_id = deals.deal_id
    left join contradictions on counted.deal_id = contradictions.deal_id and counted.field_key = contradictions.field_key
    where fields.required_if is null
        or (fields.required_if = 'hosted_by_us' and deals.is_hosted_by_us)
)

select * from final
