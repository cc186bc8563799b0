-- One row per signed deal, component and stretch of service: what should be billed, when, and what was. Membership is due at the
-- beginning of each year of service; cloud costs that we pay and pass on are due after the month. What was due before the first
-- imported invoice was issued nobody can judge, and nothing is expected without imported invoices.
with

invoices as (
    select * from {{ ref('int_invoice_lines') }}
),

epoch as (
    select min(issued_on) as first_issued_on from invoices
),

deals as (
    select * from {{ ref('int_deals') }}
    where is_won and is_delivering and not is_archived and not is_rehearsal
),

years as (
    {{ number_series(0, 20) }}
),

anniversaries as (
    select
        deals.*,
        {{ years_later('deals.start_on', 'years.number') }} as service_from_on,
        {{ years_later('deals.start_on', '(years.number + 1)') }} as next_anniversary_on
    from deals
    -- an agreement whose last day is an anniversary has no year of one day
    inner join years on years.number = 0 or {{ years_later('deals.start_on', 'years.number') }} < deals.term_end_on
    where deals.amount > 0
),

service_years as (
    select
        *,
        case
            when next_anniversary_on >= term_end_on then term_end_on
            else {{ add_days('next_anniversary_on', -1) }}
        end as service_to_on
    from anniversaries
),

membership as (
    select
        deal_id,
        'membership' as component,
        service_from_on,
        service_to_on,
        service_from_on as due_to_bill_on,
        cast(
            (amount - coalesce(prepaid_cloud, 0))
            * ({{ days_between('service_from_on', 'service_to_on') }} + 1)
            / ({{ days_between('start_on', 'term_end_on') }} + 1) as decimal(18, 2)
        ) as expected_amount,
        'the amount of the deal by years of service' as expected_basis,
        currency
    from service_years
),

cloud as (
    select
        coverage.covering_deal_id as deal_id,
        'cloud' as component,
        {{ month_start('coverage.usage_on') }} as service_from_on,
        {{ month_end('coverage.usage_on') }} as service_to_on,
        {{ add_days(month_end('coverage.usage_on'), 1) }} as due_to_bill_on,
        cast(sum(coverage.net_amount) as decimal(18, 2)) as expected_amount,
        'what the cloud cost in the month' as expected_basis,
        {{ organisation('currency') }} as currency
    from {{ ref('int_account_days') }} as coverage
    inner join deals on coverage.covering_deal_id = deals.deal_id
    where deals.cloud_paid_by = {{ organisation('cloud_paid_by_us') }} and coalesce(deals.prepaid_cloud, 0) = 0
    group by
        coverage.covering_deal_id, {{ month_start('coverage.usage_on') }}, {{ month_end('coverage.usage_on') }},
        {{ add_days(month_end('coverage.usage_on'), 1) }}
    having sum(coverage.net_amount) > 0
),

expected as (
    select * from membership
    union all
    select * from cloud
),

billed as (
    select
        expected.deal_id,
        expected.component,
        expected.service_from_on,
        sum(invoices.amount) as invoiced_amount,
        {{ joined('invoices.invoice_id') }} as invoice_ids,
        bool_or(not invoices.is_in_deal_currency) as has_other_currency
    from expected
    inner join invoices
        on expected.deal_id = invoices.deal_id
        and expected.component = invoices.component
        and coalesce(invoices.service_from_on, invoices.issued_on) between expected.service_from_on and expected.service_to_on
    group by expected.deal_id, expected.component, expected.service_from_on
),

final as (
    select
        expected.deal_id,
        deals.deal_name,
        deals.community_name,
        case when deals.is_owner_active then deals.owner_name end as deal_owner,
        deals.deal_url,
        expected.component,
        expected.service_from_on,
        expected.service_to_on,
        expected.due_to_bill_on,
        expected.expected_amount,
        expected.expected_basis,
        expected.currency,
        coalesce(billed.invoiced_amount, 0) as invoiced_amount,
        case
            when not coalesce(billed.has_other_currency, false)
                then greatest(0, expected.expected_amount - coalesce(billed.invoiced_amount, 0))
        end as unbilled_amount,
        billed.invoice_ids,
        {{ days_between('expected.due_to_bill_on', as_of()) }} as days_since_due
    from expected
    inner join deals on expected.deal_id = deals.deal_id
    cross join epoch
    left join billed
        on expected.deal_id = billed.deal_id
        and expected.component = billed.component
        and expected.service_from_on = billed.service_from_on
    where expected.due_to_bill_on >= epoch.first_issued_on and expected.due_to_bill_on <= {{ as_of() }}
)

select * from final
