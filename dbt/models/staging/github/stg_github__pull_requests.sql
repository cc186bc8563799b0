with

source as (
    select * from {{ source('raw_github', 'pull_requests') }}
),

final as (
    select
        node_id as pull_request_id,
        repository,
        number as pull_request_number,
        title,
        case when merged_at is not null then 'merged' else state end as state,
        coalesce(is_draft, false) as is_draft,
        author_login,
        milestone_title,
        html_url as pull_request_url,
        created_at,
        merged_at,
        closed_at,
        _dlt_load_id as _load_id
    from source
)

select * from final
