"""The rules that a portal's administrators set on a property are known in the plan, as far as this side can judge them."""

import pytest
from write_back import change, statuses

from pipelines.actions.hubspot_validations import _JUDGES

# kind, arguments, a value at the edge that is taken, one past it, and what the plan says of that
EDGES = [
    ("MAX_LENGTH", ["5"], "birch", "birchs", "at most 5 characters"),
    ("MIN_LENGTH", ["5"], "birch", "birc", "at least 5 characters"),
    ("MAX_NUMBER", ["12"], "12", "12.01", "at most 12"),
    ("MIN_NUMBER", ["12"], "12.0", "11.99", "at least 12"),
    ("DECIMAL", ["2"], "1.250", "1.251", "at most 2 decimal places"),
    ("ALPHANUMERIC", ["ALPHANUMERIC"], "a1", "a-1", "nothing but letters and digits"),
    ("ALPHANUMERIC", ["ALPHA_ONLY"], "ab", "a1", "nothing but letters"),
    ("ALPHANUMERIC", ["NUMERIC_ONLY"], "12", "a1", "nothing but digits"),
    ("START_DATE", ["2026-11-16"], "2026-11-16", "2026-11-15", "a date from 2026-11-16 on"),
    ("END_DATE", ["2026-11-16"], "2026-11-16", "2026-11-17", "a date up to 2026-11-16"),
    ("REGEX", ["[a-z]+-\\d"], "oak-1", "oak", "text like [a-z]+-\\d"),
    (
        "URL_ALLOWED_DOMAINS",
        ["airtable.com"],
        "https://airtable.com/x",
        "https://airtable.com.evil.org/x",
        "an address at airtable.com",
    ),
    ("URL_BLOCKED_DOMAINS", ["evil.org"], "https://airtable.com/x", "https://www.evil.org/x", "no address at evil.org"),
]
# what HubSpot judges by rules of its own, and what nobody can read
LEFT_TO_HUBSPOT = [("EMAIL", ["x"]), ("WHITESPACE", ["x"]), ("REGEX", ["(?<name"]), ("MAX_LENGTH", ["many"]), ("MAX_LENGTH", [])]


@pytest.fixture
def plan_with(write_back, vendors):
    def plan(kind, arguments, value):
        vendors.validations = {"engagement_url": [{"ruleType": kind, "ruleArguments": arguments}]}
        return write_back.plan([change("c", after=value)])

    return plan


@pytest.mark.parametrize("edge", EDGES)
def test_a_value_past_a_rule_is_held_back_and_one_at_its_edge_is_not(plan_with, edge):
    kind, arguments, taken, refused, words = edge
    assert not plan_with(kind, arguments, taken).held_back
    [held] = plan_with(kind, arguments, refused).held_back
    assert f"a rule of the portal wants {words} in the property engagement_url" in held.why


@pytest.mark.parametrize(("kind", "arguments"), LEFT_TO_HUBSPOT)
def test_what_only_hubspot_can_judge_is_left_to_hubspot(plan_with, kind, arguments):
    assert not plan_with(kind, arguments, "anything").held_back


def test_every_rule_that_is_judged_has_its_edge_here():
    assert {kind.removesuffix("TIME") for kind in _JUDGES} == {kind for kind, *_ in EDGES}


def test_a_key_that_may_not_see_the_rules_plans_and_applies_as_before(write_back, vendors):
    vendors.validations = None
    path = write_back.saved([change("c", after="https://airtable.com/x")])
    assert set(statuses(write_back.apply(path)).values()) == {"applied"}
