{# Dates and instants. Every engine difference about them stands in this file. #}

{# The organisation's date of an instant: people's days begin and end where they work. #}
{% macro organisation_date(instant) -%}
    cast(timezone({{ organisation('timezone') }}, {{ instant }}) as date)
{%- endmacro %}

{# HubSpot sends dates as YYYY-MM-DD and, from older integrations, as milliseconds of midnight UTC. No zone is applied. #}
{% macro hubspot_date(text) -%}
    coalesce(
        try_cast({{ text }} as date),
        cast(timezone('UTC', to_timestamp(try_cast({{ text }} as bigint) / 1000)) as date),
        cast(timezone('UTC', try_cast({{ text }} as timestamptz)) as date)
    )
{%- endmacro %}

{# HubSpot sends instants as ISO 8601 and, from older integrations, as milliseconds since 1970. #}
{% macro hubspot_instant(text) -%}
    coalesce(try_cast({{ text }} as timestamptz), to_timestamp(try_cast({{ text }} as bigint) / 1000))
{%- endmacro %}

{% macro days_between(first, last) -%}
    date_diff('day', {{ first }}, {{ last }})
{%- endmacro %}

{% macro seconds_between(first, last) -%}
    date_diff('second', {{ first }}, {{ last }})
{%- endmacro %}

{% macro hours_of_minutes(minutes) -%}
    cast({{ minutes }} / 60 as decimal(18, 2))
{%- endmacro %}

{% macro minutes_in_seconds(minutes) -%}
    (cast({{ minutes }} as integer) * 60)
{%- endmacro %}

{% macro seconds_in_days(seconds) -%}
    ({{ seconds }} / 86400.0)
{%- endmacro %}

{% macro add_seconds(instant, seconds) -%}
    ({{ instant }} + to_seconds({{ seconds }}))
{%- endmacro %}

{# 20261105T180000Z: the form in which ids name an instant. #}
{% macro instant_key(instant) -%}
    strftime(timezone('UTC', {{ instant }}), '%Y%m%dT%H%M%SZ')
{%- endmacro %}

{# "3 minutes"; "40 seconds" where it is less than a minute #}
{% macro duration_words(seconds) -%}
    case
        when {{ seconds }} < 60 then {{ count_words(seconds, 'second') }}
        else {{ count_words('cast(floor(' ~ seconds ~ ' / 60) as bigint)', 'minute') }}
    end
{%- endmacro %}

{% macro add_days(day, number) -%}
    cast({{ day }} + cast({{ number }} as integer) as date)
{%- endmacro %}

{# Months that a term touches, both ends included: 2026-02-01 to 2029-01-31 is 36. #}
{% macro months_in_term(first, last) -%}
    (date_diff('month', {{ first }}, {{ last }}) + 1)
{%- endmacro %}

{% macro month_start(day) -%}
    cast(date_trunc('month', {{ day }}) as date)
{%- endmacro %}

{% macro month_end(day) -%}
    last_day({{ day }})
{%- endmacro %}

{# One row for each day from first to last, both included, in the column day_on. #}
{% macro day_series(first, last) -%}
    select cast(day_at as date) as day_on
    from generate_series(cast({{ first }} as timestamp), cast({{ last }} as timestamp), interval 1 day) as series (day_at)
{%- endmacro %}

{# "16 November 2026": the form in which reasons name a day. #}
{% macro day_words(day) -%}
    strftime({{ day }}, '%-d %B %Y')
{%- endmacro %}

{% macro month_words(day) -%}
    strftime({{ day }}, '%B %Y')
{%- endmacro %}

{% macro month_key(day) -%}
    strftime({{ day }}, '%Y-%m')
{%- endmacro %}

{% macro add_months(day, number) -%}
    cast({{ day }} + to_months(cast({{ number }} as integer)) as date)
{%- endmacro %}

{# One row for each whole number from first to last, both included, in the column number. #}
{% macro number_series(first, last) -%}
    select cast(number as integer) as number
    from generate_series(cast({{ first }} as bigint), cast({{ last }} as bigint)) as series (number)
{%- endmacro %}

{# The same day of the week, so many weeks earlier. #}
{% macro weeks_before(day, weeks) -%}
    cast({{ day }} - 7 * cast({{ weeks }} as integer) as date)
{%- endmacro %}

{# "Friday, 13 November 2026" #}
{% macro weekday_words(day) -%}
    strftime({{ day }}, '%A, %-d %B %Y')
{%- endmacro %}

{# Whether people work on this day of the week; holidays are another matter. #}
{% macro is_working_weekday(day) -%}
    list_contains(string_split({{ organisation('working_days') }}, ';'), dayname({{ day }}))
{%- endmacro %}

{% macro working_days_in_week() -%}
    len(string_split({{ organisation('working_days') }}, ';'))
{%- endmacro %}

{# Working days of the week from first to last, both included; 0 when last is earlier. A lambda may hold no subquery, so that the
   names of the days come to it from a list of one. #}
{% macro weekdays_between(first, last) -%}
    list_transform(
        [string_split({{ organisation('working_days') }}, ';')],
        lambda names : len(
            list_filter(
                generate_series({{ first }}, {{ last }}, interval 1 day),
                lambda day_at : list_contains(names, dayname(day_at))
            )
        )
    )[1]
{%- endmacro %}

{# The last day of a year or of a week that begins on the day. #}
{% macro year_after(day) -%}
    {{ add_days(add_months(day, 12), -1) }}
{%- endmacro %}

{% macro week_after(day) -%}
    {{ add_days(day, 6) }}
{%- endmacro %}

{% macro days_in_weeks(weeks) -%}
    (7 * {{ weeks }})
{%- endmacro %}

{# A year's worth of what comes each week, and of an amount that so many days bring. #}
{% macro yearly_of_weekly(amount) -%}
    (52 * {{ amount }})
{%- endmacro %}

{% macro yearly_of_days(amount, days) -%}
    ({{ amount }} / nullif({{ days }}, 0) * 365.25)
{%- endmacro %}

{% macro years_later(day, years) -%}
    {{ add_months(day, '12 * ' ~ years) }}
{%- endmacro %}

{# Calendar years from one day's year to the other's: 2025-12-31 to 2026-01-01 is 1. #}
{% macro years_between(first, last) -%}
    (extract(year from {{ last }}) - extract(year from {{ first }}))
{%- endmacro %}

{# The Monday of the week that holds the day. #}
{% macro week_start(day) -%}
    cast(date_trunc('week', {{ day }}) as date)
{%- endmacro %}
