-- Gives a person who is linked with a deal without a label the role that the deal lacks, if the person holds it on another deal
-- of the same community and nobody else does.
with

lacking as (
    select * from {{ ref('fct_missing_intake') }}
    where finding_id is not null and field_status = 'missing'
),

roles as (
    select * from {{ ref('rule_contact_roles') }}
),

deals as (
    select * from {{ ref('int_deals') }}
),

contacts as (
    select * from {{ ref('stg_hubspot__contacts') }}
    where not is_archived
),

links as (
    select
        from_id as deal_id,
        to_id as contact_id,
        label
    from {{ ref('stg_hubspot__associations') }}
    where from_object = 'deals' and to_object = 'contacts'
),

unlabelled as (
    select
        deal_id,
        contact_id
    from links
    group by deal_id, contact_id
    having count(label) = 0
),

-- who holds which role for a community, on whichever of its deals
holders as (
    select
        deals.community_record_id,
        roles.role_key,
        links.contact_id,
        min(deals.deal_name) as deal_name
    from links
    inner join deals on links.deal_id = deals.deal_id
    inner join roles on links.label = roles.label
    where deals.community_record_id is not null
    group by deals.community_record_id, roles.role_key, links.contact_id
),

-- the field of a finding about a role is role-<key>; the person must be the only one who fits
fitting as (
    select
        lacking.finding_id,
        lacking.status,
        lacking.deal_id,
        lacking.record_url,
        roles.label,
        roles.role_name,
        min(unlabelled.contact_id) as contact_id,
        min(holders.deal_name) as other_deal_name
    from lacking
    inner join roles on lacking.finding_id = 'missing_intake:deal-' || lacking.deal_id || ':role-' || roles.role_key
    inner join deals on lacking.deal_id = deals.deal_id
    inner join unlabelled on lacking.deal_id = unlabelled.deal_id
    inner join holders
        on deals.community_record_id = holders.community_record_id
        and roles.role_key = holders.role_key
        and unlabelled.contact_id = holders.contact_id
    group by
        lacking.finding_id, lacking.status, lacking.deal_id, lacking.record_url, roles.label, roles.role_name
    having count(distinct unlabelled.contact_id) = 1
),

-- a person who would get two labels at once needs somebody to look
alone as (
    select
        fitting.*,
        count(*) over (partition by fitting.deal_id, fitting.contact_id) as label_count
    from fitting
),

final as (
    select
        'label:deal-' || alone.deal_id || ':contact-' || alone.contact_id || ':' || alone.label as change_id,
        alone.finding_id,
        'add_hubspot_label' as recipe,
        'hubspot' as system,
        'deals' as object,
        alone.deal_id as record_id,
        'contact_label:' || alone.contact_id as field,
        cast(null as varchar) as before,
        alone.label as after,
        'if_empty' as policy,
        contacts.full_name || ' is linked with this deal without a role, and is ' || alone.role_name || ' on '
        || alone.other_deal_name || '.' as reason,
        'medium' as risk,
        true as is_reversible,
        cast(null as varchar) as natural_key,
        cast(null as varchar) as depends_on,
        alone.record_url,
        'hubspot' as needs,
        alone.status <> 'open' as is_blocked,
        case when alone.status <> 'open' then 'a source behind the finding is not complete' end as blocked_reason,
        {{ as_of() }} as as_of_on
    from alone
    inner join contacts on alone.contact_id = contacts.contact_id
    where alone.label_count = 1
)

select * from final
