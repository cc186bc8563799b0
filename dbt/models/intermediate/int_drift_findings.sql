-- One row per deal and active engagement that are one to one and field in which they differ by more than the tolerance.
with

drift as (
    select * from {{ ref('int_field_drift') }}
    where not is_equal
),

deals as (
    select * from {{ ref('int_deals') }}
    where not is_lost
),

engagements as (
    select * from {{ ref('int_engagements') }}
    where is_active
),

loads as (
    select * from {{ ref('int_source_loads') }}
),

worded as (
    select
        drift.*,
        case drift.comparison
            when 'date' then {{ day_words('try_cast(drift.deal_value as date)') }}
            when 'amount' then {{ money_words('drift.deal_value', "coalesce(deals.currency, '')") }}
            else '"' || drift.deal_value || '"'
        end as deal_words,
        case drift.comparison
            when 'date' then {{ day_words('try_cast(drift.engagement_value as date)') }}
            when 'amount' then {{ money_words('drift.engagement_value', "coalesce(deals.currency, '')") }}
            else '"' || drift.engagement_value || '"'
        end as engagement_words
    from drift
    inner join deals on drift.deal_id = deals.deal_id
),

final as (
    select
        case when worded.is_conflict then 'RC07' else 'RC06' end || ':engagement-' || worded.engagement_id || ':'
        || worded.field_key as finding_id,
        case when worded.is_conflict then 'RC07' else 'RC06' end as rule_id,
        worded.severity,
        'engagement' as subject_type,
        worded.engagement_id as subject_id,
        engagements.engagement_name as subject,
        worded.deal_id,
        coalesce(deals.community_name, engagements.community_name) as community_name,
        case when deals.is_owner_active then deals.owner_name end as deal_owner,
        engagements.delivery_owner,
        cast(null as date) as due_on,
        'The ' || worded.label || ' of ' || deals.deal_name || ' is ' || worded.deal_words || ' on the deal and '
        || worded.engagement_words || ' on the engagement' || case
            when worded.is_conflict then '; both were changed since the engagement was written'
            when worded.kind = 'amended_upstream' then ', which it was before the agreement was amended'
            when worded.kind = 'stale_copy' then ', which the deal said before'
            else ''
        end || '.' || case
            when worded.is_conflict then ''
            when worded.truth = 'deal' then ' The deal counts.'
            else ' The engagement counts.'
        end as reason,
        engagements.engagement_url as record_url,
        {{ evidence([
            ('field', 'worded.label', 'hubspot'),
            ('deal_value', 'worded.deal_value', 'hubspot'),
            ('engagement_value', 'worded.engagement_value', 'engagements'),
            ('kind', 'worded.kind', 'hubspot'),
        ]) }} as evidence,
        cast(null as varchar) as extra_needs,
        false as is_uncertain,
        worded.component_id,
        cast(null as varchar) as relation,
        worded.field_key
    from worded
    inner join deals on worded.deal_id = deals.deal_id
    inner join engagements on worded.engagement_id = engagements.engagement_id
    cross join loads
)

select * from final
