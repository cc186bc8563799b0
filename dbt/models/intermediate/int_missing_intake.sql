-- One row per deal and thing that its stage requires: a field, a role, or a field of a person in a role; those in order, too.
with

deals as (
    select * from {{ ref('int_intake_deals') }}
),

fields as (
    select * from {{ ref('int_intake_fields') }}
),

rules as (
    select * from {{ ref('rule_intake_fields') }}
),

requirements as (
    select * from {{ ref('int_intake_requirements') }}
),

people as (
    select * from {{ ref('int_intake_people') }}
),

roles as (
    select * from {{ ref('rule_contact_roles') }}
),

contact_fields as (
    select * from {{ ref('rule_contact_fields') }}
),

validators as (
    select * from {{ ref('rule_validators') }}
),

vendor_fields as (
    select * from {{ ref('map_fields') }}
    where system = 'hubspot' and object = 'contacts'
),

loads as (
    select * from {{ ref('int_source_loads') }}
),

of_fields as (
    select
        fields.deal_id,
        fields.field_key,
        fields.field_label,
        fields.field_status,
        case when fields.field_status in ('invalid', 'conflict') then 'low' else fields.field_severity end as severity,
        fields.value as value_shown,
        fields.looked_up_in as source_used,
        coalesce(fields.other_values, fields.other_communities) as other_values,
        fields.required_since_on,
        fields.weight,
        fields.extra_needs,
        case fields.looked_up_in
            when 'community' then case when fields.is_worse_elsewhere then deals.deal_url else deals.community_url end
            when 'company' then coalesce(deals.company_url, deals.deal_url)
            else deals.deal_url
        end as record_url,
        fields.field_label
        || case when fields.is_worse_elsewhere then ' of ' || fields.lacking_communities else '' end || ': '
        || case fields.field_status
            when 'missing' then 'nothing is filled in.'
            when 'placeholder' then 'only the placeholder "' || trim(fields.value) || '".'
            when 'duplicate' then '"' || trim(fields.value) || '" is also used by ' || fields.other_communities || '.'
            when 'conflict'
                then '"' || trim(fields.value) || '" on the ' || fields.looked_up_in || ', and ' || fields.other_values || '.'
            when 'invalid'
                then case
                        when fields.is_too_short
                            then cast(length(trim(fields.value)) as varchar) || ' characters, and at least '
                                || cast(fields.minimum_characters as varchar) || ' are asked for.'
                        else '"' || trim(fields.value) || '" ' || fields.message || '.'
                    end
        end
        || case
            when fields.lacking_communities is not null and not fields.is_worse_elsewhere
                then ' It is not right with ' || fields.lacking_communities || ' either.'
            else ''
        end as reason,
        case fields.field_status
            when 'duplicate' then 'Agree which community keeps it and correct the other in HubSpot'
            when 'conflict' then 'Ask which value holds and correct the other'
            else rules.what_to_ask
        end as what_to_do,
        case fields.system
            when 'hubspot' then {{ evidence([('value', 'fields.value', 'hubspot')]) }}
            else {{ evidence([('value', 'fields.value', 'engagements')]) }}
        end as evidence
    from fields
    inner join deals on fields.deal_id = deals.deal_id
    inner join rules on fields.field_key = rules.field_key
    cross join loads
    where not fields.is_without_community
),

-- one finding instead of one for each field of a community that is not there
without_community as (
    select
        fields.deal_id,
        'community' as field_key,
        'Community' as field_label,
        'missing' as field_status,
        'high' as severity,
        cast(null as varchar) as value_shown,
        'deal' as source_used,
        cast(null as varchar) as other_values,
        min(fields.required_since_on) as required_since_on,
        cast(sum(fields.weight) as integer) as weight,
        cast(null as varchar) as extra_needs,
        deals.deal_url as record_url,
        'No community is linked with the deal, so ' || {{ count_words('count(*)', 'field') }} || ' cannot be answered.' as reason,
        'Link the deal with its community in HubSpot' as what_to_do,
        {{ evidence([('community', 'cast(null as varchar)', 'hubspot')]) }} as evidence
    from fields
    inner join deals on fields.deal_id = deals.deal_id
    cross join loads
    where fields.is_without_community
    group by fields.deal_id, deals.deal_url, loads.hubspot_seen_at
),

holders as (
    select
        deal_id,
        role_key,
        count(distinct contact_id) as holder_count
    from people
    where role_key is not null
    group by deal_id, role_key
),

unlabelled as (
    select
        deal_id,
        count(distinct contact_id) as person_count
    from people
    where
        contact_id not in (
            select labelled.contact_id from people as labelled
            where labelled.deal_id = people.deal_id and labelled.role_key is not null
        )
    group by deal_id
),

of_roles as (
    select
        requirements.deal_id,
        'role-' || roles.role_key as field_key,
        roles.role_name as field_label,
        case when coalesce(holders.holder_count, 0) >= roles.minimum_count then 'ok' else 'missing' end as field_status,
        roles.severity,
        cast(coalesce(holders.holder_count, 0) as varchar) || ' of ' || cast(roles.minimum_count as varchar) as value_shown,
        'associations' as source_used,
        cast(null as varchar) as other_values,
        requirements.required_since_on,
        1 as weight,
        cast(null as varchar) as extra_needs,
        deals.deal_url as record_url,
        roles.role_name
        || case
            when coalesce(holders.holder_count, 0) >= roles.minimum_count then null
            when holders.holder_count > 0
                then ': ' || cast(roles.minimum_count as varchar) || ' are needed on the deal or on its community, and '
                    || cast(holders.holder_count as varchar) || ' is there.'
            else ': nobody has this role on the deal or on its community.'
        end
        || case
            when unlabelled.person_count = 1 then ' One person is linked without a role.'
            when unlabelled.person_count > 1
                then ' ' || cast(unlabelled.person_count as varchar) || ' people are linked without a role.'
            else ''
        end as reason,
        roles.what_to_ask as what_to_do,
        {{ evidence([
            ('people in this role', 'coalesce(holders.holder_count, 0)', 'hubspot'),
            ('people without a role', 'coalesce(unlabelled.person_count, 0)', 'hubspot'),
        ]) }} as evidence
    from requirements
    inner join roles on requirements.field_key = roles.role_key
    inner join deals on requirements.deal_id = deals.deal_id
    left join holders on requirements.deal_id = holders.deal_id and roles.role_key = holders.role_key
    left join unlabelled on requirements.deal_id = unlabelled.deal_id
    cross join loads
    where requirements.kind = 'role'
),

-- a person in several roles is asked once for each field
in_a_role as (
    select
        people.deal_id,
        people.contact_id,
        people.full_name,
        people.object_type_id,
        people.properties_json,
        {{ joined('people.role_name') }} as role_names,
        min(requirements.required_since_on) as required_since_on
    from people
    inner join requirements
        on people.deal_id = requirements.deal_id
        and people.role_key = requirements.field_key
        and requirements.kind = 'role'
    group by people.deal_id, people.contact_id, people.full_name, people.object_type_id, people.properties_json
),

-- the full name is made of two properties, every other field is one
person_values as (
    select
        in_a_role.*,
        contact_fields.field_key as contact_field_key,
        contact_fields.label,
        contact_fields.severity,
        contact_fields.what_to_ask,
        validators.pattern,
        validators.message,
        case
            when vendor_fields.vendor_field is null then in_a_role.full_name
            else {{ json_map('in_a_role.properties_json') }}[vendor_fields.vendor_field]
        end as value
    from in_a_role
    cross join contact_fields
    inner join validators on contact_fields.validator = validators.validator
    left join vendor_fields on contact_fields.property = vendor_fields.canonical_field
),

judged_people as (
    select
        *,
        case
            when {{ is_empty('value') }} then 'missing'
            when {{ is_placeholder('value') }} then 'placeholder'
            when not regexp_matches(trim(value), pattern) then 'invalid'
            else 'ok'
        end as field_status
    from person_values
),

-- no name and no address of a person leaves HubSpot through a report
of_people as (
    select
        people.deal_id,
        'contact-' || people.contact_id || '-' || people.contact_field_key as field_key,
        people.label || ' of the ' || people.role_names as field_label,
        people.field_status,
        case when people.field_status = 'invalid' then 'low' else people.severity end as severity,
        case when people.field_status = 'ok' then '(personal)' end as value_shown,
        'contact' as source_used,
        cast(null as varchar) as other_values,
        people.required_since_on,
        1 as weight,
        cast(null as varchar) as extra_needs,
        {{ hubspot_url('people.object_type_id', 'people.contact_id') }} as record_url,
        case
            when people.field_status = 'invalid' then 'The ' || people.label || ' of the '
            else 'The '
        end
        || people.role_names || ' (contact ' || people.contact_id || ') '
        || case people.field_status
            when 'missing' then 'has no ' || people.label
            when 'placeholder' then 'has a placeholder as ' || people.label
            when 'invalid' then people.message
        end || '.' as reason,
        people.what_to_ask as what_to_do,
        {{ evidence([('contact', 'people.contact_id', 'hubspot'), ('state', 'people.field_status', 'hubspot')]) }} as evidence
    from judged_people as people
    cross join loads
),

united as (
    select * from of_fields
    union all
    select * from without_community
    union all
    select * from of_roles
    union all
    select * from of_people
),

final as (
    select
        'missing_intake:deal-' || united.deal_id || ':' || united.field_key as finding_id,
        'missing_intake' as rule_id,
        united.severity,
        'deal' as subject_type,
        united.deal_id as subject_id,
        deals.deal_name as subject,
        united.deal_id,
        deals.community_name,
        deals.deal_owner,
        deals.owner_name,
        deals.delivery_owner,
        united.required_since_on as due_on,
        united.reason,
        united.what_to_do,
        united.record_url,
        united.evidence,
        united.extra_needs,
        deals.is_uncertain,
        united.field_key,
        united.field_label,
        united.field_status,
        united.value_shown,
        united.source_used,
        united.other_values,
        united.required_since_on,
        united.weight
    from united
    inner join deals on united.deal_id = deals.deal_id
)

select * from final
