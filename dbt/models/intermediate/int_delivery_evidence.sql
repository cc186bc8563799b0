-- One row per engagement, step of its delivery and kind of evidence (rule_delivery_evidence.csv): whether it is there, since
-- when, where to look, who vouches for it; or that nobody can tell, because the source is stale or holds no such field.
with

engagements as (
    select * from {{ ref('int_delivery_engagements') }}
),

usage as (
    select * from {{ ref('int_engagement_usage') }}
),

kinds as (
    select * from {{ ref('rule_delivery_evidence') }}
),

gates as (
    select
        source,
        gate
    from {{ ref('int_source_gates') }}
    union all
    select
        'engagements' as source,
        gate
    from {{ ref('int_engagement_gate') }}
),

held_fields as (
    select * from {{ ref('int_held_fields') }}
),

found as (
    select
        engagement_id,
        'order' as evidence_key,
        {{ organisation_date('first_order_at') }} as evidence_on,
        deal_url as evidence_url,
        cast(null as varchar) as verified_by
    from engagements
    where first_order_at is not null
    union all
    select
        engagement_id,
        'request_issue' as evidence_key,
        {{ organisation_date('first_issue_at') }} as evidence_on,
        request_issue_url as evidence_url,
        cast(null as varchar) as verified_by
    from engagements
    where first_issue_at is not null
    union all
    -- the store says what the status is, not since when
    select
        engagement_id,
        'engagement_status' as evidence_key,
        cast(null as date) as evidence_on,
        engagement_url as evidence_url,
        delivery_owner as verified_by
    from engagements
    where status <> {{ organisation('new_engagement_status') }}
    union all
    select
        engagement_id,
        'deliverables' as evidence_key,
        {{ organisation_date('first_item_at') }} as evidence_on,
        first_item_url as evidence_url,
        delivery_owner as verified_by
    from engagements
    where promised_count > 0
    union all
    select
        engagement_id,
        'issues' as evidence_key,
        {{ organisation_date('last_issue_closed_at') }} as evidence_on,
        last_issue_url as evidence_url,
        delivery_owner as verified_by
    from engagements
    where promised_count > 0 and shown_count = promised_count
    union all
    select
        engagement_id,
        'deliverable_status' as evidence_key,
        cast(null as date) as evidence_on,
        engagement_url as evidence_url,
        delivery_owner as verified_by
    from engagements
    where promised_count > 0 and delivered_count = promised_count
    union all
    select
        engagement_id,
        'admin_access' as evidence_key,
        admin_access_on as evidence_on,
        engagement_url as evidence_url,
        delivery_owner as verified_by
    from engagements
    where admin_access_on <= {{ as_of() }}
    union all
    select
        engagement_id,
        'confirmation' as evidence_key,
        confirmed_on as evidence_on,
        engagement_url as evidence_url,
        coalesce(confirmed_by, community_name) as verified_by
    from engagements
    where confirmed_on <= {{ as_of() }}
    union all
    select
        engagement_id,
        'notification' as evidence_key,
        bd_notified_on as evidence_on,
        engagement_url as evidence_url,
        delivery_owner as verified_by
    from engagements
    where bd_notified_on <= {{ as_of() }}
    union all
    select
        usage.engagement_id,
        'usage_reached' as evidence_key,
        usage.reached_on as evidence_on,
        engagements.engagement_url as evidence_url,
        cast(null as varchar) as verified_by
    from usage
    inner join engagements on usage.engagement_id = engagements.engagement_id
    where usage.reached_on is not null
    union all
    select
        usage.engagement_id,
        'usage_now' as evidence_key,
        usage.usage_through_on as evidence_on,
        engagements.engagement_url as evidence_url,
        cast(null as varchar) as verified_by
    from usage
    inner join engagements on usage.engagement_id = engagements.engagement_id
    where usage.usage_state = 'enough'
),

final as (
    select
        engagements.engagement_id,
        kinds.step_key,
        kinds.evidence_key,
        kinds.evidence_rank,
        kinds.evidence_name,
        found.engagement_id is not null as is_found,
        gates.gate <> 'complete'
        or (kinds.canonical_field is not null and held_fields.canonical_field is null)
        or (kinds.evidence_key in ('usage_reached', 'usage_now') and coalesce(usage.usage_state, 'unknown') = 'unknown')
            as is_unknown,
        found.evidence_on,
        found.evidence_url,
        found.verified_by
    from engagements
    cross join kinds
    inner join gates on kinds.source = gates.source
    left join held_fields
        on engagements.store = held_fields.store and kinds.canonical_field = held_fields.canonical_field
    left join usage on engagements.engagement_id = usage.engagement_id
    left join found on engagements.engagement_id = found.engagement_id and kinds.evidence_key = found.evidence_key
)

select * from final
