-- One row per budget rule that is broken: by a deal in a month, by an account in a month, or by a payer's bill.
with

months as (
    select * from {{ ref('int_budget_months') }}
),

-- the present month and those before it that are still reported
reported as (
    select * from months
    where month_on <= {{ as_of() }}
        and date_diff('month', month_on, {{ month_start(as_of()) }}) < {{ threshold('budget_months_reported') }}
),

account_days as (
    select
        *,
        {{ month_start('usage_on') }} as month_on
    from {{ ref('int_account_days') }}
    where usage_on <= {{ as_of() }}
),

deals as (
    select * from {{ ref('int_deals') }}
),

loads as (
    select * from {{ ref('int_source_loads') }}
),

above as (
    select
        'BO01:deal-' || reported.deal_id || ':' || {{ month_key('reported.month_on') }} as finding_id,
        'BO01' as rule_id,
        reported.subject_type,
        reported.deal_id as subject_id,
        reported.subject,
        reported.deal_id,
        reported.community_name,
        reported.deal_owner,
        reported.delivery_owner,
        reported.subject || ' used ' || {{ money_words('reported.gross_amount', organisation('currency')) }} || ' in '
        || {{ month_words('reported.month_on') }} || ', above its budget of '
        || {{ money_words('reported.budget_amount', organisation('currency')) }} || ' (' || reported.budget_source || ')'
        || case
            when reported.net_amount <= reported.budget_amount
                then '; credits bring the bill down to ' || {{ money_words('reported.net_amount', organisation('currency')) }}
            else ''
        end || '.' as reason,
        reported.record_url,
        {{ evidence([
            ('gross_usage', 'cast(reported.gross_amount as decimal(18, 2))', 'aws'),
            ('net', 'cast(reported.net_amount as decimal(18, 2))', 'aws'),
            ('budget', 'reported.budget_amount', 'engagements'),
        ]) }} as evidence,
        reported.month_on,
        reported.budget_amount,
        reported.gross_amount,
        reported.net_amount,
        reported.forecast_amount,
        reported.uncovered_amount
    from reported
    cross join loads
    where reported.gross_amount > reported.budget_amount
),

forecast_above as (
    select
        'BO02:deal-' || reported.deal_id || ':' || {{ month_key('reported.month_on') }} as finding_id,
        'BO02' as rule_id,
        -- even at the lower end of what is likely it is above its budget
        case when reported.forecast_low_amount > reported.budget_amount then 'high' end as severity,
        reported.subject_type,
        reported.deal_id as subject_id,
        reported.subject,
        reported.deal_id,
        reported.community_name,
        reported.deal_owner,
        reported.delivery_owner,
        reported.subject || ' is expected to use ' || {{ money_words('reported.forecast_amount', organisation('currency')) }}
        || ' in ' || {{ month_words('reported.month_on') }} || ' (' || reported.forecast_method || '); its budget is '
        || {{ money_words('reported.budget_amount', organisation('currency')) }} || ' (' || reported.budget_source || ') and '
        || {{ money_words('reported.gross_amount', organisation('currency')) }} || ' are spent.' as reason,
        reported.record_url,
        {{ evidence([
            ('gross_usage', 'cast(reported.gross_amount as decimal(18, 2))', 'aws'),
            ('forecast', 'reported.forecast_amount', 'aws'),
            ('budget', 'reported.budget_amount', 'engagements'),
        ]) }} as evidence,
        reported.month_on,
        reported.budget_amount,
        reported.gross_amount,
        reported.net_amount,
        reported.forecast_amount,
        reported.uncovered_amount
    from reported
    cross join loads
    where reported.gross_amount <= reported.budget_amount
        and reported.forecast_amount > reported.budget_amount * {{ threshold('budget_forecast_ratio') }}
),

no_budget as (
    select
        'BO04:deal-' || max_by(reported.deal_id, reported.month_on) as finding_id,
        'BO04' as rule_id,
        'deal' as subject_type,
        max_by(reported.deal_id, reported.month_on) as subject_id,
        max_by(reported.subject, reported.month_on) as subject,
        max_by(reported.deal_id, reported.month_on) as deal_id,
        max_by(reported.community_name, reported.month_on) as community_name,
        max_by(reported.deal_owner, reported.month_on) as deal_owner,
        max_by(reported.delivery_owner, reported.month_on) as delivery_owner,
        max_by(reported.subject, reported.month_on) || ' used '
        || {{ money_words('sum(reported.gross_amount)', organisation('currency')) }} || ' since '
        || {{ day_words('min(reported.month_on)') }}
        || ', and neither its engagement nor its deal nor a fixed AWS budget says how much it may use.' as reason,
        max_by(reported.record_url, reported.month_on) as record_url,
        {{ evidence([
            ('gross_usage', 'cast(sum(reported.gross_amount) as decimal(18, 2))', 'aws'),
            ('monthly_cloud_budget', 'cast(null as varchar)', 'engagements'),
            ('prepaid_cloud', 'cast(null as varchar)', 'hubspot'),
        ]) }} as evidence,
        max(reported.month_on) as month_on,
        cast(null as decimal(18, 2)) as budget_amount,
        sum(reported.gross_amount) as gross_amount,
        sum(reported.net_amount) as net_amount,
        max_by(reported.forecast_amount, reported.month_on) as forecast_amount,
        sum(reported.uncovered_amount) as uncovered_amount
    from reported
    cross join loads
    where reported.chain_id is not null
    group by reported.chain_id, loads.aws_seen_at, loads.engagements_source, loads.engagements_seen_at, loads.hubspot_seen_at
    having count(reported.budget_amount) = 0 and sum(reported.gross_amount) >= {{ threshold('budget_no_agreement_usd') }}
),

uncovered_days as (
    select
        account_days.*,
        deals.deal_name,
        deals.community_name,
        deals.deal_url,
        case when deals.is_owner_active then deals.owner_name end as deal_owner
    from account_days
    left join deals on account_days.mapped_deal_id = deals.deal_id
    where account_days.coverage not in ('covered', 'internal', 'unattributed')
        and account_days.month_on <= {{ as_of() }}
        and date_diff('month', account_days.month_on, {{ month_start(as_of()) }}) < {{ threshold('budget_months_reported') }}
),

uncovered_months as (
    select
        provider_name,
        sub_account_id,
        month_on,
        coalesce(max(sub_account_name), sub_account_id) as account_name,
        max_by(mapped_deal_id, usage_on) as deal_id,
        max_by(deal_name, usage_on) as deal_name,
        max_by(community_name, usage_on) as community_name,
        max_by(deal_owner, usage_on) as deal_owner,
        max_by(deal_url, usage_on) as deal_url,
        max_by(coverage, usage_on) as coverage,
        count(distinct usage_on) as day_count,
        min(usage_on) as first_on,
        max(usage_on) as last_on,
        sum(gross_amount) as gross_amount,
        sum(net_amount) as net_amount
    from uncovered_days
    group by provider_name, sub_account_id, month_on
    having sum(gross_amount) >= {{ threshold('budget_no_agreement_usd') }}
),

no_agreement as (
    select
        'BO05:account-' || uncovered_months.sub_account_id || ':' || {{ month_key('uncovered_months.month_on') }} as finding_id,
        'BO05' as rule_id,
        'account' as subject_type,
        uncovered_months.sub_account_id as subject_id,
        uncovered_months.account_name as subject,
        uncovered_months.deal_id,
        uncovered_months.community_name,
        uncovered_months.deal_owner,
        cast(null as varchar) as delivery_owner,
        'The account ' || uncovered_months.account_name || ' used '
        || {{ money_words('uncovered_months.gross_amount', organisation('currency')) }} || ' on '
        || {{ count_words('uncovered_months.day_count', 'day') }} || ' from ' || {{ day_words('uncovered_months.first_on') }}
        || ' to ' || {{ day_words('uncovered_months.last_on') }} || ', which no signed agreement covers ('
        || coalesce(uncovered_months.deal_name, 'deal ' || uncovered_months.deal_id) || ': '
        || uncovered_months.coverage || ').' as reason,
        uncovered_months.deal_url as record_url,
        {{ evidence([
            ('gross_usage', 'cast(uncovered_months.gross_amount as decimal(18, 2))', 'aws'),
            ('first_day', 'uncovered_months.first_on', 'aws'),
            ('last_day', 'uncovered_months.last_on', 'aws'),
            ('deal', 'uncovered_months.deal_name', 'hubspot'),
            ('coverage', 'uncovered_months.coverage', 'hubspot'),
        ]) }} as evidence,
        uncovered_months.month_on,
        cast(null as decimal(18, 2)) as budget_amount,
        uncovered_months.gross_amount,
        uncovered_months.net_amount,
        cast(null as decimal(18, 2)) as forecast_amount,
        uncovered_months.gross_amount as uncovered_amount
    from uncovered_months
    cross join loads
),

payer_months as (
    select
        provider_name,
        billing_account_id,
        month_on,
        sum(net_amount) as billed_amount,
        sum(case when coverage = 'unattributed' then net_amount else 0 end) as unattributed_amount,
        count(distinct case when coverage = 'unattributed' then sub_account_id end) as account_count,
        row_number() over (partition by billing_account_id, month_on order by provider_name) as provider_rank
    from account_days
    where month_on <= {{ as_of() }}
        and date_diff('month', month_on, {{ month_start(as_of()) }}) < {{ threshold('budget_months_reported') }}
    group by provider_name, billing_account_id, month_on
),

of_nobody as (
    select
        'BO06:payer-' || payer_months.billing_account_id
        -- two clouds may number their payers alike
        || case when payer_months.provider_rank > 1 then '-' || lower(payer_months.provider_name) else '' end
        || ':' || {{ month_key('payer_months.month_on') }} as finding_id,
        'BO06' as rule_id,
        'payer' as subject_type,
        payer_months.billing_account_id as subject_id,
        payer_months.billing_account_id as subject,
        cast(null as varchar) as deal_id,
        cast(null as varchar) as community_name,
        cast(null as varchar) as deal_owner,
        cast(null as varchar) as delivery_owner,
        {{ money_words('payer_months.unattributed_amount', organisation('currency')) }} || ' of the '
        || payer_months.provider_name || ' bill of '
        || {{ money_words('payer_months.billed_amount', organisation('currency')) }} || ' for '
        || {{ month_words('payer_months.month_on') }} || ' belong to '
        || {{ count_words('payer_months.account_count', 'account') }} || ' that no deal is mapped to.' as reason,
        case
            when payer_months.provider_name = 'AWS' then 'https://console.aws.amazon.com/costmanagement/home#/cost-explorer'
        end as record_url,
        -- only AWS is asked itself; the bills of other clouds come in files
        case
            when payer_months.provider_name = 'AWS' then {{ evidence([
                ('unattributed', 'cast(payer_months.unattributed_amount as decimal(18, 2))', 'aws'),
                ('bill', 'cast(payer_months.billed_amount as decimal(18, 2))', 'aws'),
            ]) }}
            else {{ evidence([
                ('unattributed', 'cast(payer_months.unattributed_amount as decimal(18, 2))', 'files'),
                ('bill', 'cast(payer_months.billed_amount as decimal(18, 2))', 'files'),
            ]) }}
        end as evidence,
        payer_months.month_on,
        cast(null as decimal(18, 2)) as budget_amount,
        cast(null as decimal(28, 10)) as gross_amount,
        payer_months.unattributed_amount as net_amount,
        cast(null as decimal(18, 2)) as forecast_amount,
        cast(null as decimal(28, 10)) as uncovered_amount
    from payer_months
    cross join loads
    where payer_months.unattributed_amount > {{ threshold('budget_unattributed_usd') }}
        or payer_months.unattributed_amount > payer_months.billed_amount * {{ threshold('budget_unattributed_ratio') }}
),

united as (
    select * from above
    union all by name
    select * from forecast_above
    union all by name
    select * from no_budget
    union all by name
    select * from no_agreement
    union all by name
    select * from of_nobody
    union all by name
    select * from {{ ref('int_budget_warnings') }}
),

final as (
    select
        finding_id,
        rule_id,
        severity,
        subject_type,
        subject_id,
        subject,
        deal_id,
        community_name,
        deal_owner,
        delivery_owner,
        reason,
        record_url,
        evidence,
        month_on,
        cast(null as date) as due_on,
        cast(null as varchar) as extra_needs,
        false as is_uncertain,
        cast(budget_amount as decimal(18, 2)) as budget_usd,
        cast(gross_amount as decimal(18, 2)) as gross_usd,
        cast(net_amount as decimal(18, 2)) as net_usd,
        cast(forecast_amount as decimal(18, 2)) as forecast_usd,
        cast(uncovered_amount as decimal(18, 2)) as uncovered_usd
    from united
)

select * from final
