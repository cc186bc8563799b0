{#
  A view, dropped and created in one statement and one transaction. The adapter's own way makes it beside the old one, renames both and drops the old one, so that readers
  never miss it; nobody reads the private copy of a sync.
#}
{% materialization view, adapter="duckdb" %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type="view") -%}

    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement("main") -%}
        {%- if existing is not none %}drop {{ existing.type }} if exists {{ existing }};{% endif %}
        {{ create_view_as(target, compiled_code) }}
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}

    {{ return({"relations": [target]}) }}
{% endmaterialization %}
