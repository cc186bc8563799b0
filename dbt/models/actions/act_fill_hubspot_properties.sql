-- Fills a HubSpot property that is empty, or holds a placeholder, with a value that is known elsewhere or can be derived.
with

one_way as (
    select * from {{ ref('fct_handoff_gaps') }}
    where rule_id = 'HG09'
),

deals as (
    select * from {{ ref('int_deals') }}
),

links as (
    select
        links.deal_id,
        min(engagements.engagement_url) as engagement_url,
        min(engagements.engagement_name) as engagement_name
    from {{ ref('int_engagement_links') }} as links
    inner join {{ ref('int_engagements') }} as engagements on links.engagement_id = engagements.engagement_id
    where not links.is_called_off and links.is_named_by_engagement and not links.is_named_by_deal
    group by links.deal_id
    having count(*) = 1
),

-- the deal names nothing, and exactly one engagement names the deal
engagement_addresses as (
    select
        'fill:deal-' || one_way.deal_id || ':engagement_url' as change_id,
        one_way.finding_id,
        one_way.status,
        'deals' as object,
        one_way.deal_id as record_id,
        'engagement_url' as field,
        deals.engagement_url as before,
        links.engagement_url as after,
        'The engagement ' || links.engagement_name || ' names this deal, and the deal names no engagement.' as reason,
        'low' as risk,
        one_way.record_url
    from one_way
    inner join deals on one_way.deal_id = deals.deal_id
    inner join links on one_way.deal_id = links.deal_id
    where {{ is_empty('deals.engagement_url') }}
),

lacking as (
    select * from {{ ref('fct_missing_intake') }}
    where finding_id is not null and field_status in ('missing', 'placeholder')
),

communities as (
    select
        *,
        lower(regexp_extract(trim(community_name), '^[A-Za-z]+')) as derived_id,
        {{ is_filled("coalesce(community_id, '')") }} as has_id
    from {{ ref('stg_hubspot__communities') }}
    where not is_archived
),

validators as (
    select
        fields.field_key,
        validators.pattern
    from {{ ref('rule_intake_fields') }} as fields
    inner join {{ ref('rule_validators') }} as validators on fields.validator = validators.validator
),

-- a word that another community uses, or would also get, is nobody's to give
derivable as (
    select
        communities.community_record_id,
        communities.community_id,
        communities.community_name,
        communities.derived_id
    from communities
    inner join validators on validators.field_key = 'community_id'
    left join communities as others
        on communities.community_record_id <> others.community_record_id
        and (
            lower(trim(others.community_id)) = communities.derived_id
            or (others.derived_id = communities.derived_id and not others.has_id)
        )
    where regexp_matches(communities.derived_id, validators.pattern)
        and others.community_record_id is null
        -- of several communities of a deal another one may be what lacks it
        and not communities.has_id
),

community_ids as (
    select
        'fill:community-' || deals.community_record_id || ':community_id' as change_id,
        min(lacking.finding_id) as finding_id,
        max(lacking.status) as status,
        'communities' as object,
        deals.community_record_id as record_id,
        'community_id' as field,
        derivable.community_id as before,
        derivable.derived_id as after,
        'The community id is the first word of the short name "' || derivable.community_name
        || '", in lower case, and no other community uses it.' as reason,
        'medium' as risk,
        min(lacking.record_url) as record_url
    from lacking
    inner join deals on lacking.deal_id = deals.deal_id
    inner join derivable on deals.community_record_id = derivable.community_record_id
    where lacking.field_key = 'community_id'
    group by deals.community_record_id, derivable.community_id, derivable.derived_id, derivable.community_name
),

companies as (
    select * from {{ ref('stg_hubspot__companies') }}
    where not is_archived
),

-- every deal of the company is named as deals are, and all of them after the same organisation
named_alike as (
    select
        company_id,
        min(trim(regexp_extract(deal_name, {{ organisation('deal_name_pattern') }}, 1))) as derived_name,
        min(deal_name) as deal_name
    from deals
    where company_id is not null and not is_archived
    group by company_id
    having
        count(distinct trim(regexp_extract(deal_name, {{ organisation('deal_name_pattern') }}, 1))) = 1
        and bool_and(coalesce(regexp_matches(deal_name, {{ organisation('deal_name_pattern') }}), false))
),

company_names as (
    select
        'fill:company-' || companies.company_id || ':company_name' as change_id,
        min(lacking.finding_id) as finding_id,
        max(lacking.status) as status,
        'companies' as object,
        companies.company_id as record_id,
        'company_name' as field,
        companies.company_name as before,
        named_alike.derived_name as after,
        'The company has no name, and every deal with it is named after ' || named_alike.derived_name || ', as "'
        || named_alike.deal_name || '" is.' as reason,
        'medium' as risk,
        min(lacking.record_url) as record_url
    from lacking
    inner join deals on lacking.deal_id = deals.deal_id
    inner join companies on deals.company_id = companies.company_id
    inner join named_alike on companies.company_id = named_alike.company_id
    where lacking.field_key = 'company_name'
    group by companies.company_id, companies.company_name, named_alike.derived_name, named_alike.deal_name
),

united as (
    select * from engagement_addresses
    union all
    select * from community_ids
    union all
    select * from company_names
),

final as (
    select
        united.change_id,
        united.finding_id,
        'fill_hubspot_property' as recipe,
        'hubspot' as system,
        united.object,
        united.record_id,
        united.field,
        united.before,
        united.after,
        'if_empty' as policy,
        united.reason,
        united.risk,
        true as is_reversible,
        cast(null as varchar) as natural_key,
        cast(null as varchar) as depends_on,
        united.record_url,
        'hubspot' || case when united.object = 'deals' then ';' || engagement_gate.stores else '' end as needs,
        united.status <> 'open' as is_blocked,
        case when united.status <> 'open' then 'a source behind the finding is not complete' end as blocked_reason,
        {{ as_of() }} as as_of_on
    from united
    cross join {{ ref('int_engagement_gate') }} as engagement_gate
)

select * from final
