with

expected as (
    select * from {{ ref('int_expected_billing') }}
),

final as (
    select
        deal_id,
        deal_name,
        deal_url as record_url,
        community_name,
        component,
        line_item_id,
        service_from_on,
        service_to_on,
        due_to_bill_on,
        expected_amount,
        expected_basis,
        cast(invoiced_amount as decimal(18, 2)) as invoiced_amount,
        cast(unbilled_amount as decimal(18, 2)) as unbilled_amount,
        prepaid_balance_amount,
        case
            when expected_amount is null then 'expected amount not known'
            when unbilled_amount is null then 'in another currency'
            else 'known'
        end as confidence,
        invoice_ids,
        currency,
        {{ as_of() }} as as_of_on
    from expected
)

select * from final
