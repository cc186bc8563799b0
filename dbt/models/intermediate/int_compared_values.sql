-- One row per deal and engagement that are one to one and field that both hold: what each side says, as text.
with

relations as (
    select * from {{ ref('int_relations') }}
    where period_count = 1 and engagement_count = 1
),

pairs as (
    select
        pairs.component_id,
        pairs.deal_id,
        pairs.engagement_id
    from {{ ref('int_relation_pairs') }} as pairs
    inner join relations on pairs.component_id = relations.component_id
    where not pairs.is_continuing and (pairs.is_named_by_deal or pairs.is_named_by_engagement)
),

deals as (
    select * from {{ ref('int_deals') }}
    where not is_archived
),

engagements as (
    select * from {{ ref('int_engagements') }}
),

sides as (
    select
        pairs.component_id,
        pairs.deal_id,
        pairs.engagement_id,
        deals.deal_name,
        engagements.engagement_name,
        deals.start_on as deal_start_on,
        engagements.start_on as engagement_start_on,
        deals.term_end_on as deal_end_on,
        engagements.end_on as engagement_end_on,
        deals.amount as deal_amount,
        engagements.contract_value as engagement_amount
    from pairs
    inner join deals on pairs.deal_id = deals.deal_id
    inner join engagements on pairs.engagement_id = engagements.engagement_id
),

united as (
    {%- for field_key, deal_value, engagement_value in [
        ('deal_name', 'deal_name', 'engagement_name'),
        ('start_on', 'deal_start_on', 'engagement_start_on'),
        ('end_on', 'deal_end_on', 'engagement_end_on'),
        ('amount', 'deal_amount', 'engagement_amount'),
    ] %}
        {{ "union all" if not loop.first }}
        select
            component_id,
            deal_id,
            engagement_id,
            '{{ field_key }}' as field_key,
            cast({{ deal_value }} as varchar) as deal_value,
            cast({{ engagement_value }} as varchar) as engagement_value
        from sides
    {%- endfor %}
),

final as (
    select * from united
    where deal_value is not null and engagement_value is not null
)

select * from final
