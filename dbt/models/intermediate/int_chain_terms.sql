-- One row per signed agreement with a beginning: the days that it covers, and the chain that it belongs to. One that renews
-- itself has no last day, until another one is signed in its place.
with

signed as (
    select * from {{ ref('int_deals') }}
    where is_won and not is_archived and not is_rehearsal
),

links as (
    select * from {{ ref('int_contract_chains') }}
),

chains as (
    select distinct
        deal_id,
        chain_id
    from links
),

replaced as (
    select distinct links.ancestor_id as deal_id
    from links
    inner join signed on links.deal_id = signed.deal_id
    where links.distance > 0
),

final as (
    select
        chains.chain_id,
        signed.deal_id,
        signed.start_on as covers_from_on,
        case when not signed.is_auto_renewed or replaced.deal_id is not null then signed.term_end_on end as covers_to_on
    from signed
    inner join chains on signed.deal_id = chains.deal_id
    left join replaced on signed.deal_id = replaced.deal_id
    where signed.start_on is not null
)

select * from final
