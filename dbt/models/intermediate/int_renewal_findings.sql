-- One row per chain head and renewal rule that it breaks.
with

heads as (
    select * from {{ ref('int_chain_heads') }}
),

windows as (
    select * from {{ ref('rule_renewal_windows') }}
),

loads as (
    select * from {{ ref('int_source_loads') }}
),

no_renewal_deal as (
    select
        heads.deal_id,
        'RN01' as rule_id,
        {{ business_day_until(add_days('heads.effective_end_on', '-' ~ threshold('renewal_deal_due_days'))) }} as due_on,
        heads.deal_name
        || case
            when heads.days_to_end < 0 then ' ended ' || {{ count_words('(-heads.days_to_end)', 'day') }} || ' ago, on '
            when heads.end_source = 'break' then ' can be ended in ' || {{ count_words('heads.days_to_end', 'day') }} || ', on '
            else ' ends in ' || {{ count_words('heads.days_to_end', 'day') }} || ', on '
        end
        || {{ day_words('heads.effective_end_on') }} || ', and no open renewal deal is linked with it.' as reason,
        {{ evidence([
            ('effective_end_on', 'heads.effective_end_on', 'hubspot'),
            ('end_source', 'heads.end_source', 'hubspot'),
            ('renewal_deal', 'heads.renewal_deal_name', 'hubspot'),
            ('renewal_status', 'heads.renewal_status', 'hubspot'),
        ]) }} as evidence
    from heads
    cross join loads
    where heads.renewal_deal_id is null
        -- what renews itself needs no deal
        and coalesce(heads.end_source, '') <> 'auto-renewal'
        and heads.days_to_end between -{{ threshold('lapsed_grace_days') }} and {{ threshold('renewal_horizon_days') }}
),

silence as (
    select
        heads.deal_id,
        'RN04' as rule_id,
        {{ business_day_until(add_days('heads.effective_end_on', '-' ~ threshold('renewal_talk_due_days'))) }} as due_on,
        heads.deal_name || ' ends in ' || {{ count_words('heads.days_to_end', 'day') }} || ', '
        || case
            when not heads.is_owner_active and not heads.is_renewal_owner_active
                then 'and neither it nor its renewal has an owner who still works here.'
            when heads.last_contacted_on is null then 'and no contact with the community is recorded.'
            else 'and the last recorded contact was '
                || {{ count_words(days_between('heads.last_contacted_on', as_of()), 'day') }} || ' ago.'
        end as reason,
        {{ evidence([
            ('effective_end_on', 'heads.effective_end_on', 'hubspot'),
            ('last_contacted_on', 'heads.last_contacted_on', 'hubspot'),
            ('owner', 'heads.owner_name', 'hubspot'),
            ('is_owner_active', 'heads.is_owner_active', 'hubspot'),
            ('renewal_deal', 'heads.renewal_deal_name', 'hubspot'),
        ]) }} as evidence
    from heads
    cross join loads
    where heads.days_to_end between 0 and {{ threshold('renewal_touch_before_end_days') }}
        and (
            (not heads.is_owner_active and not heads.is_renewal_owner_active)
            or heads.last_contacted_on is null
            or {{ days_between('heads.last_contacted_on', as_of()) }} > {{ threshold('renewal_touch_recent_days') }}
        )
),

no_end as (
    select
        heads.deal_id,
        'RN05' as rule_id,
        cast(null as date) as due_on,
        heads.deal_name || ' is signed and has no end date: neither contract nor target nor amended end is filled.' as reason,
        {{ evidence([
            ('contract_end', 'heads.term_end_on', 'hubspot'),
            ('start_on', 'heads.start_on', 'hubspot'),
        ]) }} as evidence
    from heads
    cross join loads
    where heads.effective_end_on is null
),

no_notice as (
    select
        heads.deal_id,
        'RN10' as rule_id,
        cast({{ add_days('heads.effective_end_on', '-' ~ threshold('renewal_notice_days')) }} as date) as due_on,
        heads.deal_name || ' ends in ' || {{ count_words('heads.days_to_end', 'day') }} || ', on '
        || {{ day_words('heads.effective_end_on') }} || ', and no expiry notice is recorded on its engagement.' as reason,
        {{ evidence([
            ('effective_end_on', 'heads.effective_end_on', 'hubspot'),
            ('expiry_notice_on', 'heads.expiry_notice_on', 'engagements'),
        ]) }} as evidence
    from heads
    cross join loads
    where heads.days_to_end between 0 and {{ threshold('renewal_notice_days') }}
        and heads.expiry_notice_on is null
        and coalesce(heads.end_source, '') <> 'auto-renewal'
),

not_taken_down as (
    select
        heads.deal_id,
        'RN08' as rule_id,
        cast({{ add_days('heads.effective_end_on', '-' ~ threshold('renewal_offboarding_days')) }} as date) as due_on,
        heads.deal_name || ' ends in ' || {{ count_words('heads.days_to_end', 'day') }} || ', on '
        || {{ day_words('heads.effective_end_on') }} || '; its renewal ' || heads.lost_renewal_name
        || ' was lost, and no off-boarding task is recorded on its engagement.' as reason,
        {{ evidence([
            ('effective_end_on', 'heads.effective_end_on', 'hubspot'),
            ('lost_renewal', 'heads.lost_renewal_name', 'hubspot'),
            ('offboarding_url', 'heads.offboarding_url', 'engagements'),
        ]) }} as evidence
    from heads
    cross join loads
    where heads.days_to_end between 0 and {{ threshold('renewal_offboarding_days') }}
        and heads.lost_renewal_name is not null
        and heads.offboarding_url is null
),

united as (
    select
        deal_id,
        rule_id,
        due_on,
        reason,
        evidence
    from {{ ref('int_renewal_conflicts') }}
    union all
    select * from no_renewal_deal
    union all
    select * from not_taken_down
    union all
    select * from silence
    union all
    select * from no_end
    union all
    select * from no_notice
),

final as (
    select
        united.rule_id || ':deal-' || united.deal_id as finding_id,
        united.rule_id,
        cast(null as varchar) as severity,
        'deal' as subject_type,
        united.deal_id as subject_id,
        heads.deal_name as subject,
        united.deal_id,
        heads.community_name,
        case
            when heads.is_renewal_owner_active then heads.renewal_owner_name
            when heads.is_owner_active then heads.owner_name
        end as deal_owner,
        heads.delivery_owner,
        united.due_on,
        united.reason,
        heads.deal_url as record_url,
        united.evidence,
        cast(null as varchar) as extra_needs,
        false as is_uncertain,
        heads.effective_end_on,
        cast(heads.days_to_end as integer) as days_to_end,
        windows.window_name,
        heads.renewal_deal_id
    from united
    inner join heads on united.deal_id = heads.deal_id
    left join windows on heads.days_to_end between windows.from_days and windows.to_days
)

select * from final
