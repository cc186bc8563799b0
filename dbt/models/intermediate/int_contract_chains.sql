-- One row per deal and predecessor that it renews, itself at distance 0: the chains of agreements, followed to their beginning.
with recursive

deals as (
    select * from {{ ref('int_deals') }}
    where not is_archived and not is_rehearsal
),

associations as (
    select * from {{ ref('stg_hubspot__associations') }}
    where from_object = 'deals' and to_object = 'deals'
),

-- the link is read in both directions; either half says which deal renews which
renewals as (
    select
        from_id as deal_id,
        to_id as predecessor_id
    from associations
    where label = {{ organisation('renewal_of_label') }}
    union
    select
        to_id as deal_id,
        from_id as predecessor_id
    from associations
    where label = {{ organisation('renewed_by_label') }}
),

edges as (
    select renewals.*
    from renewals
    inner join deals as later on renewals.deal_id = later.deal_id
    inner join deals as earlier on renewals.predecessor_id = earlier.deal_id
    where renewals.deal_id <> renewals.predecessor_id
),

-- the path keeps a chain that somebody linked in a circle from going round for ever
walked (deal_id, ancestor_id, distance, path) as (
    select
        deal_id,
        deal_id as ancestor_id,
        0 as distance,
        '/' || deal_id || '/' as path
    from deals
    union all
    select
        walked.deal_id,
        edges.predecessor_id,
        walked.distance + 1,
        walked.path || edges.predecessor_id || '/'
    from walked
    inner join edges on walked.ancestor_id = edges.deal_id
    where position('/' || edges.predecessor_id || '/' in walked.path) = 0
),

shortest as (
    select
        deal_id,
        ancestor_id,
        min(distance) as distance
    from walked
    group by deal_id, ancestor_id
),

-- a chain is called after its first deal
final as (
    select
        deal_id,
        ancestor_id,
        distance,
        first_value(ancestor_id) over (partition by deal_id order by distance desc, ancestor_id asc) as chain_id
    from shortest
)

select * from final
