-- One row per signed deal, component and stretch of service: what should be billed, when, and what was. Membership is due at the
-- beginning of each year of service; usage fees, and cloud costs that we pay and pass on, after the month, as far as they were
-- not paid in advance; a service that is sold by the piece once it was delivered. What was due before the first imported invoice
-- was issued nobody can judge, and nothing is expected without imported invoices.
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

milestones as (
    select * from {{ ref('int_milestone_services') }}
),

-- what the amount of a deal holds beside the membership is billed by itself, or was paid in advance
beside_membership as (
    select
        deals.deal_id,
        coalesce(deals.prepaid_cloud, 0) + coalesce(deals.prepaid_user_fees, 0) + coalesce(sum(milestones.amount), 0) as amount
    from deals
    left join milestones on deals.deal_id = milestones.deal_id
    group by deals.deal_id, deals.prepaid_cloud, deals.prepaid_user_fees
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

-- what was added to the amount, or taken off it, after the sale; it counts from that day on
amendments as (
    select
        sold.deal_id,
        sold.changed_amount - sold.sold_amount as difference,
        {{ organisation_date('sold.changed_at') }} as changed_on,
        {{ days_between(
            'greatest(' ~ organisation_date('sold.changed_at') ~ ', deals.start_on)', 'deals.term_end_on'
        ) }} + 1 as remaining_days
    from {{ ref('int_sold_amounts') }} as sold
    inner join deals on sold.deal_id = deals.deal_id
    where sold.changed_amount <> sold.sold_amount and {{ organisation_date('sold.changed_at') }} <= deals.term_end_on
),

-- days of a year beyond the end that was signed were added with an amended end: they cost what was added then
year_shares as (
    select
        years.*,
        amendments.changed_on,
        amendments.difference,
        amendments.remaining_days,
        beside.amount as beside_amount,
        case when amendments.deal_id is null then years.term_end_on else coalesce(years.contract_end_on, years.term_end_on) end
            as signed_end_on
    from service_years as years
    inner join beside_membership as beside on years.deal_id = beside.deal_id
    left join amendments on years.deal_id = amendments.deal_id
    where years.amount > beside.amount
),

membership as (
    select
        deal_id,
        'membership' as component,
        cast(null as varchar) as line_item_id,
        service_from_on,
        service_to_on,
        service_from_on as due_to_bill_on,
        cast(
            (amount - coalesce(difference, 0) - beside_amount)
            * greatest(0, {{ days_between('service_from_on', 'least(service_to_on, signed_end_on)') }} + 1)
            / ({{ days_between('start_on', 'signed_end_on') }} + 1)
            + case
                when service_from_on >= changed_on
                    then difference * ({{ days_between('service_from_on', 'service_to_on') }} + 1) / remaining_days
                else 0
            end as decimal(18, 2)
        ) as expected_amount,
        'the amount of the deal by years of service, indirect fees ' || {{ organisation('indirect_fees') }} as expected_basis,
        cast(null as decimal(18, 2)) as prepaid_balance_amount,
        currency
    from year_shares
    union all
    select
        deal_id,
        'membership' as component,
        'amendment' as line_item_id,
        changed_on as service_from_on,
        service_to_on,
        changed_on as due_to_bill_on,
        cast(
            difference * ({{ days_between('changed_on', 'service_to_on') }} + 1) / remaining_days as decimal(18, 2)
        ) as expected_amount,
        'what the amount of the deal was changed by, for the rest of the year' as expected_basis,
        cast(null as decimal(18, 2)) as prepaid_balance_amount,
        currency
    from year_shares
    where service_from_on < changed_on and changed_on <= service_to_on
),

usage_fees as (
    select
        fees.deal_id,
        'usage' as component,
        cast(null as varchar) as line_item_id,
        fees.month_on as service_from_on,
        {{ month_end('fees.month_on') }} as service_to_on,
        {{ add_days(month_end('fees.month_on'), 1) }} as due_to_bill_on,
        fees.fee_amount as expected_amount,
        case
            when fees.fee_amount is null then 'how many people used it, or what is left of what was paid in advance, is not known'
            else {{ count_words('fees.user_count', 'monthly user') }} || ' by rule_usage_tiers.csv'
        end as expected_basis,
        fees.prepaid_balance_amount,
        {{ organisation('currency') }} as currency
    from {{ ref('int_usage_fees') }} as fees
    inner join deals on fees.deal_id = deals.deal_id
    where fees.fee_amount is null or fees.fee_amount > 0 or fees.prepaid_balance_amount is not null
),

services as (
    select
        milestones.deal_id,
        'service' as component,
        milestones.line_item_id,
        milestones.delivered_on as service_from_on,
        milestones.delivered_on as service_to_on,
        milestones.delivered_on as due_to_bill_on,
        milestones.amount as expected_amount,
        milestones.line_item_name || ' was delivered' as expected_basis,
        cast(null as decimal(18, 2)) as prepaid_balance_amount,
        deals.currency
    from milestones
    inner join deals on milestones.deal_id = deals.deal_id
    where milestones.delivered_on is not null and milestones.amount > 0
),

cloud_months as (
    select
        coverage.covering_deal_id as deal_id,
        {{ month_start('coverage.usage_on') }} as month_on,
        coalesce(deals.prepaid_cloud, 0) as prepaid,
        sum(coverage.net_amount) as net_amount
    from {{ ref('int_account_days') }} as coverage
    inner join deals on coverage.covering_deal_id = deals.deal_id
    where deals.cloud_paid_by = {{ organisation('cloud_paid_by_us') }}
    group by coverage.covering_deal_id, {{ month_start('coverage.usage_on') }}, deals.prepaid_cloud
),

cloud_added_up as (
    select
        *,
        sum(net_amount) over (partition by deal_id order by month_on) as net_so_far
    from cloud_months
),

cloud as (
    select
        deal_id,
        'cloud' as component,
        cast(null as varchar) as line_item_id,
        month_on as service_from_on,
        {{ month_end('month_on') }} as service_to_on,
        {{ add_days(month_end('month_on'), 1) }} as due_to_bill_on,
        cast(
            case when prepaid = 0 then net_amount else greatest(0, least(net_amount, net_so_far - prepaid)) end as decimal(18, 2)
        ) as expected_amount,
        case
            when prepaid = 0 then 'what the cloud cost in the month'
            when net_so_far <= prepaid then 'the cloud of the month was paid in advance'
            else 'what the cloud cost beyond what was paid in advance'
        end as expected_basis,
        cast(case when prepaid > 0 then greatest(0, prepaid - net_so_far) end as decimal(18, 2)) as prepaid_balance_amount,
        {{ organisation('currency') }} as currency
    from cloud_added_up
    where net_amount > 0
),

expected as (
    select * from membership
    union all
    select * from cloud
    union all
    select * from usage_fees
    union all
    select * from services
),

-- invoices for services pay for what was delivered first
services_in_order as (
    select
        deal_id,
        line_item_id,
        sum(expected_amount) over (partition by deal_id order by service_from_on, line_item_id)
        - expected_amount as expected_before
    from services
),

service_invoices as (
    select
        deal_id,
        sum(amount) as amount,
        {{ joined('invoice_id') }} as invoice_ids,
        bool_or(not is_in_deal_currency) as has_other_currency
    from invoices
    where component = 'service'
    group by deal_id
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
    where expected.component <> 'service'
    group by expected.deal_id, expected.component, expected.service_from_on
),

matched as (
    select
        expected.*,
        coalesce(billed.invoice_ids, service_invoices.invoice_ids) as invoice_ids,
        case
            when expected.component = 'service'
                then greatest(
                        0, least(expected.expected_amount, coalesce(service_invoices.amount, 0) - in_order.expected_before)
                    )
            else coalesce(billed.invoiced_amount, 0)
        end as invoiced_amount,
        coalesce(billed.has_other_currency, service_invoices.has_other_currency, false) as has_other_currency
    from expected
    left join billed
        on expected.deal_id = billed.deal_id
        and expected.component = billed.component
        and expected.service_from_on = billed.service_from_on
    left join services_in_order as in_order
        on expected.deal_id = in_order.deal_id and expected.line_item_id = in_order.line_item_id
    left join service_invoices on expected.deal_id = service_invoices.deal_id and expected.component = 'service'
),

final as (
    select
        expected.deal_id,
        deals.deal_name,
        deals.community_name,
        case when deals.is_owner_active then deals.owner_name end as deal_owner,
        deals.deal_url,
        expected.component,
        expected.line_item_id,
        expected.service_from_on,
        expected.service_to_on,
        expected.due_to_bill_on,
        expected.expected_amount,
        expected.expected_basis,
        expected.prepaid_balance_amount,
        expected.currency,
        expected.invoiced_amount,
        -- what is owed in one currency and billed in another is not known without saying so
        case
            when not expected.has_other_currency and expected.currency = deals.currency and expected.expected_amount is not null
                then greatest(0, expected.expected_amount - expected.invoiced_amount)
        end as unbilled_amount,
        expected.invoice_ids,
        {{ days_between('expected.due_to_bill_on', as_of()) }} as days_since_due
    from matched as expected
    inner join deals on expected.deal_id = deals.deal_id
    cross join epoch
    where expected.due_to_bill_on >= epoch.first_issued_on and expected.due_to_bill_on <= {{ as_of() }}
)

select * from final
