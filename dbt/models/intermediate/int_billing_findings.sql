-- One row per billing rule that is broken: by a deal and stretch of service, by a deal, or by an invoice.
with

expected as (
    select * from {{ ref('int_expected_billing') }}
),

collections as (
    select * from {{ ref('int_collections') }}
),

invoices as (
    select * from {{ ref('int_invoice_lines') }}
),

loads as (
    select * from {{ ref('int_source_loads') }}
),

unbilled as (
    select
        'UB01:deal-' || expected.deal_id || ':' || expected.component || ':'
        || coalesce(expected.line_item_id, {{ month_key('expected.service_from_on') }})
            as finding_id,
        'UB01' as rule_id,
        'deal' as subject_type,
        expected.deal_id as subject_id,
        expected.deal_name as subject,
        expected.deal_id,
        expected.community_name,
        expected.deal_owner,
        {{ add_days('expected.due_to_bill_on', threshold('billing_unbilled_days')) }} as due_on,
        'The ' || expected.component || ' of ' || expected.deal_name
        || case
            when expected.line_item_id is null
                then ' from ' || {{ day_words('expected.service_from_on') }}
                    || ' to ' || {{ day_words('expected.service_to_on') }}
            else ''
        end
        || ' should have been billed on ' || {{ day_words('expected.due_to_bill_on') }} || ' with '
        || {{ money_words('expected.expected_amount', 'expected.currency') }} || ' (' || expected.expected_basis || '), and '
        || case
            when expected.invoiced_amount = 0 then 'no invoice names it'
            else {{ money_words('expected.unbilled_amount', 'expected.currency') }} || ' of it are not billed'
        end || '.' as reason,
        expected.deal_url as record_url,
        {{ evidence([
            ('expected', 'expected.expected_amount', 'hubspot'),
            ('invoiced', 'expected.invoiced_amount', 'invoices'),
            ('invoices', 'expected.invoice_ids', 'invoices'),
        ]) }} as evidence,
        expected.unbilled_amount as amount,
        expected.currency,
        cast(null as integer) as days_past_due
    from expected
    cross join loads
    -- cloud costs are BO07's matter
    where expected.component <> 'cloud'
        and expected.days_since_due > {{ threshold('billing_unbilled_days') }}
        and expected.unbilled_amount > {{ threshold('billing_rounding_amount') }}
),

overdue_invoices as (
    select
        invoice_id,
        max(deal_id) as deal_id,
        max(deal_name) as deal_name,
        max(community_name) as community_name,
        max(deal_owner) as deal_owner,
        max(deal_url) as deal_url,
        max(due_on) as due_on,
        max(currency) as currency,
        cast(max(days_past_due) as integer) as days_past_due,
        sum(open_amount) as open_amount,
        -- one line of which nobody knows what was paid makes the whole unknown
        bool_and(open_amount is not null) as is_known
    from invoices
    group by invoice_id
),

overdue as (
    select
        'UB02:invoice-' || overdue_invoices.invoice_id as finding_id,
        'UB02' as rule_id,
        'invoice' as subject_type,
        overdue_invoices.invoice_id as subject_id,
        coalesce(overdue_invoices.deal_name, 'Invoice ' || overdue_invoices.invoice_id) as subject,
        overdue_invoices.deal_id,
        overdue_invoices.community_name,
        overdue_invoices.deal_owner,
        overdue_invoices.due_on,
        'Invoice ' || overdue_invoices.invoice_id || coalesce(' of ' || overdue_invoices.deal_name, '') || ' was due on '
        || {{ day_words('overdue_invoices.due_on') }} || ', ' || {{ count_words('overdue_invoices.days_past_due', 'day') }}
        || ' ago, and ' || {{ money_words('overdue_invoices.open_amount', 'overdue_invoices.currency') }}
        || ' are open.' as reason,
        overdue_invoices.deal_url as record_url,
        {{ evidence([
            ('due_on', 'overdue_invoices.due_on', 'invoices'),
            ('open', 'overdue_invoices.open_amount', 'invoices'),
        ]) }} as evidence,
        overdue_invoices.open_amount as amount,
        overdue_invoices.currency,
        overdue_invoices.days_past_due
    from overdue_invoices
    cross join loads
    where overdue_invoices.is_known
        and overdue_invoices.open_amount > {{ threshold('billing_rounding_amount') }}
        and overdue_invoices.days_past_due >= {{ threshold('billing_overdue_days') }}
),

-- today is a day of the term that has passed
elapsed as (
    select
        *,
        cast({{ days_between('start_on', as_of()) }} + 1 as double)
        / nullif({{ days_between('start_on', 'term_end_on') }} + 1, 0) as elapsed_ratio
    from collections
),

judged as (
    select
        collections.*,
        case
            when collections.paid_amount is null
                and not collections.has_other_currency
                and collections.amount > 0
                and {{ add_months('collections.start_on', threshold('billing_silent_months')) }} <= {{ as_of() }}
                then 'UB03'
            when collections.paid_ratio > {{ threshold('billing_collected_ratio') }} then 'UB04'
            when collections.paid_amount < collections.amount - {{ threshold('billing_rounding_amount') }}
                and collections.term_end_on < {{ as_of() }}
                then 'UB05'
            when collections.paid_ratio < 1 - {{ threshold('billing_left_ratio') }}
                and collections.term_end_on >= {{ as_of() }}
                and collections.term_end_on <= {{ add_months(as_of(), threshold('billing_ending_months')) }}
                then 'UB06'
            when collections.paid_ratio + {{ threshold('billing_behind_ratio') }} < collections.elapsed_ratio
                and collections.term_end_on >= {{ as_of() }}
                then 'UB08'
        end as rule_id
    from elapsed as collections
),

collected as (
    select
        judged.rule_id || ':deal-' || judged.deal_id as finding_id,
        judged.rule_id,
        'deal' as subject_type,
        judged.deal_id as subject_id,
        judged.deal_name as subject,
        judged.deal_id,
        judged.community_name,
        judged.deal_owner,
        cast(null as date) as due_on,
        judged.deal_name || case judged.rule_id
            when 'UB03'
                then ' began on ' || {{ day_words('judged.start_on') }} || ', and no invoice says that any of its '
                    || {{ money_words('judged.amount', 'judged.currency') }} || ' was paid'
            when 'UB04'
                then ' was sold for ' || {{ money_words('judged.amount', 'judged.currency') }} || ', and '
                    || {{ money_words('judged.paid_amount', 'judged.currency') }} || ' were paid'
            when 'UB05'
                then ' ended on ' || {{ day_words('judged.term_end_on') }} || ', and '
                    || {{ money_words('judged.paid_amount', 'judged.currency') }} || ' of '
                    || {{ money_words('judged.amount', 'judged.currency') }} || ' were paid'
            when 'UB08'
                then ' has used ' || {{ percent_words('judged.elapsed_ratio') }} || ' of its days, until '
                    || {{ day_words('judged.term_end_on') }} || ', and '
                    || {{ money_words('judged.paid_amount', 'judged.currency') }} || ' of '
                    || {{ money_words('judged.amount', 'judged.currency') }} || ' were paid'
            else ' ends on ' || {{ day_words('judged.term_end_on') }} || ', and only '
                || {{ money_words('judged.paid_amount', 'judged.currency') }} || ' of '
                || {{ money_words('judged.amount', 'judged.currency') }} || ' were paid'
        end || '.' as reason,
        judged.deal_url as record_url,
        {{ evidence([
            ('amount', 'judged.amount', 'hubspot'),
            ('paid', 'judged.paid_amount', 'invoices'),
            ('effective_end_on', 'judged.term_end_on', 'hubspot'),
        ]) }} as evidence,
        judged.amount - judged.paid_amount as amount,
        judged.currency,
        cast(null as integer) as days_past_due
    from judged
    cross join loads
    where judged.rule_id is not null
),

of_no_deal as (
    select
        'UB07:invoice-' || invoices.invoice_id as finding_id,
        'UB07' as rule_id,
        'invoice' as subject_type,
        invoices.invoice_id as subject_id,
        'Invoice ' || invoices.invoice_id as subject,
        cast(null as varchar) as deal_id,
        cast(null as varchar) as community_name,
        cast(null as varchar) as deal_owner,
        cast(null as date) as due_on,
        'Invoice ' || invoices.invoice_id || ' of ' || {{ day_words('min(invoices.issued_on)') }} || ' bills '
        || {{ money_words('sum(invoices.amount)', 'max(invoices.currency)') }}
        || case
            when max(invoices.deal_ref) is null then ' and names no deal'
            else ' for ' || max(invoices.deal_ref) || ', which is no deal of HubSpot'
        end || '.' as reason,
        cast(null as varchar) as record_url,
        {{ evidence([
            ('deal', 'max(invoices.deal_ref)', 'invoices'),
            ('invoiced', 'sum(invoices.amount)', 'invoices'),
        ]) }} as evidence,
        sum(invoices.amount) as amount,
        max(invoices.currency) as currency,
        cast(null as integer) as days_past_due
    from invoices
    cross join loads
    where invoices.deal_id is null
    group by invoices.invoice_id, loads.invoices_seen_at, loads.invoices_source
),

outside as (
    select
        'UB09:invoice-' || invoices.invoice_id || ':deal-' || invoices.deal_id as finding_id,
        'UB09' as rule_id,
        'invoice' as subject_type,
        invoices.invoice_id as subject_id,
        max(invoices.deal_name) as subject,
        invoices.deal_id,
        max(invoices.community_name) as community_name,
        max(invoices.deal_owner) as deal_owner,
        cast(null as date) as due_on,
        'Invoice ' || invoices.invoice_id || ' bills ' || max(invoices.deal_name) || ' for '
        || {{ day_words('min(invoices.service_from_on)') }} || ' to ' || {{ day_words('max(invoices.service_to_on)') }}
        || ', and its agreement runs from ' || {{ day_words('max(invoices.start_on)') }} || ' to '
        || {{ day_words('max(invoices.term_end_on)') }} || '.' as reason,
        max(invoices.deal_url) as record_url,
        {{ evidence([
            ('service_from_on', 'min(invoices.service_from_on)', 'invoices'),
            ('service_to_on', 'max(invoices.service_to_on)', 'invoices'),
            ('effective_end_on', 'max(invoices.term_end_on)', 'hubspot'),
        ]) }} as evidence,
        sum(invoices.amount) as amount,
        max(invoices.currency) as currency,
        cast(null as integer) as days_past_due
    from invoices
    cross join loads
    where invoices.service_from_on > invoices.term_end_on or invoices.service_to_on < invoices.start_on
    group by invoices.invoice_id, invoices.deal_id, loads.invoices_seen_at, loads.invoices_source, loads.hubspot_seen_at
    -- a reversal takes it back
    having sum(invoices.amount) > {{ threshold('billing_rounding_amount') }}
),

repeated as (
    select
        deal_id,
        component,
        service_from_on,
        service_to_on,
        max(deal_name) as deal_name,
        max(community_name) as community_name,
        max(deal_owner) as deal_owner,
        max(deal_url) as deal_url,
        max(currency) as currency,
        max(amount) as line_amount,
        sum(amount) as billed_amount,
        {{ joined('invoice_id') }} as invoice_ids
    from invoices
    where deal_id is not null and component is not null and service_from_on is not null and service_to_on is not null
    group by deal_id, component, service_from_on, service_to_on
    having count(distinct invoice_id) > 1
        -- a credit note leaves one of them
        and sum(amount) >= 2 * max(amount) - {{ threshold('billing_rounding_amount') }}
),

doubled as (
    select
        'UB10:deal-' || repeated.deal_id || ':' || repeated.component || ':'
        || cast(repeated.service_from_on as varchar) || '-' || cast(repeated.service_to_on as varchar) as finding_id,
        'UB10' as rule_id,
        'deal' as subject_type,
        repeated.deal_id as subject_id,
        repeated.deal_name as subject,
        repeated.deal_id,
        repeated.community_name,
        repeated.deal_owner,
        cast(null as date) as due_on,
        'The ' || repeated.component || ' of ' || repeated.deal_name || ' from ' || {{ day_words('repeated.service_from_on') }}
        || ' to ' || {{ day_words('repeated.service_to_on') }} || ' is billed more than once, by the invoices '
        || repeated.invoice_ids || ' with ' || {{ money_words('repeated.billed_amount', 'repeated.currency') }}
        || ' together.' as reason,
        repeated.deal_url as record_url,
        {{ evidence([
            ('invoices', 'repeated.invoice_ids', 'invoices'),
            ('invoiced', 'repeated.billed_amount', 'invoices'),
        ]) }} as evidence,
        repeated.billed_amount - repeated.line_amount as amount,
        repeated.currency,
        cast(null as integer) as days_past_due
    from repeated
    cross join loads
),

united as (
    select * from unbilled
    union all
    select * from overdue
    union all
    select * from collected
    union all
    select * from of_no_deal
    union all
    select * from outside
    union all
    select * from doubled
),

final as (
    select
        finding_id,
        rule_id,
        subject_type,
        subject_id,
        subject,
        deal_id,
        community_name,
        deal_owner,
        due_on,
        reason,
        record_url,
        evidence,
        cast(amount as decimal(18, 2)) as amount,
        currency,
        days_past_due,
        cast(null as varchar) as severity,
        cast(null as varchar) as delivery_owner,
        cast(null as varchar) as extra_needs,
        false as is_uncertain,
        {{ aging_words('days_past_due') }} as aging
    from united
)

select * from final
