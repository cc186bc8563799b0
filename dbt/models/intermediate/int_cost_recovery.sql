-- One row per chain of agreements and month with costs: how much of them may still change, and what imported invoices pass on of
-- them, in the organisation's currency; null where nobody imported an invoice, or one of them is in another currency.
with

costs as (
    select
        chain_id,
        {{ month_start('usage_on') }} as month_on,
        sum(case when is_estimated then gross_amount else 0 end) as estimated_amount
    from {{ ref('int_account_days') }}
    where usage_on <= {{ as_of() }} and chain_id is not null
    group by chain_id, {{ month_start('usage_on') }}
),

invoices as (
    select
        *,
        {{ month_start('coalesce(service_from_on, issued_on)') }} as month_on
    from {{ ref('int_invoice_lines') }}
),

epoch as (
    select min(issued_on) as first_issued_on from invoices
),

chains as (
    select distinct
        deal_id,
        chain_id
    from {{ ref('int_contract_chains') }}
),

passed_on as (
    select
        chains.chain_id,
        invoices.month_on,
        sum(invoices.amount) as invoiced_amount,
        bool_and(invoices.currency = {{ organisation('currency') }}) as is_in_one_currency
    from invoices
    inner join chains on invoices.deal_id = chains.deal_id
    where invoices.component = 'cloud'
    group by chains.chain_id, invoices.month_on
),

final as (
    select
        costs.chain_id,
        costs.month_on,
        costs.estimated_amount,
        case
            when epoch.first_issued_on is null or not coalesce(passed_on.is_in_one_currency, true) then null
            -- what was passed on before the first imported invoice nobody knows
            when {{ month_end('costs.month_on') }} < epoch.first_issued_on and passed_on.chain_id is null then null
            else coalesce(passed_on.invoiced_amount, 0)
        end as recovered_amount
    from costs
    cross join epoch
    left join passed_on on costs.chain_id = passed_on.chain_id and costs.month_on = passed_on.month_on
)

select * from final
