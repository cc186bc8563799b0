-- Returns a row when a deal of the portal is in no scope, or in more than one: it would be reported twice or forgotten.
select
    deals.deal_id,
    count(scopes.scope) as scope_count
from {{ ref('stg_hubspot__deals') }} as deals
left join {{ ref('int_deal_scopes') }} as scopes on deals.deal_id = scopes.deal_id
group by deals.deal_id
having count(scopes.scope) <> 1
