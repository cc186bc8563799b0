"""What Airtable is given beside engagements: projects and deliverables for what was sold, and copies that are brought up to date."""

import json

import pytest
from airtable_double import ENGAGEMENTS
from vendor_double import LOST_AFTER
from write_back import change, deal_url, engagement_changes, statuses

BASE = "https://airtable.com/appHandoffDemo000"
ENGAGEMENT = "recEngagement0001"
ITEM = "https://app-na2.hubspot.com/contacts/4400001/record/0-8/61"


def planned(kind, change_id, values, natural_key, depends_on=None):
    return change(
        change_id,
        finding_id="HG03:deal-2",
        recipe=f"create_airtable_{kind}",
        system="airtable",
        object=f"{kind}s",
        record_id=None,
        field=None,
        after=json.dumps(values),
        natural_key=natural_key,
        depends_on=depends_on,
    )


def project(engagement=f"{BASE}/{ENGAGEMENTS}/{ENGAGEMENT}", depends_on=None):
    values = {"project_name": "Deal 2", "engagement": engagement, "deal_url": deal_url(2), "status": "Planned"}
    return planned("project", "project-2", values, deal_url(2), depends_on)


def deliverable(parent="{created:project-2.url}", depends_on="project-2", name="Managed hub"):
    values = {"deliverable_name": name, "project": parent, "line_item_url": ITEM, "status": "Planned"}
    return planned("deliverable", "deliverable-61", values, ITEM, depends_on)


def sold():
    return [project(), deliverable()]


def correction(**columns):
    row = change(
        "correct:value",
        finding_id=f"RC06:engagement-{ENGAGEMENT}:amount",
        recipe="correct_drifted_field",
        system="airtable",
        object="engagements",
        record_id=ENGAGEMENT,
        field="contract_value",
        before="24000",
        after="27000.5",
        policy="if_equal_before",
    )
    return row | columns


@pytest.fixture(autouse=True)
def _an_engagement(vendors):
    vendors.engagements[ENGAGEMENT] = {"fldEngDealUrl0000": deal_url(2), "fldEngValue000000": 24000}


def why(plan):
    [held] = plan.held_back
    return held.why


def test_what_was_sold_is_planned_below_its_engagement_and_a_second_run_changes_nothing(write_back, vendors):
    result = write_back.apply(write_back.saved(sold()))
    assert set(statuses(result).values()) == {"applied"}
    [(project_id, held)] = vendors.projects.items()
    assert held["fldPrjEngagement0"] == [ENGAGEMENT]
    [item] = vendors.deliverables.values()
    assert item["fldDlvProject0000"] == [project_id]
    assert item["fldDlvLineItem000"] == ITEM
    again = write_back.plan(sold())
    assert again.is_empty
    assert again.equal_already == 2


def test_engagement_project_and_deliverable_are_made_in_one_go_each_below_the_one_before(write_back, vendors):
    vendors.engagements.clear()
    create = engagement_changes()
    changes = [*create, project(f"{{created:{create[0]['change_id']}.url}}", create[0]["change_id"]), deliverable()]
    result = write_back.apply(write_back.saved(changes))
    assert set(statuses(result).values()) == {"applied"}, [row.sentence for row in result.results]
    [made] = vendors.engagements
    [(project_id, held)] = vendors.projects.items()
    assert held["fldPrjEngagement0"] == [made]
    assert next(iter(vendors.deliverables.values()))["fldDlvProject0000"] == [project_id]
    assert vendors.deals["2"]["engagement_url"].endswith(made)


def test_a_lost_answer_leaves_one_project_and_one_deliverable(write_back, vendors):
    vendors.faults = [LOST_AFTER, LOST_AFTER]
    result = write_back.apply(write_back.saved(sold()))
    assert set(statuses(result).values()) == {"applied"}
    assert (len(vendors.projects), len(vendors.deliverables)) == (1, 1)


def test_a_project_that_a_person_made_meanwhile_is_not_joined_by_a_second_one(write_back, vendors):
    path = write_back.saved(sold())
    vendors.projects["recPerson00000001"] = {"fldPrjEngagement0": [ENGAGEMENT], "fldPrjName0000000": "Theirs"}
    result = write_back.apply(path)
    assert statuses(result) == {"project-2": "conflict", "deliverable-61": "skipped"}
    assert "recPerson00000001 may be what is wanted" in result.results[0].sentence
    assert list(vendors.projects) == ["recPerson00000001"]
    assert "may be what is wanted" in write_back.plan([project()]).held_back[0].why


def test_a_deliverable_of_that_name_or_with_the_address_of_that_line_item_is_not_made_again(write_back, vendors):
    vendors.projects["recPerson00000001"] = {"fldPrjEngagement0": [ENGAGEMENT]}
    wanted = deliverable(f"{BASE}/tblProjects000000/recPerson00000001", None)
    vendors.deliverables["recTheirs00000001"] = {
        "fldDlvProject0000": ["recPerson00000001"],
        "fldDlvName0000000": "Managed  hub",
    }
    assert "recTheirs00000001 may be what is wanted" in why(write_back.plan([wanted]))
    vendors.deliverables["recTheirs00000001"]["fldDlvLineItem000"] = ITEM
    assert write_back.plan([wanted]).equal_already == 1
    vendors.deliverables["recTheirs00000001"]["fldDlvLineItem000"] = ITEM.replace("4400001", "99")
    assert "in another portal" in why(write_back.plan([wanted]))


def test_a_link_that_leads_to_no_record_of_its_table_is_shown_in_the_plan(write_back):
    assert "takes the address of a record" in why(write_back.plan([project("https://example.org")]))
    elsewhere = project(f"{BASE}/tblDeliverables00/recElsewhere00001")
    assert "takes records of another table" in why(write_back.plan([elsewhere]))


def test_a_copy_is_brought_up_to_date_and_taken_back(write_back, vendors):
    assert statuses(write_back.apply(write_back.saved([correction()]))) == {"correct:value": "applied"}
    assert vendors.engagements[ENGAGEMENT]["fldEngValue000000"] == 27000.5
    assert write_back.plan([correction()]).equal_already == 1
    write_back.apply(write_back.saved([], plan=write_back.undo("latest")))
    assert vendors.engagements[ENGAGEMENT]["fldEngValue000000"] == 24000


def test_a_copy_that_a_person_changed_since_the_snapshot_is_left_to_them(write_back, vendors):
    path = write_back.saved([correction()])
    vendors.engagements[ENGAGEMENT]["fldEngValue000000"] = 25000
    result = write_back.apply(path)
    assert statuses(result) == {"correct:value": "conflict"}
    assert "holds '25000' now" in result.results[0].sentence
    assert "where the snapshot saw '24000'; sync again" in why(write_back.plan([correction()]))
