-- One row per write that the vendor took and does not hold: the rule that says so.
with

checks as (
    select * from {{ ref('int_write_checks') }}
),

runs as (
    select * from {{ ref('stg_ops__run') }}
),

sources as (
    select * from {{ ref('rule_sources') }}
),

deals as (
    select * from {{ ref('int_deals') }}
),

communities as (
    select * from {{ ref('stg_hubspot__communities') }}
),

companies as (
    select * from {{ ref('stg_hubspot__companies') }}
),

engagements as (
    select * from {{ ref('int_engagements') }}
),

named as (
    select
        checks.*,
        sources.source_name,
        deals.deal_id,
        deals.community_name,
        case when deals.is_owner_active then deals.owner_name end as deal_owner,
        coalesce(
            deals.deal_name,
            communities.community_name,
            companies.company_name,
            engagements.engagement_name,
            checks.object || ' ' || coalesce(checks.record_id, checks.change_id)
        ) as subject
    from checks
    inner join sources on checks.system = sources.source
    inner join runs on checks.written_at > runs.started_at - to_days(cast({{ threshold('unkept_write_days') }} as integer))
    left join deals on checks.object = 'deals' and checks.record_id = deals.deal_id
    left join communities on checks.object = 'communities' and checks.record_id = communities.community_record_id
    left join companies on checks.object = 'companies' and checks.record_id = companies.company_id
    left join engagements on checks.object = 'engagements' and checks.record_id = engagements.engagement_id
    where checks.status = 'did_not_stick'
),

final as (
    select
        'WB01:' || system || '-' || object || '-' || coalesce(record_id, change_id) || coalesce(':' || field, '') as finding_id,
        'WB01' as rule_id,
        cast(null as varchar) as severity,
        'write' as subject_type,
        change_id as subject_id,
        subject,
        deal_id,
        community_name,
        deal_owner,
        cast(null as varchar) as delivery_owner,
        cast(null as date) as due_on,
        'On ' || {{ day_words(organisation_date('written_at')) }} || ' handoff '
        || case
            when is_created then 'created this record in ' || source_name || ', and it is not there any more'
            when not is_there
                then 'wrote ' || field || ' of this record in ' || source_name || ', and the record is not there any more'
            when {{ is_empty('after') }}
                then 'emptied ' || field || ' in ' || source_name || ', and it holds "' || seen_value || '" now'
            else 'wrote "' || after || '" as ' || field || ' in ' || source_name || ', and it '
                || case
                    when {{ is_empty('seen_value') }} then 'is empty now'
                    else 'holds "' || seen_value || '" now'
                end
        end
        || ' (' || plan_id || ').' as reason,
        record_url,
        -- the source differs from row to row, which the macro `evidence` cannot say
        cast(to_json([
            {
                'field': 'written_value',
                'value': cast(after as varchar),
                'source': 'ledger',
                'seen_at': strftime(timezone('UTC', written_at), '%Y-%m-%dT%H:%M:%SZ')
            },
            {
                'field': 'seen_value',
                'value': cast(seen_value as varchar),
                'source': system,
                'seen_at': strftime(timezone('UTC', last_complete_at), '%Y-%m-%dT%H:%M:%SZ')
            }
        ]) as varchar) as evidence,
        cast(null as varchar) as extra_needs,
        false as is_uncertain,
        plan_id,
        written_at
    from named
)

select * from final
