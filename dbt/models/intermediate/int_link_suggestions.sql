-- One row per engagement without a deal and deal without an engagement that may belong together, best first; nothing links them.
with

scopes as (
    select * from {{ ref('int_deal_scopes') }}
    where scope in ('handoff', 'before handoff', 'ended')
),

served as (
    select distinct deal_id from {{ ref('int_deal_engagements') }}
),

wanting as (
    select
        deals.*,
        {{ compared_text('deals.community_name') }} as compared_community,
        {{ compared_text('deals.company_name') }} as compared_company,
        {{ compared_text(without(compared_text('deals.deal_name'), compared_text('deals.community_name'))) }} as compared_name
    from {{ ref('int_deals') }} as deals
    inner join scopes on deals.deal_id = scopes.deal_id
    left join served on deals.deal_id = served.deal_id
    where served.deal_id is null
),

tied as (
    select distinct engagement_id from {{ ref('int_stated_links') }}
    where deal_id is not null and engagement_id is not null
),

alone as (
    select
        engagements.*,
        {{ compared_text('engagements.community_name') }} as compared_community,
        {{ compared_text(
            without(compared_text('engagements.engagement_name'), compared_text('engagements.community_name'))
        ) }} as compared_name
    from {{ ref('int_engagements') }} as engagements
    left join tied on engagements.engagement_id = tied.engagement_id
    where tied.engagement_id is null and not engagements.is_called_off
),

-- the community or the company must be the same: names and dates alone would pair half of all records
near as (
    select
        wanting.deal_id,
        alone.engagement_id,
        'community' as shared
    from wanting
    inner join alone on wanting.compared_community = alone.compared_community
    union all
    select
        wanting.deal_id,
        alone.engagement_id,
        'company' as shared
    from wanting
    inner join alone on wanting.compared_company = alone.compared_community
),

weights as (
    select
        {{ threshold('link_community_weight') }} as community_weight,
        {{ threshold('link_dates_weight') }} as dates_weight,
        {{ threshold('link_name_weight') }} as name_weight
),

judged as (
    select
        near.deal_id,
        near.engagement_id,
        min(near.shared) as shared,
        coalesce(bool_or(
            wanting.start_on <= coalesce(alone.end_on, alone.start_on)
            and alone.start_on <= coalesce(wanting.term_end_on, wanting.start_on)
        ), false) as is_overlapping,
        coalesce(max({{ text_similarity('wanting.compared_name', 'alone.compared_name') }}), 0) as name_ratio
    from near
    inner join wanting on near.deal_id = wanting.deal_id
    inner join alone on near.engagement_id = alone.engagement_id
    group by near.deal_id, near.engagement_id
),

weighed as (
    select
        judged.*,
        cast(
            weights.community_weight
            + case when judged.is_overlapping then weights.dates_weight else 0 end
            + weights.name_weight * judged.name_ratio
            as decimal(4, 2)
        ) as confidence_ratio
    from judged
    cross join weights
),

final as (
    select
        deal_id,
        engagement_id,
        confidence_ratio,
        cast(name_ratio as decimal(4, 2)) as name_ratio,
        is_overlapping,
        'Same ' || shared || case when is_overlapping then '; the dates overlap' else '' end
        || '; the names are alike to ' || {{ percent_words('name_ratio') }} || '.' as reasons,
        row_number() over (partition by engagement_id order by confidence_ratio desc, deal_id asc) as engagement_position,
        row_number() over (partition by deal_id order by confidence_ratio desc, engagement_id asc) as deal_position
    from weighed
    where confidence_ratio >= {{ threshold('link_confidence') }}
)

select * from final
