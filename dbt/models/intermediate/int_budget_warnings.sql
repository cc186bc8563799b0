-- One row per budget rule beside the month's sum that is broken: jumps of spend, terms that burn too fast, credits that hide an
-- overrun, and budgets of AWS that do not agree.
with

months as (
    select * from {{ ref('int_budget_months') }}
    where chain_id is not null
),

present as (
    select * from months
    where month_on = {{ month_start(as_of()) }}
),

loads as (
    select * from {{ ref('int_source_loads') }}
),

jumps as (
    select
        'BO03:deal-' || latest.deal_id as finding_id,
        'BO03' as rule_id,
        'deal' as subject_type,
        latest.deal_id as subject_id,
        latest.subject,
        latest.deal_id,
        latest.community_name,
        latest.deal_owner,
        latest.delivery_owner,
        latest.subject || ' used ' || {{ money_words('anomalies.gross_amount', organisation('currency')) }} || ' on '
        || {{ weekday_words('anomalies.last_on') }} || ', where '
        || {{ money_words('anomalies.usual_amount', organisation('currency')) }} || ' are usual on that day of the week; '
        || cast(anomalies.day_count as varchar) || ' of the last '
        || cast(cast({{ threshold('budget_anomaly_window_days') }} as integer) as varchar)
        || ' complete days jumped like that.' as reason,
        latest.record_url,
        {{ evidence([
            ('gross_usage', 'cast(anomalies.gross_amount as decimal(18, 2))', 'aws'),
            ('usual_usage', 'cast(anomalies.usual_amount as decimal(18, 2))', 'aws'),
            ('last_day', 'anomalies.last_on', 'aws'),
        ]) }} as evidence,
        latest.month_on,
        latest.budget_amount,
        latest.gross_amount,
        latest.net_amount,
        latest.forecast_amount,
        latest.uncovered_amount
    from {{ ref('int_cost_anomalies') }} as anomalies
    inner join months as latest
        on anomalies.chain_id = latest.chain_id and {{ month_start('anomalies.last_on') }} = latest.month_on
    cross join loads
),

too_fast as (
    select
        'BO08:deal-' || terms.deal_id as finding_id,
        'BO08' as rule_id,
        'deal' as subject_type,
        terms.deal_id as subject_id,
        terms.subject,
        terms.deal_id,
        terms.community_name,
        terms.deal_owner,
        terms.delivery_owner,
        terms.subject || ' has used ' || {{ percent_words('terms.burn_ratio') }} || ' of its cloud budget of '
        || {{ money_words('terms.term_budget_amount', organisation('currency')) }} || ' for the whole term ('
        || terms.budget_source || '), and ' || {{ percent_words('terms.elapsed_ratio') }} || ' of the term has passed'
        || case
            when terms.known_from_on is not null
                then '; costs before ' || {{ day_words('terms.known_from_on') }} || ' are not known and would come on top'
            else ''
        end
        || case
            when terms.used_up_on < terms.term_end_on
                then '. At this pace it is used up on ' || {{ day_words('terms.used_up_on') }}
            else ''
        end || '.' as reason,
        terms.record_url,
        {{ evidence([
            ('gross_usage', 'cast(terms.gross_amount as decimal(18, 2))', 'aws'),
            ('budget', 'cast(terms.term_budget_amount as decimal(18, 2))', 'hubspot'),
            ('start_on', 'terms.start_on', 'hubspot'),
            ('effective_end_on', 'terms.term_end_on', 'hubspot'),
        ]) }} as evidence,
        terms.month_on,
        terms.term_budget_amount as budget_amount,
        terms.gross_amount,
        terms.net_amount,
        cast(null as decimal(18, 2)) as forecast_amount,
        cast(null as decimal(28, 10)) as uncovered_amount
    from {{ ref('int_budget_terms') }} as terms
    cross join loads
    where terms.burn_ratio > terms.elapsed_ratio + {{ threshold('budget_burn_ahead_ratio') }}
),

hidden as (
    select
        'BO09:deal-' || months.deal_id || ':' || {{ month_key('months.month_on') }} as finding_id,
        'BO09' as rule_id,
        'deal' as subject_type,
        months.deal_id as subject_id,
        months.subject,
        months.deal_id,
        months.community_name,
        months.deal_owner,
        months.delivery_owner,
        'Credits and refunds of ' || {{ money_words('months.gross_amount - months.net_amount', organisation('currency')) }}
        || ' bring the bill of ' || months.subject || ' for ' || {{ month_words('months.month_on') }} || ' down to '
        || {{ money_words('months.net_amount', organisation('currency')) }} || ', within its budget of '
        || {{ money_words('months.budget_amount', organisation('currency')) }} || ' (' || months.budget_source
        || '); without them it is ' || {{ money_words('months.gross_amount', organisation('currency')) }} || '.' as reason,
        months.record_url,
        {{ evidence([
            ('gross_usage', 'cast(months.gross_amount as decimal(18, 2))', 'aws'),
            ('net', 'cast(months.net_amount as decimal(18, 2))', 'aws'),
            ('budget', 'months.budget_amount', 'engagements'),
        ]) }} as evidence,
        months.month_on,
        months.budget_amount,
        months.gross_amount,
        months.net_amount,
        months.forecast_amount,
        months.uncovered_amount
    from months
    cross join loads
    where months.net_amount <= months.budget_amount
        and months.gross_amount > months.budget_amount
        and months.month_on <= {{ as_of() }}
        and date_diff('month', months.month_on, {{ month_start(as_of()) }}) < {{ threshold('budget_months_reported') }}
),

alarmed as (
    select
        'BO10:' || alarms.subject_type || '-' || alarms.subject_id || ':' || {{ month_key(month_start(as_of())) }} as finding_id,
        'BO10' as rule_id,
        alarms.subject_type,
        alarms.subject_id,
        alarms.subject,
        present.deal_id,
        present.community_name,
        present.deal_owner,
        present.delivery_owner,
        case
            when alarms.subject_type = 'account'
                then 'The AWS budget ' || alarms.budget_name || ' of '
                    || {{ money_words('alarms.limit_amount', 'alarms.currency') }}
                    || ' is in alarm, with ' || {{ money_words('alarms.actual_amount', 'alarms.currency') }} || ' spent, and '
                    || case
                        when present.budget_amount is not null
                            then present.subject || ' is within its budget of '
                                || {{ money_words('present.budget_amount', organisation('currency')) }} || ' ('
                                || present.budget_source || ')'
                        else 'no budget is known here that ' || coalesce(present.subject, alarms.subject) || ' could exceed'
                    end
            else alarms.subject || ' exceeds its budget of '
                || {{ money_words('present.budget_amount', organisation('currency')) }} || ' (' || present.budget_source
                || ') or is about to, and none of ' || {{ count_words('alarms.budget_count', 'AWS budget') }}
                || ' of its accounts, ' || {{ money_words('alarms.limit_amount', 'alarms.currency') }}
                || ' together, is in alarm'
        end || '.' as reason,
        case
            when alarms.subject_type = 'account' then 'https://console.aws.amazon.com/costmanagement/home#/budgets'
            else present.record_url
        end as record_url,
        {{ evidence([
            ('aws_budget', 'alarms.budget_name', 'aws'),
            ('aws_limit', 'alarms.limit_amount', 'aws'),
            ('aws_spend', 'alarms.actual_amount', 'aws'),
            ('budget', 'present.budget_amount', 'engagements'),
        ]) }} as evidence,
        {{ month_start(as_of()) }} as month_on,
        present.budget_amount,
        present.gross_amount,
        present.net_amount,
        present.forecast_amount,
        present.uncovered_amount
    from {{ ref('int_budget_alarms') }} as alarms
    left join present on alarms.chain_id = present.chain_id
    cross join loads
),

-- nothing is expected where no invoices were imported (int_expected_billing)
not_passed_on as (
    select
        'BO07:deal-' || expected.deal_id || ':' || {{ month_key('expected.service_from_on') }} as finding_id,
        'BO07' as rule_id,
        'deal' as subject_type,
        expected.deal_id as subject_id,
        expected.deal_name as subject,
        expected.deal_id,
        expected.community_name,
        expected.deal_owner,
        cast(null as varchar) as delivery_owner,
        'The cloud of ' || expected.deal_name || ' cost ' || {{ money_words('expected.expected_amount', 'expected.currency') }}
        || ' in ' || {{ month_words('expected.service_from_on') }} || ', which is to be passed on, and '
        || {{ money_words('expected.unbilled_amount', 'expected.currency') }} || ' of it are not billed.' as reason,
        expected.deal_url as record_url,
        {{ evidence([
            ('net', 'expected.expected_amount', 'aws'),
            ('invoiced', 'expected.invoiced_amount', 'invoices'),
            ('invoices', 'expected.invoice_ids', 'invoices'),
        ]) }} as evidence,
        expected.service_from_on as month_on,
        cast(null as decimal(18, 2)) as budget_amount,
        cast(null as decimal(28, 10)) as gross_amount,
        expected.expected_amount as net_amount,
        cast(null as decimal(18, 2)) as forecast_amount,
        cast(null as decimal(28, 10)) as uncovered_amount
    from {{ ref('int_expected_billing') }} as expected
    cross join loads
    where expected.component = 'cloud'
        and {{ days_between('expected.service_to_on', as_of()) }} > {{ threshold('billing_recoverable_days') }}
        and expected.unbilled_amount > {{ threshold('billing_rounding_amount') }}
),

united as (
    select * from jumps
    union all
    select * from not_passed_on
    union all
    select * from too_fast
    union all
    select * from hidden
    union all
    select * from alarmed
)

select * from united
