-- One row per chain of agreements with a budget and a term that holds the report date: what of the budget is spent, and how
-- much of the term has passed. Where costs are not known from the term's beginning on, the spend is a lower bound.
with

account_days as (
    select * from {{ ref('int_account_days') }}
    where usage_on <= {{ as_of() }}
),

known as (
    select min(usage_on) as known_from_on from account_days
),

months as (
    select * from {{ ref('int_budget_months') }}
    where month_on = {{ month_start(as_of()) }} and chain_id is not null and budget_amount is not null
),

deals as (
    select * from {{ ref('int_deals') }}
),

terms as (
    select
        months.*,
        deals.start_on,
        deals.term_end_on,
        case
            when months.budget_source = 'prepaid in the deal' then deals.prepaid_cloud
            else months.budget_amount * {{ months_in_term('deals.start_on', 'deals.term_end_on') }}
        end as term_budget_amount
    from months
    inner join deals on months.deal_id = deals.deal_id
    where {{ as_of() }} between deals.start_on and deals.term_end_on
),

spent as (
    select
        terms.chain_id,
        sum(account_days.gross_amount) as gross_amount,
        sum(account_days.net_amount) as net_amount
    from terms
    inner join account_days
        on terms.chain_id = account_days.chain_id
        and account_days.mapped_deal_id is not null
        and account_days.usage_on between terms.start_on and terms.term_end_on
    group by terms.chain_id
),

final as (
    select
        terms.chain_id,
        terms.deal_id,
        terms.subject,
        terms.community_name,
        terms.deal_owner,
        terms.delivery_owner,
        terms.record_url,
        terms.month_on,
        terms.start_on,
        terms.term_end_on,
        terms.budget_source,
        terms.term_budget_amount,
        spent.gross_amount,
        spent.net_amount,
        case when known.known_from_on > terms.start_on then known.known_from_on end as known_from_on,
        cast(spent.gross_amount / nullif(terms.term_budget_amount, 0) as double) as burn_ratio,
        ({{ days_between('terms.start_on', as_of()) }} + 1)
        / cast({{ days_between('terms.start_on', 'terms.term_end_on') }} + 1 as double) as elapsed_ratio,
        -- at the pace of the days that are known
        case
            when spent.gross_amount > 0 and spent.gross_amount < terms.term_budget_amount
                then {{ add_days(as_of(), 'floor((terms.term_budget_amount - spent.gross_amount) / (spent.gross_amount / ('
                    ~ days_between('greatest(terms.start_on, known.known_from_on)', as_of()) ~ ' + 1)))') }}
        end as used_up_on
    from terms
    inner join spent on terms.chain_id = spent.chain_id
    cross join known
)

select * from final
