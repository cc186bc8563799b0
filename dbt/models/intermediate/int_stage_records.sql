-- One row per deal and stage rule that it breaks as it stands today: too long in its stage, past its close date, lost without a
-- reason, changed after it was won, with dates in the wrong order, with fields empty that its stage asks for, or won without an
-- agreement or engagement.
with

deals as (
    select
        *,
        coalesce(currency, 'without a currency') as money
    from {{ ref('int_deals') }}
    where not is_archived and not is_rehearsal and is_delivering and stage_rank is not null
),

loads as (
    select * from {{ ref('int_source_loads') }}
),

stages as (
    select * from {{ ref('int_stage_names') }}
),

window_start as (
    select {{ stage_gates_from() }} as first_on
),

open_visits as (
    select * from {{ ref('int_stage_visits') }}
    where is_open and not is_misclick
),

stalled as (
    select
        deals.deal_id,
        'SG06' as rule_id,
        {{ add_days(organisation_date('open_visits.entered_at'), 'stages.sla_days') }} as due_on,
        deals.deal_name || ' has been in ' || deals.stage_name || ' for ' || {{ count_words('open_visits.elapsed_days', 'day') }}
        || '; ' || {{ count_words('stages.sla_days', 'day') }} || ' are agreed for this stage.' as reason,
        {{ evidence([
            ('stage', 'deals.stage_name', 'hubspot'),
            ('entered at', 'open_visits.entered_at', 'hubspot'),
        ]) }} as evidence,
        {{ seconds_between('open_visits.entered_at', 'loads.hubspot_seen_at') }} as dwell_seconds,
        'history' as evidence_mode
    from deals
    inner join open_visits on deals.deal_id = open_visits.deal_id and deals.stage_id = open_visits.stage_id
    inner join stages on deals.stage_id = stages.stage_id
    cross join loads
    where not stages.is_closed and open_visits.elapsed_days > stages.sla_days
),

overdue as (
    select
        deals.deal_id,
        'SG07' as rule_id,
        deals.closed_on as due_on,
        deals.deal_name || ' was to close on ' || {{ day_words('deals.closed_on') }} || ' and is still in ' || deals.stage_name
        || '.' as reason,
        {{ evidence([
            ('stage', 'deals.stage_name', 'hubspot'),
            ('closed_on', 'deals.closed_on', 'hubspot'),
        ]) }} as evidence,
        cast(null as bigint) as dwell_seconds,
        'current' as evidence_mode
    from deals
    cross join loads
    where not deals.is_won and not deals.is_lost and deals.closed_on < {{ as_of() }}
),

sold as (
    select * from {{ ref('int_sold_amounts') }}
),

changed as (
    select
        deals.deal_id,
        'SG10' as rule_id,
        cast(null as date) as due_on,
        deals.deal_name || ' was won with ' || {{ money_words('sold.sold_amount', 'deals.money') }}
        || ', and its amount was changed to ' || {{ money_words('sold.changed_amount', 'deals.money') }} || ' on '
        || {{ day_words(organisation_date('sold.changed_at')) }} || '.' as reason,
        {{ evidence([
            ('amount when won', 'sold.sold_amount', 'hubspot'),
            ('amount', 'sold.changed_amount', 'hubspot'),
            ('changed at', 'sold.changed_at', 'hubspot'),
        ]) }} as evidence,
        cast(null as bigint) as dwell_seconds,
        'history' as evidence_mode
    from deals
    inner join sold on deals.deal_id = sold.deal_id
    cross join loads
    cross join window_start
    where sold.changed_amount <> sold.sold_amount
        and {{ organisation_date('sold.changed_at') }} between window_start.first_on and {{ as_of() }}
),

fields as (
    {{ vendor_fields('hubspot', 'deals', ['lost_reason']) }}
),

lost as (
    select
        deals.*,
        coalesce({{ organisation_date('deals.stage_entered_at') }}, deals.closed_on) as lost_on,
        {{ json_member('deals.properties_json', 'fields.lost_reason') }} as lost_reason
    from deals
    inner join fields on fields.lost_reason is not null
    where deals.is_lost
),

unexplained as (
    select
        deals.deal_id,
        'SG11' as rule_id,
        cast(null as date) as due_on,
        deals.deal_name || ' was lost on ' || {{ day_words('deals.lost_on') }} || ', and nobody said why.' as reason,
        {{ evidence([
            ('stage', 'deals.stage_name', 'hubspot'),
            ('lost_reason', 'deals.lost_reason', 'hubspot'),
        ]) }} as evidence,
        cast(null as bigint) as dwell_seconds,
        'current' as evidence_mode
    from lost as deals
    cross join loads
    cross join window_start
    where not coalesce({{ is_filled('deals.lost_reason') }}, false)
        and deals.lost_on between window_start.first_on and {{ as_of() }}
),

targets as (
    select
        deal_id,
        target_start_on,
        target_end_on
    from {{ ref('stg_hubspot__deals') }}
),

dated as (
    select
        deals.*,
        targets.target_start_on,
        targets.target_end_on,
        coalesce(deals.term_end_on < deals.start_on, false) as is_end_before_start,
        coalesce(deals.contract_end_on < deals.closed_on, false) as is_end_before_close,
        coalesce(
            greatest(
                coalesce(abs({{ days_between('targets.target_start_on', 'deals.contract_start_on') }}), 0),
                coalesce(abs({{ days_between('targets.target_end_on', 'deals.contract_end_on') }}), 0)
            ) > {{ threshold('stage_dates_apart_days') }},
            false
        ) as is_far_from_target
    from deals
    inner join targets on deals.deal_id = targets.deal_id
    where not deals.is_lost and deals.created_on >= cast({{ organisation('handoff_epoch') }} as date)
),

out_of_order as (
    select
        dated.deal_id,
        'SG14' as rule_id,
        cast(null as date) as due_on,
        dated.deal_name || case
            when dated.is_end_before_start
                then ' ends on ' || {{ day_words('dated.term_end_on') }} || ', before it begins on '
                    || {{ day_words('dated.start_on') }} || '.'
            when dated.is_end_before_close
                then ' ends on ' || {{ day_words('dated.contract_end_on') }} || ', before it closes on '
                    || {{ day_words('dated.closed_on') }} || '.'
            else ' has contract dates that are far from its target dates ('
                || coalesce({{ day_words('dated.contract_start_on') }}, 'no date') || ' to '
                || coalesce({{ day_words('dated.contract_end_on') }}, 'no date') || ' against '
                || coalesce({{ day_words('dated.target_start_on') }}, 'no date') || ' to '
                || coalesce({{ day_words('dated.target_end_on') }}, 'no date') || ').'
        end as reason,
        {{ evidence([
            ('start_on', 'dated.start_on', 'hubspot'),
            ('end_on', 'dated.term_end_on', 'hubspot'),
            ('closed_on', 'dated.closed_on', 'hubspot'),
            ('target_start_on', 'dated.target_start_on', 'hubspot'),
            ('target_end_on', 'dated.target_end_on', 'hubspot'),
        ]) }} as evidence,
        cast(null as bigint) as dwell_seconds,
        'current' as evidence_mode
    from dated
    cross join loads
    where dated.is_end_before_start or dated.is_end_before_close or dated.is_far_from_target
),

entered as (
    select
        deals.*,
        {{ organisation_date('deals.stage_entered_at') }} as entered_on
    from deals
    cross join window_start
    where {{ organisation_date('deals.stage_entered_at') }} between window_start.first_on and {{ as_of() }}
),

-- the history of these fields is not read: what is empty today was empty then, and what was filled since is left in peace
unfilled as (
    select
        deal_id,
        {{ joined('field_label') }} as field_labels
    from {{ ref('int_intake_fields') }}
    where field_status in ('missing', 'placeholder') and extra_needs is null
    group by deal_id
),

entered_empty as (
    select
        entered.deal_id,
        'SG03' as rule_id,
        cast(null as date) as due_on,
        entered.deal_name || ' moved to ' || entered.stage_name || ' on ' || {{ day_words('entered.entered_on') }}
        || ', and what is asked for by then is still empty: ' || unfilled.field_labels || '.' as reason,
        {{ evidence([
            ('stage', 'entered.stage_name', 'hubspot'),
            ('empty fields', 'unfilled.field_labels', 'hubspot'),
        ]) }} as evidence,
        cast(null as bigint) as dwell_seconds,
        'current' as evidence_mode
    from entered
    inner join unfilled on entered.deal_id = unfilled.deal_id
    cross join loads
),

linked as (
    select distinct deal_id from {{ ref('int_deal_engagements') }}
),

won_bare as (
    select
        entered.deal_id,
        'SG09' as rule_id,
        cast(null as date) as due_on,
        entered.deal_name || ' was won on ' || {{ day_words('entered.entered_on') }} || ' without '
        || case
            when entered.is_agreement_executed then 'an engagement'
            when linked.deal_id is not null then 'an executed agreement'
            else 'an executed agreement and without an engagement'
        end || '.' as reason,
        {{ evidence([
            ('stage', 'entered.stage_name', 'hubspot'),
            ('agreement executed', 'entered.is_agreement_executed', 'hubspot'),
            ('engagement', 'linked.deal_id is not null', 'engagements'),
        ]) }} as evidence,
        cast(null as bigint) as dwell_seconds,
        'current' as evidence_mode
    from entered
    left join linked on entered.deal_id = linked.deal_id
    cross join loads
    where entered.is_won and not (entered.is_agreement_executed and linked.deal_id is not null)
),

broken as (
    select * from stalled
    union all
    select * from overdue
    union all
    select * from changed
    union all
    select * from unexplained
    union all
    select * from out_of_order
    union all
    select * from entered_empty
    union all
    select * from won_bare
),

final as (
    select
        rule_id || ':deal-' || deal_id as finding_id,
        rule_id,
        deal_id,
        due_on,
        reason,
        evidence,
        dwell_seconds,
        evidence_mode
    from broken
)

select * from final
