-- One row per chain of agreements or payer and method of forecasting: how far it was from the truth in the months before.
with

trials as (
    select
        *,
        abs(forecast_amount - final_amount) / nullif(final_amount, 0) as error_ratio
    from {{ ref('int_cost_forecast_methods') }}
    where months_before > 0
),

final as (
    select
        subject_kind,
        subject_id,
        method_key,
        cast(count(error_ratio) as integer) as month_count,
        avg(error_ratio) as error_ratio
    from trials
    group by subject_kind, subject_id, method_key
)

select * from final
