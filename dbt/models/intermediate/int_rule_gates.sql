-- One row per rule: can it be judged as of this run, and if not, because of which source?
with

rules as (
    select * from {{ ref('rule_findings') }}
),

gates as (
    select * from {{ ref('int_source_gates') }}
),

modes as (
    select * from {{ ref('rule_modes') }}
),

-- where engagements are kept is said by rule_engagement_stores.csv
resolved as (
    select
        rules.* exclude (needs),
        replace(rules.needs, 'engagements', engagement_gate.stores) as needs
    from rules
    cross join {{ ref('int_engagement_gate') }} as engagement_gate
),

needs as (
    select
        resolved.rule_id,
        trim(need.source) as source
    from resolved
    cross join {{ split_rows('resolved.needs', ';') }} as need (source)
),

-- what the files do not hold that stand for a vendor
lacking as (
    select
        needs.rule_id,
        string_agg(
            concat(
                gates.source_name, ' is read from files that hold no ',
                lower(coalesce(fields.vendor_label, trim(held.need))), '.'
            ),
            ' ' order by trim(held.need)
        ) as gate_reason
    from needs
    inner join {{ ref('rule_file_sources') }} as file_sources on needs.source = file_sources.source
    inner join gates on needs.source = gates.source and gates.gate <> 'never'
    inner join {{ ref('rule_file_needs') }} as file_needs
        on needs.rule_id = file_needs.rule_id and needs.source = file_needs.source
    cross join {{ split_rows('file_needs.needs', ';') }} as held (need)
    left join {{ ref('map_fields') }} as fields
        on needs.source = fields.system and trim(held.need) = fields.object || '.' || fields.canonical_field
    left join {{ ref('int_unmapped_fields') }} as unmapped
        on fields.system = unmapped.source and fields.object = unmapped.table_name
        and fields.canonical_field = unmapped.canonical_field
    where fields.canonical_field is null or unmapped.canonical_field is not null
    group by needs.rule_id
),

judged as (
    select
        needs.rule_id,
        bool_or(gates.gate = 'never') as is_never,
        bool_or(gates.gate = 'stale') as is_stale,
        string_agg(gates.gate_reason, ' ' order by gates.source) filter (where gates.gate <> 'complete') as gate_reason
    from needs
    inner join gates on needs.source = gates.source
    group by needs.rule_id
),

final as (
    select
        rules.rule_id,
        rules.report,
        rules.title,
        rules.severity,
        rules.kind,
        resolved.needs,
        rules.owner_team,
        rules.what_to_do,
        -- what is made in Airtable helps nobody who has no engagements there
        case
            when rules.fix_action not like 'create_airtable%' or contains(engagement_gate.stores, 'airtable')
                then rules.fix_action
        end as fix_action,
        rules.reason as rule_reason,
        coalesce(modes.mode, 'on') as mode,
        case
            when judged.is_never or lacking.rule_id is not null then 'not_evaluated'
            when judged.is_stale then 'stale'
            else 'evaluated'
        end as gate,
        nullif(concat_ws(' ', judged.gate_reason, lacking.gate_reason), '') as gate_reason
    from rules
    cross join {{ ref('int_engagement_gate') }} as engagement_gate
    inner join resolved on rules.rule_id = resolved.rule_id
    inner join judged on rules.rule_id = judged.rule_id
    left join lacking on rules.rule_id = lacking.rule_id
    left join modes on rules.rule_id = modes.rule_id
)

select * from final
