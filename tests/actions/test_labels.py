"""Labels between a deal and its people: added beside those that stand there, left alone when somebody was first, taken back alone."""

import pytest
from vendor_double import BUSY, LOST_AFTER
from write_back import change, statuses

from pipelines.actions.plan import save_plan
from pipelines.actions.rendering import plan_lines


def label(contact="7", after="Buyer", **columns):
    return change(
        f"label-{contact}",
        finding_id="missing_intake:deal-1:role-buyer",
        recipe="add_hubspot_label",
        field=f"contact_label:{contact}",
        after=after,
        needs="hubspot",
        **columns,
    )


@pytest.fixture(autouse=True)
def _linked(vendors):
    vendors.links.update({("1", "7"): set(), ("1", "8"): {"Champion"}})


def why(plan):
    [held] = plan.held_back
    return held.why


def test_a_label_is_added_and_a_second_plan_finds_nothing_to_do(write_back, vendors):
    assert statuses(write_back.apply(write_back.saved([label()]))) == {"label-7": "applied"}
    assert vendors.links["1", "7"] == {"Buyer"}
    again = write_back.plan([label()])
    assert again.is_empty
    assert again.equal_already == 1


def test_a_label_that_stands_there_already_is_kept_by_the_one_that_is_added(write_back, vendors):
    row = label("8", after="Buyer;Champion", policy="if_equal_before", before="Champion")
    assert statuses(write_back.apply(write_back.saved([row]))) == {"label-8": "applied"}
    assert vendors.links["1", "8"] == {"Buyer", "Champion"}


def test_a_person_who_was_given_another_label_since_is_left_alone(write_back, vendors):
    path = write_back.saved([label()])
    vendors.links["1", "7"] = {"Champion"}
    result = write_back.apply(path)
    assert statuses(result) == {"label-7": "conflict"}
    assert "holds 'Champion' now" in result.results[0].sentence
    assert vendors.writes == []


def test_a_person_who_is_not_linked_any_more_is_a_conflict(write_back, vendors):
    path = write_back.saved([label()])
    vendors.links.clear()
    result = write_back.apply(path)
    assert statuses(result) == {"label-7": "conflict"}
    assert "is not linked with contacts 7 any more" in result.results[0].sentence


def test_a_label_is_shown_with_the_person_whom_it_is_given(write_back):
    lines = plan_lines(write_back.plan([label()]))
    assert any("HubSpot deal 1, label of contact 7" in line for line in lines)


def test_a_label_that_the_portal_does_not_have_is_held_back(write_back):
    assert "the portal has no label 'Payer' from deals to contacts (it has Buyer, Champion)" in why(
        write_back.plan([label(after="Payer")])
    )


def test_labels_are_on_the_list_of_what_may_be_written(write_back):
    rows = write_back.rules._tables["rule_guards"]
    write_back.rules._tables["rule_guards"] = [row for row in rows if row["value"] != "hubspot.deals.contact_label"]
    assert "hubspot.deals.contact_label may not be written" in why(write_back.plan([label()]))


@pytest.mark.parametrize(("fault", "status", "labels"), [(LOST_AFTER, "applied", {"Buyer"}), (BUSY, "failed", set())])
def test_a_lost_answer_is_settled_by_reading(write_back, vendors, fault, status, labels):
    path = write_back.saved([label()])
    vendors.faults = [fault]
    assert statuses(write_back.apply(path)) == {"label-7": status}
    assert vendors.links["1", "7"] == labels
    assert len(vendors.writes) == 1


def test_an_undo_takes_away_the_label_that_was_added_and_no_other(write_back, vendors):
    row = label("8", after="Buyer;Champion", policy="if_equal_before", before="Champion")
    path = write_back.saved([row, label()])
    write_back.apply(path)
    result = write_back.apply(save_plan(write_back.undo(path.stem), write_back.home))
    assert set(statuses(result).values()) == {"applied"}
    assert vendors.links == {("1", "7"): set(), ("1", "8"): {"Champion"}}


def test_an_undo_leaves_alone_whom_somebody_gave_a_further_label(write_back, vendors):
    path = write_back.saved([label()])
    write_back.apply(path)
    vendors.links["1", "7"] = {"Buyer", "Champion"}
    assert "now holds 'Buyer;Champion' where handoff wrote 'Buyer'" in why(write_back.undo(path.stem))


def renewal():
    return change(
        "renewal:deal-2:of-deal-1",
        finding_id="RN01:deal-1",
        recipe="link_renewal_deal",
        record_id="2",
        field="deal_label:1",
        after="Renewal of",
        needs="hubspot",
    )


def test_two_deals_that_nothing_links_are_linked_by_the_label_once(write_back, vendors):
    assert statuses(write_back.apply(write_back.saved([renewal()]))) == {"renewal:deal-2:of-deal-1": "applied"}
    assert vendors.renewals == {("2", "1"): True}
    assert write_back.plan([renewal()]).equal_already == 1


def test_a_renewal_that_somebody_linked_since_is_not_written_again(write_back, vendors):
    path = write_back.saved([renewal()])
    vendors.renewals["2", "1"] = True
    assert statuses(write_back.apply(path)) == {"renewal:deal-2:of-deal-1": "already"}
    assert vendors.writes == []


def test_an_undo_takes_the_label_of_a_renewal_away(write_back, vendors):
    path = write_back.saved([renewal()])
    write_back.apply(path)
    result = write_back.apply(save_plan(write_back.undo(path.stem), write_back.home))
    assert set(statuses(result).values()) == {"applied"}
    assert vendors.renewals == {("2", "1"): False}
