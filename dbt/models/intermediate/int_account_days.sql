-- One row per cloud account, day that cost something, currency and deal: what, and whether a signed agreement covers the day.
-- Where tags name deals for a part of the costs, each of these deals has a row of its own; what no tag names is the account's.
-- The chain of the mapped deal decides, so that an account that is still mapped to a predecessor is covered by its successor.
with

costs as (
    select * from {{ ref('int_cost_shares') }}
    where is_counted
),

rates as (
    select
        *,
        lead(rate_on) over (partition by currency order by rate_on) as next_rate_on
    from {{ ref('map_fx_rates') }}
),

converted as (
    select
        costs.*,
        costs.billed_cost * rates.rate_to_org as amount_org,
        costs.charged * rates.rate_to_org as charged_org
    from costs
    left join rates
        on costs.currency = rates.currency
        and costs.usage_on >= rates.rate_on
        and (rates.next_rate_on is null or costs.usage_on < rates.next_rate_on)
),

account_days as (
    select
        provider_name,
        billing_account_id,
        sub_account_id,
        max(sub_account_name) as sub_account_name,
        usage_on,
        tag_deal_id,
        currency,
        bool_or(is_estimated) as is_estimated,
        sum(billed_cost) as billed_cost,
        -- usage and purchases as they were charged; what came back is a refund, a credit stays a credit
        sum(case when charge_category in ('Usage', 'Purchase') then charged_org else 0 end) as gross_amount,
        sum(case when charge_category = 'Credit' then amount_org else 0 end) as credits_amount,
        sum(
            case
                when charge_category = 'Refund' then amount_org
                when charge_category in ('Usage', 'Purchase') then amount_org - charged_org
                else 0
            end
        ) as refunds_amount,
        sum(case when charge_category = 'Tax' then amount_org else 0 end) as tax_amount,
        sum(amount_org) as net_amount,
        count(*) filter (where amount_org is null) as unconverted_count
    from converted
    group by provider_name, billing_account_id, sub_account_id, usage_on, tag_deal_id, currency
),

accounts as (
    select * from {{ ref('int_account_map') }}
),

internal_accounts as (
    select * from {{ ref('rule_internal_accounts') }}
),

aliases as (
    select * from {{ ref('int_id_aliases') }}
),

chains as (
    select distinct
        deal_id,
        chain_id
    from {{ ref('int_contract_chains') }}
),

attributed as (
    select
        account_days.*,
        coalesce(account_days.tag_deal_id, accounts.deal_id) as named_deal_id
    from account_days
    left join accounts
        on account_days.tag_deal_id is null
        and account_days.provider_name = accounts.provider
        and account_days.sub_account_id = accounts.sub_account_id
        and (accounts.valid_from is null or account_days.usage_on >= accounts.valid_from)
        and (accounts.valid_to is null or account_days.usage_on <= accounts.valid_to)
),

mapped as (
    select
        attributed.*,
        coalesce(aliases.deal_id, attributed.named_deal_id) as mapped_deal_id,
        coalesce(chains.chain_id, aliases.deal_id, attributed.named_deal_id) as chain_id,
        case
            when attributed.tag_deal_id is not null then 'tag'
            when attributed.named_deal_id is not null then 'account'
        end as attributed_by
    from attributed
    left join aliases on attributed.named_deal_id = aliases.old_id
    left join chains on coalesce(aliases.deal_id, attributed.named_deal_id) = chains.deal_id
),

-- an agreement covers the accounts of everything that it renews, also where it renews two
terms as (
    select distinct
        chains.chain_id,
        terms.deal_id,
        terms.covers_from_on,
        terms.covers_to_on
    from {{ ref('int_chain_terms') }} as terms
    inner join {{ ref('int_contract_chains') }} as renewed on terms.deal_id = renewed.deal_id
    inner join chains on renewed.ancestor_id = chains.deal_id
),

chain_spans as (
    select
        chain_id,
        min(covers_from_on) as first_covered_on
    from terms
    group by chain_id
),

covered as (
    select
        mapped.provider_name,
        mapped.sub_account_id,
        mapped.usage_on,
        mapped.chain_id,
        max_by(terms.deal_id, (terms.covers_from_on, terms.deal_id)) as covering_deal_id
    from mapped
    inner join terms
        on mapped.chain_id = terms.chain_id
        and mapped.usage_on >= terms.covers_from_on
        and (terms.covers_to_on is null or mapped.usage_on <= terms.covers_to_on)
    group by mapped.provider_name, mapped.sub_account_id, mapped.usage_on, mapped.chain_id
),

final as (
    select
        mapped.*,
        covered.covering_deal_id,
        case
            -- what no deal is named for is our own where the rules say so, and else nobody's
            when mapped.mapped_deal_id is null and internal_accounts.sub_account_id is not null then 'internal'
            when mapped.mapped_deal_id is null then 'unattributed'
            when covered.usage_on is not null then 'covered'
            when chain_spans.chain_id is null then 'never contracted'
            when mapped.usage_on < chain_spans.first_covered_on then 'before contract'
            else 'lapsed'
        end as coverage
    from mapped
    left join covered
        on mapped.provider_name = covered.provider_name
        and mapped.sub_account_id = covered.sub_account_id
        and mapped.usage_on = covered.usage_on
        and mapped.chain_id = covered.chain_id
    left join chain_spans on mapped.chain_id = chain_spans.chain_id
    left join internal_accounts
        on mapped.provider_name = internal_accounts.provider
        and mapped.sub_account_id = internal_accounts.sub_account_id
        and (internal_accounts.valid_from is null or mapped.usage_on >= internal_accounts.valid_from)
        and (internal_accounts.valid_to is null or mapped.usage_on <= internal_accounts.valid_to)
)

select * from final
