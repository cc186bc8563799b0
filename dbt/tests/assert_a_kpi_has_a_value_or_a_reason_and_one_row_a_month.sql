-- Returns a row when a KPI of a month has neither a value nor a reason why it is unknown, has both, or stands there twice.
select
    month_on,
    kpi_key,
    count(*) as row_count
from {{ ref('rpt_kpis') }}
group by month_on, kpi_key
having count(*) <> 1 or bool_or((value is null) <> (unknown_reason is not null))
