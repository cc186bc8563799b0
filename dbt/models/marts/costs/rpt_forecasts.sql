with

methods as (
    select * from {{ ref('int_cost_forecast_methods') }}
    where months_before = 0
),

errors as (
    select * from {{ ref('int_forecast_errors') }}
),

months as (
    select * from {{ ref('int_budget_months') }}
    where month_on = {{ month_start(as_of()) }} and chain_id is not null
),

used as (
    select
        chain_id,
        method_key
    from {{ ref('int_cost_forecasts') }}
),

final as (
    select
        case when methods.subject_kind = 'chain' then 'deal' else methods.subject_kind end as subject_type,
        case when methods.subject_kind = 'chain' then months.deal_id else methods.subject_id end as subject_id,
        case when methods.subject_kind = 'chain' then months.subject else methods.subject_id end as subject,
        months.community_name,
        methods.month_on,
        methods.complete_through_on,
        methods.method_key as method_name,
        coalesce(used.method_key is not null and methods.forecast_amount is not null, false) as is_used,
        methods.known_amount as spent_usd,
        methods.forecast_amount as forecast_usd,
        methods.low_amount as low_usd,
        methods.high_amount as high_usd,
        months.budget_amount as budget_usd,
        coalesce(errors.month_count, 0) as backtest_month_count,
        errors.error_ratio as backtest_error_ratio,
        coalesce(
            methods.unknown_reason,
            case
                when coalesce(errors.month_count, 0) > 0 then null
                when methods.method_key = 'Cost Explorer' then 'Cost Explorer does not tell what it expected earlier.'
                else 'No earlier month is known completely in which it could be tried.'
            end
        ) as unknown_reason,
        {{ as_of() }} as as_of_on
    from methods
    left join errors
        on methods.subject_kind = errors.subject_kind
        and methods.subject_id = errors.subject_id
        and methods.method_key = errors.method_key
    left join months on methods.subject_kind = 'chain' and methods.subject_id = months.chain_id
    left join used
        on methods.subject_kind = 'chain' and methods.subject_id = used.chain_id and methods.method_key = used.method_key
)

select * from final
