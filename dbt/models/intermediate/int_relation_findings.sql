-- One row per relation rule that a deal, an engagement or a component of both breaks, unless a handoff rule says it already.
with

relations as (
    select * from {{ ref('int_relations') }}
),

pairs as (
    select * from {{ ref('int_relation_pairs') }}
),

deals as (
    select * from {{ ref('int_deals') }}
),

engagements as (
    select * from {{ ref('int_engagements') }}
),

loads as (
    select * from {{ ref('int_source_loads') }}
),

-- a link that is missing (HG01), one-way (HG09) or of a deal that is gone (HG12) is told by these rules
told as (
    select distinct nodes.component_id
    from {{ ref('int_handoff_gaps') }} as gaps
    inner join {{ ref('int_link_components') }} as nodes on nodes.node_type = 'deal' and gaps.deal_id = nodes.node_id
    where gaps.rule_id in ('HG01', 'HG09', 'HG12')
),

suggestions as (
    select
        suggestions.*,
        deals.deal_name
    from {{ ref('int_link_suggestions') }} as suggestions
    inner join deals on suggestions.deal_id = deals.deal_id
    where suggestions.engagement_position = 1
),

untold as (
    select relations.*
    from relations
    left join told on relations.component_id = told.component_id
    where told.component_id is null and relations.relation <> 'archived_side'
),

without_deal as (
    select
        'RC01' as rule_id,
        untold.component_id as finding_key,
        untold.component_id,
        untold.subject_id as engagement_id,
        'The engagement ' || untold.subject || ' is ' || coalesce('"' || engagements.status || '"', 'without a status')
        || ', and neither it nor any deal says which deal it delivers.'
        || coalesce(
            ' Perhaps it is ' || suggestions.deal_name || ' (confidence ' || suggestions.confidence_ratio || '): '
            || lower(left(suggestions.reasons, 1)) || substr(suggestions.reasons, 2), ''
        ) as reason
    from untold
    inner join engagements on untold.subject_id = engagements.engagement_id
    left join suggestions on untold.subject_id = suggestions.engagement_id
    where untold.relation in ('engagement_only', 'suggested') and untold.deal_count = 0 and untold.is_active
),

nowhere as (
    select
        'RC02' as rule_id,
        component_id as finding_key,
        component_id,
        case when subject_type = 'engagement' then subject_id end as engagement_id,
        case when subject_type = 'engagement' then 'The engagement ' else '' end || subject || ' names "' || unresolved_addresses
        || '", and there is no such ' || case
            when relation = 'wrong_portal' then 'deal in this HubSpot portal.'
            when subject_type = 'engagement' then 'deal in HubSpot.'
            else 'record on the other side.'
        end as reason
    from untold
    where unresolved_addresses is not null and (is_active or deal_count > 0)
),

too_many as (
    select
        'RC03' as rule_id,
        component_id as finding_key,
        component_id,
        cast(null as varchar) as engagement_id,
        {{ count_words('period_count', 'deal') }} || ' (' || deal_names || ') and '
        || {{ count_words('engagement_count', 'engagement') }} || ' (' || engagement_names
        || ') are linked with each other, and map_relation_overrides.csv does not say why.' as reason
    from untold
    where relation in ('one_to_many', 'many_to_one', 'many_to_many') and not is_allowed
        and engagement_count + period_count > 2 + copy_count
),

twice as (
    select
        'RC04' as rule_id,
        'engagement-' || pairs.engagement_id as finding_key,
        pairs.component_id,
        pairs.engagement_id,
        deals.deal_name || ' has two engagements called ' || kept.engagement_name || '; this one is of '
        || {{ day_words(organisation_date('copies.created_at')) }} || ', the older one, to be kept, of '
        || {{ day_words(organisation_date('kept.created_at')) }} || '.' as reason
    from pairs
    inner join deals on pairs.deal_id = deals.deal_id
    inner join engagements as copies on pairs.engagement_id = copies.engagement_id
    inner join engagements as kept on pairs.kept_engagement_id = kept.engagement_id
),

merged as (
    select
        'RC05' as rule_id,
        'engagement-' || pairs.engagement_id as finding_key,
        pairs.component_id,
        pairs.engagement_id,
        'The engagement ' || engagements.engagement_name || ' names deal ' || pairs.old_id || ', which was merged into '
        || deals.deal_name || ' (' || pairs.deal_id || ').' as reason
    from pairs
    inner join deals on pairs.deal_id = deals.deal_id and not deals.is_archived
    inner join engagements on pairs.engagement_id = engagements.engagement_id
    where pairs.old_id is not null
),

broken as (
    select * from without_deal
    union all
    select * from nowhere
    union all
    select * from too_many
    union all
    select * from twice
    union all
    select * from merged
),

final as (
    select
        broken.rule_id || ':' || broken.finding_key as finding_id,
        broken.rule_id,
        cast(null as varchar) as severity,
        case when broken.engagement_id is null then relations.subject_type else 'engagement' end as subject_type,
        coalesce(broken.engagement_id, relations.subject_id) as subject_id,
        coalesce(engagements.engagement_name, relations.subject) as subject,
        case when relations.deal_count = 1 then relations.deal_ids end as deal_id,
        relations.community_name,
        relations.deal_owner,
        coalesce(engagements.delivery_owner, relations.delivery_owner) as delivery_owner,
        cast(null as date) as due_on,
        broken.reason,
        coalesce(engagements.engagement_url, relations.record_url) as record_url,
        {{ evidence([
            ('relation', 'relations.relation', 'engagements'),
            ('deals', 'relations.deal_ids', 'hubspot'),
            ('engagements', 'relations.engagement_ids', 'engagements'),
            ('deal_url', 'engagements.stated_deal_url', 'engagements'),
            ('unresolved addresses', 'relations.unresolved_addresses', 'engagements'),
            ('status', 'engagements.status', 'engagements'),
        ]) }} as evidence,
        cast(null as varchar) as extra_needs,
        false as is_uncertain,
        broken.component_id,
        relations.relation,
        cast(null as varchar) as field_key
    from broken
    inner join relations on broken.component_id = relations.component_id
    left join engagements on broken.engagement_id = engagements.engagement_id
    cross join loads
)

select * from final
