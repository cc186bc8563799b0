-- One row per connected component of deals and engagements: what kind of relation it is, for each contract period.
with

nodes as (
    select * from {{ ref('int_link_components') }}
),

pairs as (
    select * from {{ ref('int_relation_pairs') }}
),

links as (
    select * from {{ ref('int_stated_links') }}
),

suggestions as (
    select * from {{ ref('int_link_suggestions') }}
    where engagement_position = 1 or deal_position = 1
),

members as (
    select
        nodes.component_id,
        nodes.node_type,
        nodes.node_id,
        coalesce(deals.deal_name, engagements.engagement_name) as node_name,
        coalesce(deals.community_name, engagements.community_name) as community_name,
        coalesce(deals.is_archived, false) as is_archived,
        coalesce(engagements.is_active, false) as is_active,
        case when deals.is_owner_active then deals.owner_name end as deal_owner,
        engagements.delivery_owner,
        coalesce(deals.deal_url, engagements.engagement_url) as record_url
    from nodes
    left join {{ ref('int_deals') }} as deals on nodes.node_type = 'deal' and nodes.node_id = deals.deal_id
    left join {{ ref('int_engagements') }} as engagements
        on nodes.node_type = 'engagement' and nodes.node_id = engagements.engagement_id
),

described as (
    select
        component_id,
        {{ joined("case when node_type = 'deal' then node_id end") }} as deal_ids,
        {{ joined("case when node_type = 'deal' then node_name end") }} as deal_names,
        {{ joined("case when node_type = 'engagement' then node_id end") }} as engagement_ids,
        {{ joined("case when node_type = 'engagement' then node_name end") }} as engagement_names,
        {{ first_of('node_id', "case when node_type = 'deal' then 0 else 1 end, node_id") }} as subject_id,
        {{ first_of('node_type', "case when node_type = 'deal' then 0 else 1 end, node_id") }} as subject_type,
        {{ first_of('node_name', "case when node_type = 'deal' then 0 else 1 end, node_id") }} as subject,
        {{ first_of('record_url', "case when node_type = 'deal' then 0 else 1 end, node_id") }} as record_url,
        min(community_name) as community_name,
        min(deal_owner) as deal_owner,
        min(delivery_owner) as delivery_owner,
        count(case when node_type = 'deal' then 1 end) as deal_count,
        count(case when node_type = 'engagement' then 1 end) as engagement_count,
        bool_or(is_archived) as is_archived,
        bool_or(is_active) as is_active
    from members
    group by component_id
),

-- a deal that continues one engagement and has another of its own is a deal of its own
continuing as (
    select
        component_id,
        count(*) as continuing_count
    from (
        select
            component_id,
            deal_id
        from pairs
        group by component_id, deal_id
        having bool_and(is_continuing)
    ) as periods
    group by component_id
),

paired as (
    select
        component_id,
        bool_and(is_named_by_deal and is_named_by_engagement or is_continuing) as is_both_ways,
        bool_or(is_in_another_portal and not is_named_by_engagement) as is_in_another_portal,
        bool_and(is_allowed or is_continuing) as is_allowed,
        count(distinct case when kept_engagement_id is not null then engagement_id end) as copy_count,
        max(allowed_reason) as allowed_reason,
        {{ joined('old_id') }} as merged_deal_ids,
        {{ joined('kept_engagement_id') }} as kept_engagement_ids,
        {{ joined('case when kept_engagement_id is not null then engagement_id end') }} as copied_engagement_ids
    from pairs
    group by component_id
),

stated as (
    select
        nodes.component_id,
        coalesce(bool_or(links.link_state = 'wrong_portal'), false) as is_in_another_portal,
        coalesce(bool_or(links.link_state = 'broken'), false) as is_broken,
        {{ joined("case when links.link_state in ('broken', 'wrong_portal') then links.stated_address end") }}
            as unresolved_addresses
    from nodes
    inner join links
        on (links.stated_by = 'deal' and nodes.node_type = 'deal' and nodes.node_id = links.deal_id)
        or (links.stated_by = 'engagement' and nodes.node_type = 'engagement' and nodes.node_id = links.engagement_id)
    group by nodes.component_id
),

suggested as (
    select
        nodes.component_id,
        {{ first_of("case when nodes.node_type = 'deal' then suggestions.engagement_id else suggestions.deal_id end",
            'suggestions.confidence_ratio desc, suggestions.deal_id, suggestions.engagement_id') }} as suggested_id
    from nodes
    inner join suggestions
        on (nodes.node_type = 'deal' and nodes.node_id = suggestions.deal_id and suggestions.deal_position = 1)
        or (nodes.node_type = 'engagement' and nodes.node_id = suggestions.engagement_id and suggestions.engagement_position = 1)
    group by nodes.component_id
),

counted as (
    select
        described.*,
        described.deal_count - coalesce(continuing.continuing_count, 0) as period_count,
        coalesce(paired.is_both_ways, false) as is_both_ways,
        coalesce(paired.is_in_another_portal, stated.is_in_another_portal, false) as is_in_another_portal,
        coalesce(stated.is_broken, false) as is_broken,
        coalesce(paired.is_allowed, false) as is_allowed,
        paired.allowed_reason,
        coalesce(paired.copy_count, 0) as copy_count,
        paired.merged_deal_ids,
        stated.unresolved_addresses,
        suggested.suggested_id,
        paired.kept_engagement_ids,
        paired.copied_engagement_ids
    from described
    left join continuing on described.component_id = continuing.component_id
    left join paired on described.component_id = paired.component_id
    left join stated on described.component_id = stated.component_id
    left join suggested on described.component_id = suggested.component_id
),

final as (
    select
        component_id,
        case
            when is_archived then 'archived_side'
            when period_count > 1 and engagement_count > 1 then 'many_to_many'
            when period_count > 1 then 'many_to_one'
            when engagement_count > 1 then 'one_to_many'
            when is_in_another_portal then 'wrong_portal'
            when is_broken then 'broken_link'
            when engagement_count = 0 and suggested_id is not null then 'suggested'
            when deal_count = 0 and suggested_id is not null then 'suggested'
            when engagement_count = 0 then 'deal_only'
            when deal_count = 0 then 'engagement_only'
            when not is_both_ways then 'asymmetric'
            else 'ok_1_1'
        end as relation,
        subject_type,
        subject_id,
        subject,
        community_name,
        deal_ids,
        deal_names,
        engagement_ids,
        engagement_names,
        deal_count,
        period_count,
        engagement_count,
        copy_count,
        is_active,
        is_allowed,
        allowed_reason,
        merged_deal_ids,
        kept_engagement_ids,
        copied_engagement_ids,
        unresolved_addresses,
        suggested_id,
        deal_owner,
        delivery_owner,
        record_url
    from counted
)

select * from final
