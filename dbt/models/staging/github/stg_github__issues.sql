with

source as (
    select * from {{ source('raw_github', 'issues') }}
),

final as (
    select
        node_id as issue_id,
        repository,
        number as issue_number,
        title,
        body,
        state,
        state_reason,
        issue_type,
        author_login,
        milestone_title,
        html_url as issue_url,
        created_at,
        updated_at,
        closed_at,
        _dlt_load_id as _load_id
    from source
)

select * from final
