with

deals as (
    select * from {{ ref('int_deals') }}
),

final as (
    select
        verdicts.deal_id,
        deals.deal_name,
        deals.deal_url as record_url,
        deals.community_name,
        deals.owner_name as deal_owner,
        deals.stage_name,
        deals.start_on,
        verdicts.verdict,
        verdicts.why_unknown,
        round(verdicts.highest_ratio, 3) as highest_utilisation_ratio,
        verdicts.tightest_week_on,
        round(verdicts.hours, 1) as planned_hours,
        round(verdicts.win_ratio, 3) as win_ratio,
        verdicts.win_ratio_source,
        verdicts.checked_on,
        verdicts.checked_on is not null or verdicts.has_issue as is_consulted,
        {{ as_of() }} as as_of_on
    from {{ ref('int_capacity_verdicts') }} as verdicts
    inner join deals on verdicts.deal_id = deals.deal_id
)

select * from final
