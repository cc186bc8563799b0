-- Returns a row when deals stand in a stage that rule_stages.csv does not know: they are judged by nothing. Add the stage there.
{{ config(severity='warn') }}
select
    pipeline_id,
    stage_id,
    count(*) as deal_count
from {{ ref('int_deals') }}
where stage_rank is null and not is_archived
group by pipeline_id, stage_id
