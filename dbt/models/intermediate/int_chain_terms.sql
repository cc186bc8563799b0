-- One row per signed agreement with a beginning: the days that it covers, and the chain that it belongs to.
with

deals as (
    select * from {{ ref('int_deals') }}
    where is_won and not is_archived and not is_rehearsal and start_on is not null
),

chains as (
    select distinct
        deal_id,
        chain_id
    from {{ ref('int_contract_chains') }}
),

final as (
    select
        chains.chain_id,
        deals.deal_id,
        deals.start_on as covers_from_on,
        deals.term_end_on as covers_to_on
    from deals
    inner join chains on deals.deal_id = chains.deal_id
)

select * from final
