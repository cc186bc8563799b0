with

final as (
    select
        deal_id,
        subject as deal_name,
        community_name,
        deal_owner,
        delivery_owner,
        record_url,
        start_on,
        term_end_on as end_on,
        budget_source,
        cast(term_budget_amount as decimal(18, 2)) as budget_usd,
        cast(gross_amount as decimal(18, 2)) as gross_usd,
        cast(net_amount as decimal(18, 2)) as net_usd,
        known_from_on,
        burn_ratio,
        elapsed_ratio,
        used_up_on,
        {{ as_of() }} as as_of_on
    from {{ ref('int_budget_terms') }}
)

select * from final
