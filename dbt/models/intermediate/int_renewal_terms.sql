-- One row per chain head that renews something: the days between it and the signed agreements before it.
with

heads as (
    select * from {{ ref('int_chain_heads') }}
),

chains as (
    select * from {{ ref('int_contract_chains') }}
    where distance > 0
),

signed as (
    select * from {{ ref('int_deals') }}
    where is_won and is_renewable and not is_archived and not is_rehearsal
),

predecessors as (
    select
        heads.deal_id,
        signed.deal_id as predecessor_id,
        signed.deal_name as predecessor_name,
        signed.term_end_on,
        {{ days_between('signed.term_end_on', 'heads.start_on') }} - 1 as days_between_terms,
        chains.distance,
        min(chains.distance) over (partition by heads.deal_id) as nearest_distance
    from heads
    inner join chains on heads.deal_id = chains.deal_id
    inner join signed on chains.ancestor_id = signed.deal_id
),

-- older members of the chain are history; of two that were joined into one the worse one counts
final as (
    select
        deal_id,
        cast(max(days_between_terms) as integer) as gap_days,
        max_by(predecessor_name, days_between_terms) as gap_name,
        max_by(term_end_on, days_between_terms) as gap_from_on,
        cast(-min(days_between_terms) as integer) as overlap_days,
        min_by(predecessor_name, days_between_terms) as overlap_name,
        min_by(term_end_on, days_between_terms) as overlap_to_on
    from predecessors
    where distance = nearest_distance
    group by deal_id
)

select * from final
