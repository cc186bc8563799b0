-- One row per deal and handoff rule that it breaks. HG12 is about deals that owe nothing any more and are still being worked on.
with

deals as (
    select * from {{ ref('int_handoff_deals') }}
),

loads as (
    select * from {{ ref('int_source_loads') }}
),

no_engagement as (
    select
        deals.deal_id,
        'HG01' as rule_id,
        case when deals.is_start_reached then 'blocker' end as severity,
        deals.engagement_due_on as due_on,
        deals.deal_name || ' is in ' || deals.stage_name
        || coalesce(', was handed off on ' || {{ day_words('deals.handoff_started_on') }}, '')
        || ', and no engagement is linked with it.'
        || case when deals.is_start_reached then ' Its start on ' || {{ day_words('deals.start_on') }} || ' has come.' else '' end
        || case
            when deals.is_named_in_another_portal
                then ' An engagement names this number in another HubSpot portal: correct that address instead.'
            else ''
        end as reason,
        {{ evidence([
            ('stage', 'deals.stage_name', 'hubspot'),
            ('engagement_url', 'deals.stated_engagement_url', 'hubspot'),
            ('start_on', 'deals.start_on', 'hubspot'),
            ('engagements that name the deal', "cast(0 as integer)", 'engagements'),
        ]) }} as evidence
    from deals
    cross join loads
    where not deals.has_engagement
),

no_request as (
    select
        deals.deal_id,
        'HG02' as rule_id,
        cast(null as varchar) as severity,
        deals.request_due_on as due_on,
        'Nobody has asked for the delivery of ' || deals.deal_name
        || ': it has no HubSpot order, and no request issue on GitHub names it.' as reason,
        {{ evidence([
            ('stage', 'deals.stage_name', 'hubspot'),
            ('orders', 'deals.order_ids', 'hubspot'),
            ('request issues', 'deals.issue_urls', 'github'),
        ]) }} as evidence
    from deals
    cross join loads
    where not deals.has_request
),

not_broken_down as (
    select
        deals.deal_id,
        'HG03' as rule_id,
        cast(null as varchar) as severity,
        cast(null as date) as due_on,
        'The engagement ' || deals.engagement_name || ' has no '
        || case
            when deals.project_count = 0 then 'project'
            when deals.deliverable_count = 0 then 'deliverable'
            else 'GitHub item'
        end || '.' as reason,
        {{ evidence([
            ('engagement', 'deals.engagement_name', 'engagements'),
            ('projects', 'deals.project_count', 'engagements'),
            ('deliverables', 'deals.deliverable_count', 'engagements'),
            ('GitHub items', 'deals.github_item_count', 'github'),
        ]) }} as evidence
    from deals
    cross join loads
    where deals.has_engagement and not deals.is_broken_down
),

not_signed as (
    select
        deals.deal_id,
        'HG04' as rule_id,
        cast(null as varchar) as severity,
        cast(null as date) as due_on,
        deals.deal_name || ' is closed as won, and '
        || case
            when {{ is_empty('deals.agreement_url') }} then 'it has no agreement link.'
            else 'its agreement is not marked as executed.'
        end as reason,
        {{ evidence([
            ('stage', 'deals.stage_name', 'hubspot'),
            ('agreement_url', 'deals.agreement_url', 'hubspot'),
            ('is_agreement_executed', 'deals.is_agreement_executed', 'hubspot'),
        ]) }} as evidence
    from deals
    cross join loads
    where deals.is_won and not deals.has_agreement
),

nobody_delivers as (
    select
        deals.deal_id,
        'HG07' as rule_id,
        cast(null as varchar) as severity,
        cast(null as date) as due_on,
        case
            when deals.has_delivery_owner_left
                then 'The engagement ' || deals.engagement_name || ' is delivered by ' || deals.delivery_owner
                    || ', who has left.'
            else 'Nobody is named who delivers the engagement ' || deals.engagement_name || '.'
        end as reason,
        {{ evidence([
            ('engagement', 'deals.engagement_name', 'engagements'),
            ('delivery_owner', 'deals.delivery_owner', 'engagements'),
        ]) }} as evidence
    from deals
    cross join loads
    where deals.has_engagement and (not deals.has_delivery_owner or deals.has_delivery_owner_left)
),

not_begun as (
    select
        deals.deal_id,
        'HG08' as rule_id,
        cast(null as varchar) as severity,
        deals.start_on as due_on,
        deals.deal_name || ' was to begin on ' || {{ day_words('deals.start_on') }} || ', and its engagement is '
        || coalesce('still ' || deals.engagement_status, 'without a status') || '.' as reason,
        {{ evidence([
            ('start_on', 'deals.start_on', 'hubspot'),
            ('engagement', 'deals.engagement_name', 'engagements'),
            ('status', 'deals.engagement_status', 'engagements'),
        ]) }} as evidence
    from deals
    cross join loads
    where deals.has_engagement and deals.is_start_reached and not deals.is_started
),

one_way as (
    select
        deals.deal_id,
        'HG09' as rule_id,
        cast(null as varchar) as severity,
        cast(null as date) as due_on,
        case
            when deals.is_one_way_from_deal and deals.is_named_in_another_portal
                then 'The deal names the engagement ' || deals.one_way_engagement_name
                    || ', which names this number in another HubSpot portal.'
            when deals.is_one_way_from_deal
                then 'The deal names the engagement ' || deals.one_way_engagement_name || ', which does not name the deal.'
            when {{ is_empty('deals.stated_engagement_url') }}
                then 'The engagement ' || deals.one_way_engagement_name || ' names the deal, and the deal names no engagement.'
            else 'The engagement ' || deals.one_way_engagement_name || ' names the deal, and the deal names another engagement.'
        end as reason,
        {{ evidence([
            ('engagement_url', 'deals.stated_engagement_url', 'hubspot'),
            ('engagement', 'deals.one_way_engagement_name', 'engagements'),
            ('deal_url', 'deals.stated_deal_url', 'engagements'),
        ]) }} as evidence
    from deals
    cross join loads
    where deals.one_way_engagement_name is not null
),

too_late as (
    select
        deals.deal_id,
        'HG10' as rule_id,
        cast(null as varchar) as severity,
        least(
            case when not deals.has_request then deals.request_due_on end,
            case when not deals.has_engagement then deals.engagement_due_on end
        ) as due_on,
        'Handed off on ' || {{ day_words('deals.handoff_started_on') }} || ': '
        || case
            when not deals.has_request and deals.request_due_on < {{ as_of() }}
                then 'the delivery request was due on ' || {{ day_words('deals.request_due_on') }}
            else ''
        end
        || case
            when not deals.has_request and deals.request_due_on < {{ as_of() }}
                and not deals.has_engagement and deals.engagement_due_on < {{ as_of() }} then ', and '
            else ''
        end
        || case
            when not deals.has_engagement and deals.engagement_due_on < {{ as_of() }}
                then 'the engagement was due on ' || {{ day_words('deals.engagement_due_on') }}
            else ''
        end || '.' as reason,
        {{ evidence([
            ('handoff_started_on', 'deals.handoff_started_on', 'hubspot'),
            ('start_on', 'deals.start_on', 'hubspot'),
            ('orders', 'deals.order_ids', 'hubspot'),
            ('engagement', 'deals.engagement_name', 'engagements'),
            ('request issues', 'deals.issue_urls', 'github'),
        ]) }} as evidence
    from deals
    cross join loads
    where (not deals.has_request and deals.request_due_on < {{ as_of() }})
        or (not deals.has_engagement and deals.engagement_due_on < {{ as_of() }})
),

gaps as (
    select * from no_engagement
    union all
    select * from no_request
    union all
    select * from not_broken_down
    union all
    select * from not_signed
    union all
    select * from nobody_delivers
    union all
    select * from not_begun
    union all
    select * from one_way
    union all
    select * from too_late
),

gone as (
    select * from {{ ref('int_deals') }}
    where (is_lost or is_archived) and not is_rehearsal
),

-- an engagement that also serves a live deal is not working for nothing
served_elsewhere as (
    select distinct links.engagement_id
    from {{ ref('int_engagement_links') }} as links
    inner join {{ ref('int_deals') }} as live
        on links.deal_id = live.deal_id and not live.is_lost and not live.is_archived
),

still_working as (
    select
        gone.deal_id,
        engagements.engagement_id,
        engagements.engagement_name,
        engagements.status,
        engagements.delivery_owner,
        row_number() over (partition by gone.deal_id order by engagements.engagement_id) as position
    from gone
    inner join {{ ref('int_engagement_links') }} as links on gone.deal_id = links.deal_id
    inner join {{ ref('int_engagements') }} as engagements on links.engagement_id = engagements.engagement_id
    left join served_elsewhere on links.engagement_id = served_elsewhere.engagement_id
    where engagements.is_active and served_elsewhere.engagement_id is null
),

of_deals_in_handoff as (
    select
        gaps.rule_id || ':deal-' || gaps.deal_id as finding_id,
        gaps.rule_id,
        gaps.severity,
        'deal' as subject_type,
        gaps.deal_id as subject_id,
        deals.deal_name as subject,
        gaps.deal_id,
        deals.community_name,
        deals.deal_owner,
        case when deals.has_delivery_owner and not deals.has_delivery_owner_left then deals.delivery_owner end as delivery_owner,
        gaps.due_on,
        gaps.reason,
        deals.deal_url as record_url,
        gaps.evidence,
        cast(null as varchar) as extra_needs,
        deals.is_uncertain,
        deals.pipeline_name,
        deals.stage_name,
        deals.stage_entered_at,
        deals.handoff_started_on,
        deals.company_name,
        deals.owner_name,
        deals.start_on,
        deals.end_on,
        deals.amount,
        deals.currency,
        deals.engagement_ids,
        deals.order_ids,
        deals.issue_urls,
        deals.agreement_url,
        deals.age_business_days
    from gaps
    inner join deals on gaps.deal_id = deals.deal_id
),

of_deals_that_are_gone as (
    select
        'HG12:deal-' || gone.deal_id as finding_id,
        'HG12' as rule_id,
        cast(null as varchar) as severity,
        'deal' as subject_type,
        gone.deal_id as subject_id,
        gone.deal_name as subject,
        gone.deal_id,
        gone.community_name,
        case when gone.is_owner_active then gone.owner_name end as deal_owner,
        still_working.delivery_owner,
        cast(null as date) as due_on,
        gone.deal_name || case when gone.is_archived then ' is archived' else ' is lost' end
        || ', and its engagement ' || still_working.engagement_name || ' is '
        || coalesce('still ' || still_working.status, 'without a status') || '.' as reason,
        gone.deal_url as record_url,
        {{ evidence([
            ('stage', 'gone.stage_name', 'hubspot'),
            ('is_archived', 'gone.is_archived', 'hubspot'),
            ('engagement', 'still_working.engagement_name', 'engagements'),
            ('status', 'still_working.status', 'engagements'),
        ]) }} as evidence,
        cast(null as varchar) as extra_needs,
        false as is_uncertain,
        gone.pipeline_name,
        gone.stage_name,
        gone.stage_entered_at,
        cast(null as date) as handoff_started_on,
        gone.company_name,
        gone.owner_name,
        gone.start_on,
        gone.term_end_on as end_on,
        gone.amount,
        gone.currency,
        still_working.engagement_id as engagement_ids,
        gone.order_ids,
        cast(null as varchar) as issue_urls,
        gone.agreement_url,
        cast(null as bigint) as age_business_days
    from gone
    inner join still_working on gone.deal_id = still_working.deal_id and still_working.position = 1
    cross join loads
),

accounts as (
    select
        sub_account_id,
        deal_id
    from {{ ref('int_account_map') }}
    where coalesce(valid_from <= {{ as_of() }}, true) and coalesce(valid_to >= {{ as_of() }}, true)
),

-- the last agreement of the chain that was signed and has begun; a renewal that was signed early may wait until it begins
begun_renewals as (
    select
        accounts.sub_account_id,
        accounts.deal_id as mapped_id,
        {{ first_of('renewals.deal_id', 'renewals.start_on desc, renewals.deal_id') }} as deal_id
    from accounts
    inner join {{ ref('int_contract_chains') }} as chains on accounts.deal_id = chains.ancestor_id and chains.distance > 0
    inner join {{ ref('int_deals') }} as renewals on chains.deal_id = renewals.deal_id
    where renewals.is_won and not renewals.is_archived and renewals.start_on <= {{ as_of() }}
    group by accounts.sub_account_id, accounts.deal_id
),

-- what is told of a deal without its engagement: an account of the agreement before, no column in the billing sheet
told as (
    select
        'HG11:deal-' || renewals.deal_id || ':account-' || begun_renewals.sub_account_id as finding_id,
        'HG11' as rule_id,
        renewals.deal_id,
        cast(null as date) as due_on,
        'The cloud account ' || begun_renewals.sub_account_id || ' is mapped to ' || mapped.deal_name || ', which '
        || renewals.deal_name || ' renewed on ' || {{ day_words('renewals.start_on') }} || '.' as reason,
        {{ evidence([
            ('account', 'begun_renewals.sub_account_id', 'aws'),
            ('mapped to', 'mapped.deal_id', 'hubspot'),
            ('renewed by', 'renewals.deal_id', 'hubspot'),
            ('start_on', 'renewals.start_on', 'hubspot'),
        ]) }} as evidence
    from begun_renewals
    inner join {{ ref('int_deals') }} as renewals on begun_renewals.deal_id = renewals.deal_id
    inner join {{ ref('int_deals') }} as mapped on begun_renewals.mapped_id = mapped.deal_id
    cross join loads
    union all
    select
        'HG05:deal-' || deals.deal_id as finding_id,
        'HG05' as rule_id,
        deals.deal_id,
        deals.start_on as due_on,
        'We pay the cloud of ' || deals.deal_name || ', and none of the ' || {{ count_words('setups.column_count', 'column') }}
        || ' of the billing sheet is called by it or its community.' as reason,
        case
            when setups.column_source = 'sheets'
                then {{ evidence([
                    ('cloud_paid_by', 'deals.cloud_paid_by', 'hubspot'),
                    ('columns', 'setups.column_count', 'sheets'),
                ]) }}
            else {{ evidence([
                ('cloud_paid_by', 'deals.cloud_paid_by', 'hubspot'),
                ('columns', 'setups.column_count', 'files'),
            ]) }}
        end as evidence
    from {{ ref('int_billing_setups') }} as setups
    inner join {{ ref('int_deals') }} as deals on setups.deal_id = deals.deal_id
    cross join loads
),

of_deals_alone as (
    select
        told.finding_id,
        told.rule_id,
        cast(null as varchar) as severity,
        'deal' as subject_type,
        deals.deal_id as subject_id,
        deals.deal_name as subject,
        deals.deal_id,
        deals.community_name,
        case when deals.is_owner_active then deals.owner_name end as deal_owner,
        cast(null as varchar) as delivery_owner,
        told.due_on,
        told.reason,
        deals.deal_url as record_url,
        told.evidence,
        cast(null as varchar) as extra_needs,
        false as is_uncertain,
        deals.pipeline_name,
        deals.stage_name,
        deals.stage_entered_at,
        deals.handoff_started_on,
        deals.company_name,
        deals.owner_name,
        deals.start_on,
        deals.term_end_on as end_on,
        deals.amount,
        deals.currency,
        cast(null as varchar) as engagement_ids,
        deals.order_ids,
        cast(null as varchar) as issue_urls,
        deals.agreement_url,
        cast(null as bigint) as age_business_days
    from told
    inner join {{ ref('int_deals') }} as deals on told.deal_id = deals.deal_id
),

final as (
    select * from of_deals_in_handoff
    union all
    select * from of_deals_that_are_gone
    union all
    select * from of_deals_alone
)

select * from final
