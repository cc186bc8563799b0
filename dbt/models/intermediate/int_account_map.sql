-- One row per cloud account, deal and stretch of time. What the rule table says of an account comes before what was imported
-- of it; of two files about one account the one that was imported last counts.
with

rules as (
    select * from {{ ref('map_accounts_to_deals') }}
),

imported as (
    select * from {{ ref('stg_files__accounts') }}
    where (provider, sub_account_id) not in (select (rules.provider, rules.sub_account_id) from rules)
),

last_files as (
    select
        provider,
        sub_account_id,
        max_by(file_name, (_load_id, file_name)) as file_name
    from imported
    group by provider, sub_account_id
),

final as (
    select
        provider,
        sub_account_id,
        deal_id,
        valid_from,
        valid_to
    from rules
    union all
    select
        imported.provider,
        imported.sub_account_id,
        imported.deal_id,
        imported.valid_from,
        imported.valid_to
    from imported
    inner join last_files
        on imported.provider = last_files.provider
        and imported.sub_account_id = last_files.sub_account_id
        and imported.file_name = last_files.file_name
)

select * from final
