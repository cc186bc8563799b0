-- One row per deal that counts and month of its term: its share of the amount by days. What rounding leaves over is in the last
-- month, so that the months add up to the amount to the cent.
with

terms as (
    select * from {{ ref('int_revenue_terms') }}
    where left_out_reason is null
),

numbers as (
    {{ number_series(0, "(select coalesce(max(date_diff('month', from_on, to_on)), 0) from " ~ ref('int_revenue_terms')
        ~ " where left_out_reason is null)") }}
),

months as (
    select
        terms.*,
        {{ add_months(month_start('terms.from_on'), 'numbers.number') }} as month_on
    from terms
    inner join numbers on numbers.number <= date_diff('month', terms.from_on, terms.to_on)
),

shared as (
    select
        *,
        {{ days_between('greatest(month_on, from_on)', 'least(' ~ month_end('month_on') ~ ', to_on)') }} + 1 as day_count,
        {{ days_between('from_on', 'to_on') }} + 1 as term_day_count,
        greatest(
            0, {{ days_between('greatest(month_on, counted_from_on)', 'least(' ~ month_end('month_on') ~ ', to_on)') }} + 1
        ) as counted_day_count
    from months
),

rounded as (
    select
        *,
        cast(round(amount_org * day_count / term_day_count, 2) as decimal(18, 2)) as rounded_amount
    from shared
),

final as (
    select
        deal_id,
        chain_id,
        counted_as,
        is_soft,
        month_on,
        cast(day_count as integer) as day_count,
        cast(
            case
                when month_on = {{ month_start('to_on') }}
                    then amount_org - coalesce(
                            sum(rounded_amount) over (
                                partition by deal_id order by month_on rows between unbounded preceding and 1 preceding
                            ),
                            0
                        )
                else rounded_amount
            end as decimal(18, 2)
        ) as share_amount,
        counted_day_count / cast(day_count as double) as counted_ratio
    from rounded
)

select * from final
