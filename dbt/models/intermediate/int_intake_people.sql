-- One row per deal and person who holds a role for it, on the deal itself or on its community.
with

deals as (
    select * from {{ ref('int_intake_deals') }}
),

associations as (
    select * from {{ ref('stg_hubspot__associations') }}
    where to_object = 'contacts'
),

contacts as (
    select * from {{ ref('stg_hubspot__contacts') }}
    where not is_archived
),

linked as (
    select
        deals.deal_id,
        associations.to_id as contact_id,
        associations.label
    from deals
    inner join associations on associations.from_object = 'deals' and deals.deal_id = associations.from_id
    union
    select
        deals.deal_id,
        associations.to_id as contact_id,
        associations.label
    from deals
    inner join associations
        on associations.from_object = 'communities' and deals.community_record_id = associations.from_id
),

roles as (
    select * from {{ ref('rule_contact_roles') }}
),

final as (
    select
        linked.deal_id,
        linked.contact_id,
        roles.role_key,
        roles.role_name,
        contacts.full_name,
        contacts.object_type_id,
        contacts.properties_json
    from linked
    inner join contacts on linked.contact_id = contacts.contact_id
    left join roles on linked.label = roles.label
)

select * from final
