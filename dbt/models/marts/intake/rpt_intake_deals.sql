with

required as (
    select * from {{ ref('fct_missing_intake') }}
),

deals as (
    select * from {{ ref('int_intake_deals') }}
),

final as (
    select
        deals.deal_id,
        deals.deal_name,
        deals.deal_url as record_url,
        deals.community_name,
        deals.pipeline_name,
        deals.stage_name,
        deals.owner_name as deal_owner,
        cast(count(*) as integer) as required_count,
        cast(count(*) filter (where required.field_status = 'ok') as integer) as ok_count,
        cast(count(*) filter (where required.field_status = 'ok') / count(*) as double) as completeness_ratio,
        cast(
            coalesce(sum(required.weight) filter (where required.field_status = 'ok'), 0) / nullif(sum(required.weight), 0)
            as double
        ) as weighted_completeness_ratio,
        string_agg(required.field_label, ', ' order by required.severity, required.field_label)
        filter (where required.finding_id is not null) as missing_fields,
        {{ as_of() }} as as_of_on
    from deals
    inner join required on deals.deal_id = required.deal_id
    group by
        deals.deal_id,
        deals.deal_name,
        deals.deal_url,
        deals.community_name,
        deals.pipeline_name,
        deals.stage_name,
        deals.owner_name
)

select * from final
