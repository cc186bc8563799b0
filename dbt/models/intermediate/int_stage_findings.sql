-- One row per deal, move or open stage and stage rule that it breaks. A move keeps its finding while the rules look back on it.
with

deals as (
    select * from {{ ref('int_deals') }}
    where not is_archived and not is_rehearsal
),

loads as (
    select * from {{ ref('int_source_loads') }}
),

moves as (
    select
        *,
        coalesce(moved_by, source_name, 'somebody unknown') as by_whom
    from {{ ref('int_stage_moves') }}
),

skipped as (
    select
        visit_id,
        'SG01' as rule_id,
        deal_name || ' moved from ' || from_stage_name || ' to ' || stage_name || ' on ' || {{ day_words('moved_on') }}
        || ' and skipped ' || skipped_stages || '.' as reason,
        false as is_uncertain
    from moves
    where is_in_pipeline and not is_from_closed and not is_to_lost and skipped_stages is not null
),

unranked as (
    select
        visit_id,
        'SG01' as rule_id,
        deal_name || ' moved to ' || stage_name || ' on ' || {{ day_words('moved_on') }}
        || ', a stage that rule_stages.csv does not hold: nobody can tell whether another one was skipped.' as reason,
        true as is_uncertain
    from moves
    where not is_known_stage
),

backwards as (
    select
        visit_id,
        'SG02' as rule_id,
        deal_name || ' moved back from ' || from_stage_name || ' to ' || stage_name || ' on ' || {{ day_words('moved_on') }}
        || ', by ' || by_whom || '.' as reason,
        false as is_uncertain
    from moves
    where is_in_pipeline and not is_from_closed and not is_to_closed and stage_rank < from_stage_rank
),

reopened as (
    select
        visit_id,
        'SG04' as rule_id,
        deal_name || ' was in ' || from_stage_name || ' and was reopened on ' || {{ day_words('moved_on') }}
        || ': it moved to ' || stage_name || ', by ' || by_whom || '.' as reason,
        false as is_uncertain
    from moves
    where (is_from_lost and not is_to_lost) or (is_from_won and not is_to_closed)
),

created_late as (
    select
        visit_id,
        'SG05' as rule_id,
        deal_name || ' was created in ' || stage_name || ' on ' || {{ day_words('moved_on') }} || ', by ' || by_whom
        || ': no earlier stage is on record.' as reason,
        false as is_uncertain
    from moves
    where is_first and is_past_handoff and not is_history_truncated
),

rerouted as (
    select
        visit_id,
        'SG08' as rule_id,
        deal_name || ' moved from the pipeline ' || from_pipeline_name || ' to ' || pipeline_name || ' on '
        || {{ day_words('moved_on') }} || ', by ' || by_whom || '.' as reason,
        false as is_uncertain
    from moves
    where from_pipeline_id <> pipeline_id
),

unattended as (
    select
        visit_id,
        'SG12' as rule_id,
        deal_name || ' was moved from ' || from_stage_name || ' to ' || stage_name || ' on ' || {{ day_words('moved_on') }}
        || ' by ' || source_name || ': HubSpot did not ask for the fields that it requires of people.' as reason,
        false as is_uncertain
    from moves
    where not is_first and is_past_handoff and is_bypassing
),

passed_through as (
    select
        moves.visit_id,
        'SG13' as rule_id,
        moves.deal_name || ' left ' || moves.stage_name || ' after ' || {{ duration_words('moves.dwell_seconds') }} || ' on '
        || {{ day_words('moves.moved_on') }} || ': nobody can have requested delivery there.' as reason,
        false as is_uncertain
    from moves
    where moves.is_handoff and not moves.is_to_closed and moves.to_stage_rank > moves.stage_rank
        and moves.dwell_seconds < {{ minutes_in_seconds(threshold('stage_passing_minutes')) }}
),

broken as (
    select * from skipped
    union all
    select * from unranked
    union all
    select * from backwards
    union all
    select * from reopened
    union all
    select * from created_late
    union all
    select * from rerouted
    union all
    select * from unattended
    union all
    select * from passed_through
),

of_moves as (
    select
        broken.rule_id || ':deal-' || moves.deal_id || ':' || moves.stage_id || '-' || {{ instant_key('moves.entered_at') }}
            as finding_id,
        broken.rule_id,
        moves.deal_id,
        cast(null as date) as due_on,
        broken.reason,
        {{ evidence([
            ('moved from', 'moves.from_stage_name', 'hubspot'),
            ('moved to', 'moves.stage_name', 'hubspot'),
            ('moved at', 'moves.entered_at', 'hubspot'),
            ('moved by', 'moves.by_whom', 'hubspot'),
        ]) }} as evidence,
        broken.is_uncertain,
        moves.pipeline_name,
        moves.from_stage_name,
        moves.stage_name as to_stage_name,
        moves.entered_at as moved_at,
        moves.moved_by,
        moves.source_type,
        moves.from_stage_rank,
        moves.stage_rank as to_stage_rank,
        moves.skipped_stages,
        moves.dwell_seconds,
        'history' as evidence_mode,
        moves.is_open as is_still_violating
    from broken
    inner join moves on broken.visit_id = moves.visit_id
    cross join loads
),

records as (
    select * from {{ ref('int_stage_records') }}
    union all
    select * from {{ ref('int_deal_upkeep') }}
),

of_records as (
    select
        findings.finding_id,
        findings.rule_id,
        findings.deal_id,
        findings.due_on,
        findings.reason,
        findings.evidence,
        false as is_uncertain,
        deals.pipeline_name,
        cast(null as varchar) as from_stage_name,
        deals.stage_name as to_stage_name,
        deals.stage_entered_at as moved_at,
        cast(null as varchar) as moved_by,
        cast(null as varchar) as source_type,
        cast(null as integer) as from_stage_rank,
        deals.stage_rank as to_stage_rank,
        cast(null as varchar) as skipped_stages,
        findings.dwell_seconds,
        findings.evidence_mode,
        true as is_still_violating
    from records as findings
    inner join deals on findings.deal_id = deals.deal_id
),

united as (
    select * from of_moves
    union all
    select * from of_records
),

final as (
    select
        united.finding_id,
        united.rule_id,
        cast(null as varchar) as severity,
        'deal' as subject_type,
        united.deal_id as subject_id,
        deals.deal_name as subject,
        united.deal_id,
        deals.community_name,
        case when deals.is_owner_active then deals.owner_name end as deal_owner,
        cast(null as varchar) as delivery_owner,
        united.due_on,
        united.reason,
        deals.deal_url as record_url,
        united.evidence,
        cast(null as varchar) as extra_needs,
        united.is_uncertain,
        united.pipeline_name,
        united.from_stage_name,
        united.to_stage_name,
        united.moved_at,
        united.moved_by,
        united.source_type,
        united.from_stage_rank,
        united.to_stage_rank,
        united.skipped_stages,
        united.dwell_seconds,
        united.evidence_mode,
        united.is_still_violating
    from united
    inner join deals on united.deal_id = deals.deal_id
)

select * from final
