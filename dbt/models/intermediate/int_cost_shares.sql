-- One row per cost (int_costs) and deal that a tag names for a part of it, and one for what no tag names. The parts of a cost add
-- up to it: in each account and month one tag key decides, the one of the best rank among those that name a deal there, because
-- Cost Explorer shows the costs of each key apart and nobody can tell where two keys mean the same dollar.
with

costs as (
    select * from {{ ref('int_costs') }}
),

tags as (
    select
        *,
        {{ month_start('usage_on') }} as month_on
    from {{ ref('int_cost_tags') }}
    where tag_value <> ''
),

meanings as (
    select * from {{ ref('map_cost_tags') }}
),

accounts as (
    select * from {{ ref('int_account_map') }}
),

-- a row about one account says more than a row about all of them
candidates as (
    select
        tags.*,
        meanings.deal_id,
        meanings.tag_rank,
        meanings.is_before_account,
        row_number() over (
            partition by
                tags.cost_source, tags.import_name, tags.provider_name, tags.billing_account_id, tags.sub_account_id,
                tags.usage_on, tags.charge_category, tags.currency, tags.tag_key, tags.tag_value
            order by meanings.sub_account_id nulls last, meanings.tag_rank, meanings.deal_id
        ) as position
    from tags
    inner join meanings
        on tags.tag_key = meanings.tag_key
        and tags.tag_value = meanings.tag_value
        and (meanings.sub_account_id is null or tags.sub_account_id = meanings.sub_account_id)
        and (meanings.valid_from is null or tags.usage_on >= meanings.valid_from)
        and (meanings.valid_to is null or tags.usage_on <= meanings.valid_to)
),

named as (
    select *
    from candidates
    where position = 1
        and (
            is_before_account
            or not exists (
                select 1
                from accounts
                where candidates.provider_name = accounts.provider
                    and candidates.sub_account_id = accounts.sub_account_id
                    and (accounts.valid_from is null or candidates.usage_on >= accounts.valid_from)
                    and (accounts.valid_to is null or candidates.usage_on <= accounts.valid_to)
            )
        )
),

ranked_keys as (
    select
        cost_source,
        import_name,
        provider_name,
        sub_account_id,
        month_on,
        tag_key,
        row_number() over (
            partition by cost_source, import_name, provider_name, sub_account_id, month_on
            order by min(tag_rank), tag_key
        ) as position
    from named
    group by cost_source, import_name, provider_name, sub_account_id, month_on, tag_key
),

parts as (
    select
        named.cost_source,
        named.import_name,
        named.provider_name,
        named.billing_account_id,
        named.sub_account_id,
        named.usage_on,
        named.charge_category,
        named.currency,
        named.deal_id,
        sum(named.billed_cost) as billed_cost,
        sum(named.charged) as charged
    from named
    inner join ranked_keys
        on named.cost_source = ranked_keys.cost_source
        and named.import_name = ranked_keys.import_name
        and named.provider_name = ranked_keys.provider_name
        and named.sub_account_id = ranked_keys.sub_account_id
        and named.month_on = ranked_keys.month_on
        and named.tag_key = ranked_keys.tag_key
        and ranked_keys.position = 1
    group by
        named.cost_source, named.import_name, named.provider_name, named.billing_account_id, named.sub_account_id, named.usage_on,
        named.charge_category, named.currency, named.deal_id
),

tagged as (
    select
        costs.cost_source,
        costs.import_name,
        costs.provider_name,
        costs.billing_account_id,
        costs.sub_account_id,
        costs.sub_account_name,
        costs.usage_on,
        costs.charge_category,
        costs.currency,
        parts.billed_cost,
        parts.charged,
        costs.is_estimated,
        costs.is_counted,
        parts.deal_id as tag_deal_id
    from costs
    inner join parts
        on costs.cost_source = parts.cost_source
        and costs.import_name = parts.import_name
        and costs.provider_name = parts.provider_name
        and costs.billing_account_id is not distinct from parts.billing_account_id
        and costs.sub_account_id = parts.sub_account_id
        and costs.usage_on = parts.usage_on
        and costs.charge_category = parts.charge_category
        and costs.currency = parts.currency
    where costs.is_counted
),

named_sums as (
    select
        cost_source,
        import_name,
        provider_name,
        billing_account_id,
        sub_account_id,
        usage_on,
        charge_category,
        currency,
        sum(billed_cost) as billed_cost,
        sum(charged) as charged
    from tagged
    group by cost_source, import_name, provider_name, billing_account_id, sub_account_id, usage_on, charge_category, currency
),

-- what no tag names is left to the account
rest as (
    select
        costs.cost_source,
        costs.import_name,
        costs.provider_name,
        costs.billing_account_id,
        costs.sub_account_id,
        costs.sub_account_name,
        costs.usage_on,
        costs.charge_category,
        costs.currency,
        costs.billed_cost - coalesce(named_sums.billed_cost, 0) as billed_cost,
        costs.charged - coalesce(named_sums.charged, 0) as charged,
        costs.is_estimated,
        costs.is_counted,
        cast(null as varchar) as tag_deal_id
    from costs
    left join named_sums
        on costs.cost_source = named_sums.cost_source
        and costs.import_name = named_sums.import_name
        and costs.provider_name = named_sums.provider_name
        and costs.billing_account_id is not distinct from named_sums.billing_account_id
        and costs.sub_account_id = named_sums.sub_account_id
        and costs.usage_on = named_sums.usage_on
        and costs.charge_category = named_sums.charge_category
        and costs.currency = named_sums.currency
    where named_sums.cost_source is null
        or costs.billed_cost <> named_sums.billed_cost
        or costs.charged <> named_sums.charged
),

final as (
    select * from tagged
    union all
    select * from rest
)

select * from final
