with

people as (
    select distinct
        deal_id,
        contact_id,
        role_key,
        role_name,
        full_name
    from {{ ref('int_intake_people') }}
),

counted as (
    select
        *,
        count(role_key) over (partition by deal_id, contact_id) as role_count
    from people
),

-- a link without a label says nothing beside one that names a role
final as (
    select
        deal_id,
        contact_id,
        role_key,
        role_name,
        full_name,
        {{ as_of() }} as as_of_on
    from counted
    where role_key is not null or role_count = 0
)

select * from final
