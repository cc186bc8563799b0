-- One row per status update of a project, in Asana's own words for the light (on_track, at_risk, off_track, on_hold, complete).
with

source as (
    select * from {{ source('raw_asana', 'status_updates') }}
),

final as (
    select
        id as status_update_id,
        project_id as engagement_id,
        status_type,
        nullif(trim(title), '') as title,
        nullif(trim(author_name), '') as author,
        created_at,
        _dlt_load_id as _load_id
    from source
)

select * from final
