-- Links the renewal that an agreement lacks, when one open deal of the same community or company (two that were merged are one)
-- begins about when the agreement ends, renews nothing else, and fits no other agreement.
with

lacking as (
    select * from {{ ref('fct_renewal_findings') }}
    where rule_id in ('RN01', 'RN02') and effective_end_on is not null
),

deals as (
    select * from {{ ref('int_deals') }}
    where not is_archived and not is_rehearsal
),

renewing as (
    select from_id as deal_id
    from {{ ref('stg_hubspot__associations') }}
    where from_object = 'deals' and to_object = 'deals' and label = {{ organisation('renewal_of_label') }}
    union
    select to_id as deal_id
    from {{ ref('stg_hubspot__associations') }}
    where from_object = 'deals' and to_object = 'deals' and label = {{ organisation('renewed_by_label') }}
),

-- an agreement may break several rules
agreements as (
    select
        deal_id,
        min(finding_id) as finding_id,
        max(status) as status,
        max(effective_end_on) as effective_end_on
    from lacking
    group by deal_id
),

related as (
    select
        earlier.deal_id as earlier_id,
        later.deal_id as later_id
    from agreements
    inner join deals as earlier on agreements.deal_id = earlier.deal_id
    inner join deals as later on earlier.community_record_id = later.community_record_id
    union
    select
        earlier.deal_id as earlier_id,
        later.deal_id as later_id
    from agreements
    inner join deals as earlier on agreements.deal_id = earlier.deal_id
    inner join deals as later on earlier.company_id = later.company_id
),

pairs as (
    select
        agreements.finding_id,
        agreements.status,
        agreements.effective_end_on,
        earlier.deal_id as earlier_id,
        earlier.deal_name as earlier_name,
        later.deal_id as later_id,
        later.deal_name as later_name,
        later.deal_url,
        coalesce(earlier.community_record_id = later.community_record_id, false) as is_of_community,
        later.start_on,
        count(*) over (partition by earlier.deal_id) as later_count,
        count(*) over (partition by later.deal_id) as earlier_count
    from agreements
    inner join deals as earlier on agreements.deal_id = earlier.deal_id
    inner join related on earlier.deal_id = related.earlier_id
    inner join deals as later
        on related.later_id = later.deal_id
        and earlier.deal_id <> later.deal_id
        and not later.is_won
        and not later.is_lost
        and abs({{ days_between('agreements.effective_end_on', 'later.start_on') }}) <= {{ threshold('renewal_overlap_days') }}
    left join renewing on later.deal_id = renewing.deal_id
    where renewing.deal_id is null
),

final as (
    select
        'renewal:deal-' || later_id || ':of-deal-' || earlier_id as change_id,
        finding_id,
        'link_renewal_deal' as recipe,
        'hubspot' as system,
        'deals' as object,
        later_id as record_id,
        'deal_label:' || earlier_id as field,
        cast(null as varchar) as before,
        {{ organisation('renewal_of_label') }} as after,
        'if_empty' as policy,
        later_name || ' begins on ' || {{ day_words('start_on') }} || ' and is the only open deal of the '
        || case when is_of_community then 'community' else 'company' end || ' about when '
        || earlier_name || ' ends, on ' || {{ day_words('effective_end_on') }} || '; it renews nothing else.' as reason,
        'medium' as risk,
        true as is_reversible,
        cast(null as varchar) as natural_key,
        cast(null as varchar) as depends_on,
        deal_url as record_url,
        'hubspot' as needs,
        status <> 'open' as is_blocked,
        case when status <> 'open' then 'a source behind the finding is not complete' end as blocked_reason,
        {{ as_of() }} as as_of_on
    from pairs
    where later_count = 1 and earlier_count = 1
)

select * from final
