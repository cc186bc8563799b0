with

kpi_values as (
    select * from {{ ref('int_kpi_values') }}
),

kpis as (
    select * from {{ ref('rule_kpis') }}
),

final as (
    select
        kpi_values.month_on,
        kpis.kpi_key,
        kpis.kpi_rank,
        kpis.kpi_name,
        case when kpis.unit = 'currency' then {{ organisation('currency') }} else kpis.unit end as unit,
        -- amounts to the cent, shares to a tenth of a thousandth
        cast(round(kpi_values.value, case when kpis.unit = 'currency' then 2 else 4 end) as decimal(18, 4)) as value,
        kpis.target,
        cast(kpi_values.sample_count as integer) as sample_count,
        kpi_values.basis,
        kpi_values.unknown_reason,
        kpi_values.month_on > {{ as_of() }} as is_ahead,
        {{ as_of() }} as as_of_on
    from kpi_values
    inner join kpis on kpi_values.kpi_key = kpis.kpi_key
)

select * from final
