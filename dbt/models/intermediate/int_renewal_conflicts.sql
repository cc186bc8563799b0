-- One row per chain head and renewal rule about what does not fit together: words and deals, stages and dates, one term and the
-- next.
with

heads as (
    select * from {{ ref('int_chain_heads') }}
),

deals as (
    select * from {{ ref('int_deals') }}
),

terms as (
    select * from {{ ref('int_renewal_terms') }}
),

windows as (
    select * from {{ ref('rule_renewal_windows') }}
),

statuses as (
    select * from {{ ref('rule_renewal_statuses') }}
),

stages as (
    select * from {{ ref('rule_stages') }}
),

stage_names as (
    select * from {{ ref('stg_hubspot__pipeline_stages') }}
),

loads as (
    select * from {{ ref('int_source_loads') }}
),

no_linked_deal as (
    select
        'RN02' as rule_id,
        heads.deal_id,
        {{ business_day_until(add_days('heads.effective_end_on', '-' ~ threshold('renewal_deal_due_days'))) }} as due_on,
        heads.deal_name || ' says "' || heads.renewal_status || '", and no open renewal deal is linked with it.' as reason,
        {{ evidence([
            ('renewal_status', 'heads.renewal_status', 'hubspot'),
            ('renewal_deal', 'heads.renewal_deal_name', 'hubspot'),
            ('effective_end_on', 'heads.effective_end_on', 'hubspot'),
        ]) }} as evidence
    from heads
    inner join statuses on heads.renewal_status = statuses.renewal_status and statuses.meaning = 'renewing'
    cross join loads
    where heads.renewal_deal_id is null
        and coalesce(heads.end_source, '') <> 'auto-renewal'
        and coalesce(heads.days_to_end, 0) >= -{{ threshold('lapsed_grace_days') }}
),

-- a stage is due when the first of its windows begins
stage_starts as (
    select
        expected_stage_key,
        max(to_days) as days_before_end
    from windows
    group by expected_stage_key
),

behind_playbook as (
    select
        'RN03' as rule_id,
        heads.deal_id,
        {{ business_day_from(add_days('heads.effective_end_on', '-stage_starts.days_before_end')) }} as due_on,
        heads.deal_name
        || case
            when heads.days_to_end < 0 then ' ended ' || {{ count_words('(-heads.days_to_end)', 'day') }} || ' ago'
            else ' ends in ' || {{ count_words('heads.days_to_end', 'day') }}
        end
        || ', on ' || {{ day_words('heads.effective_end_on') }} || ', and its renewal is only in '
        || renewals.stage_name || '; by now it should be in ' || coalesce(stage_names.stage_name, stages.stage_key)
        || '.' as reason,
        {{ evidence([
            ('effective_end_on', 'heads.effective_end_on', 'hubspot'),
            ('renewal_deal', 'renewals.deal_name', 'hubspot'),
            ('renewal_stage', 'renewals.stage_name', 'hubspot'),
        ]) }} as evidence
    from heads
    inner join deals as renewals on heads.renewal_deal_id = renewals.deal_id
    inner join windows on heads.days_to_end between windows.from_days and windows.to_days
    inner join stage_starts on windows.expected_stage_key = stage_starts.expected_stage_key
    inner join stages on renewals.pipeline_id = stages.pipeline_id and windows.expected_stage_key = stages.stage_key
    left join stage_names on stages.pipeline_id = stage_names.pipeline_id and stages.stage_id = stage_names.stage_id
    cross join loads
    where renewals.stage_rank < stages.stage_rank
        and heads.days_to_end >= -{{ threshold('lapsed_grace_days') }}
),

gaps as (
    select
        'RN06' as rule_id,
        heads.deal_id,
        cast(null as date) as due_on,
        heads.deal_name || ' begins on ' || {{ day_words('heads.start_on') }} || ', and ' || terms.gap_name || ' ended on '
        || {{ day_words('terms.gap_from_on') }} || ': ' || {{ count_words('terms.gap_days', 'day') }}
        || ' between them without an agreement.' as reason,
        {{ evidence([
            ('start_on', 'heads.start_on', 'hubspot'),
            ('predecessor', 'terms.gap_name', 'hubspot'),
            ('predecessor_end_on', 'terms.gap_from_on', 'hubspot'),
        ]) }} as evidence
    from heads
    inner join terms on heads.deal_id = terms.deal_id
    cross join loads
    where terms.gap_days > {{ threshold('renewal_gap_days') }}
),

doubled as (
    select
        'RN07' as rule_id,
        heads.deal_id,
        cast(null as date) as due_on,
        heads.deal_name || ' begins on ' || {{ day_words('heads.start_on') }} || ', and ' || terms.overlap_name || ' ends on '
        || {{ day_words('terms.overlap_to_on') }} || ': both cover the same ' || {{ count_words('terms.overlap_days', 'day') }}
        || '.' as reason,
        {{ evidence([
            ('start_on', 'heads.start_on', 'hubspot'),
            ('predecessor', 'terms.overlap_name', 'hubspot'),
            ('predecessor_end_on', 'terms.overlap_to_on', 'hubspot'),
        ]) }} as evidence
    from heads
    inner join terms on heads.deal_id = terms.deal_id
    cross join loads
    where terms.overlap_days > {{ threshold('renewal_overlap_days') }}
),

contradictions as (
    select
        'RN09' as rule_id,
        heads.deal_id,
        cast(null as date) as due_on,
        heads.deal_name || ' says "' || heads.renewal_status || '", '
        || case
            when statuses.meaning = 'renewed' then 'and no signed renewal is linked with it.'
            else 'and its renewal ' || heads.renewal_deal_name || ' is open.'
        end as reason,
        {{ evidence([
            ('renewal_status', 'heads.renewal_status', 'hubspot'),
            ('renewal_deal', 'heads.renewal_deal_name', 'hubspot'),
        ]) }} as evidence
    from heads
    inner join statuses on heads.renewal_status = statuses.renewal_status
    cross join loads
    where statuses.meaning = 'renewed' or (statuses.meaning = 'leaving' and heads.renewal_deal_id is not null)
),

united as (
    select * from no_linked_deal
    union all
    select * from behind_playbook
    union all
    select * from gaps
    union all
    select * from doubled
    union all
    select * from contradictions
),

final as (
    select
        rule_id || ':deal-' || deal_id as finding_id,
        rule_id,
        deal_id,
        due_on,
        reason,
        evidence
    from united
)

select * from final
