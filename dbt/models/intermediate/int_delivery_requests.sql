-- One row per deal and GitHub issue that asks for its delivery: an issue of the request repository, or on the request board,
-- whose text or board field names the deal. A draft on the board asks nobody.
with

issues as (
    select * from {{ ref('stg_github__issues') }}
),

items as (
    select * from {{ ref('stg_github__project_items') }}
),

aliases as (
    select * from {{ ref('int_id_aliases') }}
),

board as (
    select * from items
    where cast(project_number as varchar) = {{ organisation('delivery_request_project') }} and issue_id is not null
),

texts as (
    select
        issues.issue_id,
        issues.issue_url,
        issues.body as text,
        issues.created_at
    from issues
    left join board on issues.issue_id = board.issue_id
    where board.issue_id is not null
        or split_part(issues.repository, '/', 2) = {{ organisation('delivery_request_repository') }}
    union all
    select
        issues.issue_id,
        issues.issue_url,
        board.deal_url as text,
        issues.created_at
    from board
    inner join issues on board.issue_id = issues.issue_id
),

named as (
    select
        texts.issue_id,
        texts.issue_url,
        texts.created_at,
        {{ deal_id_of('found.address') }} as stated_id,
        {{ portal_of('found.address') }} as portal_id
    from texts
    cross join {{ deal_addresses("coalesce(texts.text, '')") }} as found (address)
),

final as (
    select distinct
        coalesce(aliases.deal_id, named.stated_id) as deal_id,
        named.issue_id,
        named.issue_url,
        named.created_at
    from named
    left join aliases on named.stated_id = aliases.old_id
    where coalesce(named.portal_id, {{ organisation('hubspot_portal_id') }}) = {{ organisation('hubspot_portal_id') }}
)

select * from final
