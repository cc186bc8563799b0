-- One row per deal and engagement that are one to one and compared field: whether both say the same, and if not, why.
with

fields as (
    select * from {{ ref('rule_compared_fields') }}
),

compared as (
    select
        compared_values.*,
        fields.label,
        fields.comparison,
        fields.tolerance,
        fields.truth,
        fields.severity,
        compared_values.deal_value = compared_values.engagement_value as is_identical,
        case fields.comparison
            when 'text'
                then {{ compared_text('compared_values.deal_value') }} = {{ compared_text('compared_values.engagement_value') }}
            when 'date'
                then {{ days_apart('compared_values.deal_value', 'compared_values.engagement_value') }} <= fields.tolerance
            when 'amount'
                then {{ money_apart('compared_values.deal_value', 'compared_values.engagement_value') }} <= fields.tolerance
        end as is_within_tolerance
    from {{ ref('int_compared_values') }} as compared_values
    inner join fields on compared_values.field_key = fields.field_key
),

earlier as (
    select * from {{ ref('int_earlier_values') }}
),

changes as (
    select
        deal_id,
        field_key,
        max(changed_at) as deal_changed_at,
        bool_or(meaning = 'amended_upstream') as is_amended
    from earlier
    group by deal_id, field_key
),

engagements as (
    select * from {{ ref('int_engagements') }}
),

traced as (
    select
        compared.*,
        earlier.meaning,
        changes.deal_changed_at,
        engagements.created_at as engagement_written_at,
        coalesce(changes.deal_changed_at > engagements.created_at, false) or coalesce(changes.is_amended, false)
            as is_deal_changed_since
    from compared
    inner join engagements on compared.engagement_id = engagements.engagement_id
    left join earlier
        on compared.deal_id = earlier.deal_id
        and compared.field_key = earlier.field_key
        and compared.engagement_value = earlier.earlier_value
    left join changes on compared.deal_id = changes.deal_id and compared.field_key = changes.field_key
),

judged as (
    select
        *,
        is_within_tolerance or coalesce(meaning = 'continued', false) as is_equal,
        case
            when is_identical or meaning = 'continued' then null
            when is_within_tolerance and comparison = 'text' then 'format_only'
            when is_within_tolerance then null
            else coalesce(meaning, 'manual_override')
        end as kind
    from traced
),

final as (
    select
        component_id,
        deal_id,
        engagement_id,
        field_key,
        label,
        deal_value,
        engagement_value,
        comparison,
        tolerance,
        truth,
        severity,
        is_equal,
        kind,
        -- neither side holds what the other one had: each was changed since the engagement was written
        coalesce(kind = 'manual_override' and is_deal_changed_since, false) as is_conflict,
        deal_changed_at,
        engagement_written_at,
        case
            when is_equal then null
            when kind = 'manual_override' and is_deal_changed_since then 'Ask both sides which is right'
            when truth = 'deal' then 'Write "' || deal_value || '" on the engagement'
            else 'Write "' || engagement_value || '" on the deal'
        end as fix
    from judged
)

select * from final
