with

states as (
    select * from {{ ref('fct_finding_states') }}
),

final as (
    select
        {{ finding_columns() }},
        {{ lifecycle_columns() }}
    from states
    -- those of a later day are no findings of this one
    where state <> 'resolved' and as_of_on = {{ as_of() }}
)

select * from final
