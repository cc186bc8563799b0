{#
  The data tests that a sync runs with a few queries at its end instead of a node of dbt for each: two hundred nodes take a fifth of its time, and
  what they ask a tenth of that. They are declared and named where every data test is, and `dbt test` runs them one by one.

  A sync leaves these kinds out of its selection and names them here (HANDOFF_CHECKS_AT_ONCE). What each found is logged as JSON. What was
  not built is not checked: such a run publishes nothing.
#}
{% macro checks_at_once(results) %}
    {%- set kinds = env_var("HANDOFF_CHECKS_AT_ONCE", "").split() if execute else [] -%}
    {%- if not kinds -%}{{ return("") }}{%- endif -%}
    {%- set built = results | selectattr("status", "equalto", "success") | map(attribute="node.unique_id") | list -%}
    {%- set tests = [] -%}
    {%- for test in graph.nodes.values() if test.resource_type == "test" and test.test_metadata -%}
        {%- if test.test_metadata.name in kinds -%}
            {%- set config = test.config -%}
            {%- set as_usual = config.error_if == config.warn_if == "!= 0" and not (config.where or config.limit) -%}
            {%- if not (test.attached_node and as_usual) -%}
                {%- set why = " cannot be asked at once: it is about a source, or has where, limit, error_if or warn_if." -%}
                {{ exceptions.raise_compiler_error(test.name ~ why) }}
            {%- endif -%}
            {%- if test.attached_node in built -%}{%- do tests.append(test) -%}{%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for some in tests | batch(24) -%}
        {%- set queries = [] -%}
        {%- for test in some -%}
            {%- set arguments = dict(test.test_metadata.kwargs, model=graph.nodes[test.attached_node].relation_name) -%}
            {%- set query = context["test_" ~ test.test_metadata.name](**arguments) -%}
            {%- do queries.append("select " ~ loop.index0 ~ " as number, count(*) as failures from (" ~ query ~ ") as found") -%}
        {%- endfor -%}
        {%- for number, failures in run_query(queries | join("\nunion all\n")).rows -%}
            {%- set test = some[number | int] -%}
            {%- set found = {"name": test.name, "severity": test.config.severity, "failures": failures | int} -%}
            {%- do log("checked at once: " ~ tojson(found)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return("") }}
{% endmacro %}
