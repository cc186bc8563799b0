-- One row: when each source was last read completely. Evidence names it beside every value.
with

gates as (
    select * from {{ ref('int_source_gates') }}
),

final as (
    select
        max(case when source = 'hubspot' then last_complete_at end) as hubspot_seen_at,
        max(case when source = 'airtable' then last_complete_at end) as airtable_seen_at,
        max(case when source = 'asana' then last_complete_at end) as asana_seen_at,
        (select engagement_gate.stores from {{ ref('int_engagement_gate') }} as engagement_gate) as engagements_source,
        (select engagement_gate.last_complete_at from {{ ref('int_engagement_gate') }} as engagement_gate) as engagements_seen_at,
        max(case when source = 'github' then last_complete_at end) as github_seen_at,
        max(case when source = 'aws' then last_complete_at end) as aws_seen_at,
        max(case when source = 'files' then last_complete_at end) as files_seen_at,
        max(case when source = 'sheets' then last_complete_at end) as sheets_seen_at,
        max(case when source = 'prometheus' then last_complete_at end) as prometheus_seen_at,
        coalesce(max(case when source = 'intacct' then source end), 'files') as invoices_source,
        case
            when bool_or(source = 'intacct') then max(case when source = 'intacct' then last_complete_at end)
            else max(case when source = 'files' then last_complete_at end)
        end as invoices_seen_at
    from gates
)

select * from final
