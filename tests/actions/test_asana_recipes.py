"""What Asana is given: copies that are brought up to date, and the project of an engagement, made from its template."""

import json

import pytest
from vendor_double import BUSY, LOST_AFTER, LOST_BEFORE, Vendors
from write_back import Snapshot, change, deal_url, statuses

from pipelines.sandbox.story import asana as story

PROJECT = "1210000000000001"
VALUE, STATUS, DEAL_URL = "1200000000000103", "1200000000000102", "1200000000000101"


def correction(**columns):
    row = change(
        "correct:value",
        finding_id=f"RC06:engagement-{PROJECT}:amount",
        recipe="correct_drifted_field",
        system="asana",
        object="engagements",
        record_id=PROJECT,
        field="contract_value",
        before="24000",
        after="27000.5",
        policy="if_equal_before",
        record_url=story.project_url(PROJECT),
        needs="hubspot;asana",
    )
    return row | columns


@pytest.fixture(autouse=True)
def project(vendors):
    held = vendors.asana.projects[PROJECT]
    held |= {"name": "Deal 2", "start_on": "2026-12-01", "due_on": "2027-11-30"}
    held["custom_fields"][VALUE] = 24000
    return held


def why(plan):
    [held] = plan.held_back
    return held.why


FIELDS = {
    "value": {},
    "name": {"field": "engagement_name", "before": "Deal 2", "after": "Deal 2, renamed"},
    "end": {"field": "end_on", "before": "2027-11-30", "after": "2027-06-30"},
    "start": {"field": "start_on", "before": "2026-12-01", "after": "2026-10-01"},
    "choice": {"field": "status", "before": "Requested", "after": "In progress"},
    "extension": {"field": "extended_until_on", "before": None, "after": "2026-11-30"},
}


def held(project, field):
    own = {"engagement_name": "name", "start_on": "start_on", "end_on": "due_on"}.get(field)
    gids = {"contract_value": VALUE, "status": STATUS, "extended_until_on": "1200000000000109"}
    return project[own] if own else project["custom_fields"][gids[field]]


@pytest.fixture
def allowed(write_back):
    rows = write_back.rules.table("rule_guards")
    write_back.rules._tables["rule_guards"] = [*rows, {"key": "allowed_field", "value": "asana.engagements.status"}]
    return write_back


@pytest.mark.parametrize("columns", FIELDS.values(), ids=FIELDS)
def test_a_copy_is_brought_up_to_date_found_so_again_and_taken_back(allowed, vendors, project, columns):
    project["custom_fields"][STATUS] = f"{STATUS}01"
    row = correction(**columns)
    before = held(project, row["field"])
    result = allowed.apply(allowed.saved([row]))
    assert statuses(result) == {"correct:value": "applied"}, result.results[0].sentence
    assert held(project, row["field"]) != before
    assert project["due_on"] == (row["after"] if row["field"] == "end_on" else "2027-11-30")
    again = allowed.plan([row])
    assert (again.is_empty, again.equal_already) == (True, 1)
    undone = allowed.apply(allowed.saved([], plan=allowed.undo("latest")))
    assert set(statuses(undone).values()) == {"applied"}, undone.results[0].sentence
    assert held(project, row["field"]) == before
    assert len(vendors.writes) == 2


@pytest.mark.parametrize("columns", FIELDS.values(), ids=FIELDS)
def test_a_copy_that_a_person_changed_since_is_left_to_them(allowed, vendors, project, columns):
    project["custom_fields"][STATUS] = f"{STATUS}01"
    row = correction(**columns)
    path = allowed.saved([row])
    theirs = {VALUE: 25000, STATUS: f"{STATUS}04", "1200000000000109": "2027-01-31"}
    project["custom_fields"].update(theirs)
    project.update(name="Theirs", start_on="2026-11-20", due_on="2027-10-31", modified_at="2026-11-16T10:30:00.000Z")
    result = allowed.apply(path)
    assert statuses(result) == {"correct:value": "conflict"}
    assert (
        "set on 2026-11-16 10:30 UTC (the last change of that project; Asana does not say by whom)" in result.results[0].sentence
    )
    assert vendors.writes == []
    assert "sync again" in why(allowed.plan([row]))


def test_two_days_that_asana_does_not_take_together_are_held_back_and_the_other_day_goes_first(write_back, project):
    later = [
        correction(change_id="start", field="start_on", before="2026-12-01", after="2028-01-01"),
        correction(change_id="end", field="end_on", before="2027-11-30", after="2028-12-31"),
    ]
    first = write_back.plan(later)
    assert [change.change_id for change in first.changes] == ["end"]
    assert "begins on 2028-01-01 and ends on 2027-11-30; correct the other day first" in why(first)
    assert set(statuses(write_back.apply(write_back.saved([], plan=first))).values()) == {"applied"}
    assert set(statuses(write_back.apply(write_back.saved(later))).values()) == {"applied"}
    assert (project["start_on"], project["due_on"]) == ("2028-01-01", "2028-12-31")
    project.update(start_on=None, due_on=None)
    row = correction(field="start_on", before=None, after="2026-10-01")
    assert "takes no start (2026-10-01) without an end" in why(write_back.plan([row]))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"field": "status", "before": None, "after": "Nearly"}, "has no choice 'Nearly'"),
        ({"after": "much"}, "takes a number"),
        ({"field": "end_on", "before": "2027-11-30", "after": "soon"}, "takes a date"),
        ({"field": "extended_until_on", "before": None, "after": "soon"}, "takes a date"),
        ({"field": "no_such_field"}, "may not be written"),
        ({"object": "deliverables"}, "may not be written"),
        ({"record_id": "1"}, "no longer has this project"),
    ],
)
def test_what_asana_would_refuse_is_known_in_the_plan(allowed, columns, words):
    assert words in why(allowed.plan([correction(**columns)]))


def test_a_project_without_the_field_and_a_field_that_is_gone_are_named(write_back, vendors, project):
    del project["custom_fields"][VALUE]
    assert f"the project has no field contract_value ({VALUE})" in why(write_back.plan([correction()]))
    del vendors.asana.custom_fields[VALUE]
    assert f"the workspace has no custom field {VALUE}" in why(write_back.plan([correction()]))


def test_a_link_to_a_project_that_is_gone_is_not_written(write_back, vendors):
    vendors.deals["1"] = {"engagement_url": None}
    row = change("fill", after=story.project_url("1210000000009999"), needs="hubspot;asana")
    assert "Asana no longer has this project (1210000000009999)" in why(write_back.plan([row]))
    assert not write_back.plan([row | {"after": story.project_url(PROJECT)}]).held_back


# The project of an engagement


TOLD = set(Vendors().asana.projects)
TEMPLATE, PORTFOLIO = story.TEMPLATE, story.PORTFOLIO
DEAL = "777000"


def making(deal_id=DEAL, **values):
    content = {
        "engagement_name": f"Deal {deal_id}",
        "deal_url": deal_url(deal_id),
        "status": "Requested",
        "community_name": "Birch",
        "start_on": "2026-12-01",
        "end_on": "2027-11-30",
        "template": TEMPLATE,
        "portfolio": PORTFOLIO,
        "status_type": "on_track",
    }
    return change(
        f"create-{deal_id}",
        finding_id=f"HG01:deal-{deal_id}",
        recipe="create_asana_engagement",
        system="asana",
        object="engagements",
        record_id=None,
        field=None,
        after=json.dumps({name: value for name, value in (content | values).items() if value is not None}),
        natural_key=deal_url(deal_id),
        is_reversible=False,
        needs="hubspot;asana",
    )


def with_link(deal_id=DEAL, **values):
    after = {"record_id": deal_id, "after": f"{{created:create-{deal_id}.url}}", "depends_on": f"create-{deal_id}"}
    return [
        making(deal_id, **values),
        change(f"link-{deal_id}", **after, finding_id=f"HG01:deal-{deal_id}", needs="hubspot;asana"),
    ]


@pytest.fixture(autouse=True)
def _a_deal(vendors):
    vendors.deals[DEAL] = {"engagement_url": None}


def made(vendors):
    """Return the projects that are not of the story."""
    return [gid for gid in vendors.asana.projects if gid not in TOLD]


def requests_of(vendors):
    return [(method, path.removeprefix("/asana/api/1.0")) for method, path, _ in vendors.writes if path.startswith("/asana")]


def test_a_project_is_made_from_its_template_filled_put_into_the_portfolio_and_linked(write_back, vendors):
    result = write_back.apply(write_back.saved(with_link()))
    assert set(statuses(result).values()) == {"applied"}, [row.sentence for row in result.results]
    [gid] = made(vendors)
    project = vendors.asana.projects[gid]
    assert (project["name"], project["start_on"], project["due_on"]) == (f"Deal {DEAL}", "2026-12-01", "2027-11-30")
    assert project["created_from_template"] == TEMPLATE
    tasks = [task["name"] for task in vendors.asana.tasks.values() if task["project"] == gid]
    assert tasks == ["Kick-off with the community", "Hand over to support"]
    assert (project["custom_fields"][DEAL_URL], project["custom_fields"][STATUS]) == (deal_url(DEAL), f"{STATUS}01")
    assert vendors.asana.portfolios[PORTFOLIO]["items"].count(gid) == 1
    [update] = [row for row in vendors.asana.status_updates.values() if row["parent"] == gid]
    assert (update["status_type"], update["text"]) == ("on_track", f"Made by handoff for {deal_url(DEAL)}")
    assert vendors.deals[DEAL]["engagement_url"] == story.project_url(gid)
    assert requests_of(vendors) == [
        ("POST", f"/project_templates/{TEMPLATE}/instantiateProject"),
        ("POST", f"/portfolios/{PORTFOLIO}/addItem"),
        ("POST", "/status_updates"),
        ("PUT", f"/projects/{gid}"),
    ]
    again = write_back.plan(with_link())
    assert (again.is_empty, again.equal_already) == (True, 2)
    undo = write_back.undo("latest")
    assert [item.change.change_id.rsplit(":", 1)[-1] for item in undo.held_back] == [f"create-{DEAL}"]
    assert story.project_url(gid) in undo.held_back[0].why


def test_without_a_portfolio_or_a_first_status_none_is_sent(write_back, vendors):
    write_back.apply(write_back.saved([making(portfolio=None, status_type=None)]))
    [gid] = made(vendors)
    assert [path for _, path in requests_of(vendors)][1:] == [f"/projects/{gid}"]


@pytest.mark.parametrize(
    "fault", [LOST_AFTER, *(pytest.param(other, marks=pytest.mark.thorough) for other in (LOST_BEFORE, BUSY))]
)
@pytest.mark.parametrize("step", range(4))
def test_whichever_answer_is_lost_one_project_is_made_once(write_back, vendors, step, fault):
    """What was begun is found by its marked name, and goes on where it stopped."""
    vendors.faults = [None] * step + [fault]
    vendors.asana_limits["asana.job_seconds"] = 600 if step == 0 else 0
    result = write_back.apply(write_back.saved([making()]))
    vendors.asana_limits["asana.job_seconds"] = 0
    if step == 0:  # a job may be running, so nobody says that nothing was made
        assert statuses(result) == {f"create-{DEAL}": "unknown"}
    for _ in range(2):
        plan = write_back.plan([making()])
        if plan.is_empty:
            break
        write_back.apply(write_back.saved([], plan=plan))
    assert plan.equal_already == 1
    [gid] = made(vendors)
    assert vendors.asana.projects[gid]["name"] == f"Deal {DEAL}"
    assert vendors.asana.portfolios[PORTFOLIO]["items"].count(gid) == 1
    assert len([row for row in vendors.asana.status_updates.values() if row["parent"] == gid]) == 1
    assert write_back.unsettled() == []


def test_a_job_that_fails_makes_nothing_and_one_that_takes_long_is_settled_later(write_back, vendors):
    vendors.asana_limits |= {"asana.job_seconds": 600, "asana.failing_jobs": 1}
    result = write_back.apply(write_back.saved([making()]))
    assert statuses(result) == {f"create-{DEAL}": "failed"}
    assert "ended as 'failed'" in result.results[0].sentence
    assert made(vendors) == []
    vendors.asana_limits |= {"asana.job_polls": 1000, "asana.failing_jobs": 0}
    result = write_back.apply(write_back.saved([making()]))
    assert statuses(result) == {f"create-{DEAL}": "unknown"}
    assert "has not made the project yet" in result.results[0].sentence
    vendors.asana_limits["asana.job_seconds"] = 0
    result = write_back.apply(write_back.saved([making()]))
    assert "it was written" in result.settled[0]
    assert max(write_back.slept) > 50  # an interrupted job is given its time before the workspace is asked
    assert statuses(result) == {f"create-{DEAL}": "applied"}
    assert len(made(vendors)) == 1


def test_a_project_that_names_the_deal_is_not_joined_by_a_second_one(write_back, vendors, project):
    path = write_back.saved([making()])
    project["custom_fields"][DEAL_URL] = deal_url(DEAL).replace("4400001", "99")
    result = write_back.apply(path)
    assert statuses(result) == {f"create-{DEAL}": "conflict"}
    assert "names this deal in another portal" in result.results[0].sentence
    project["custom_fields"][DEAL_URL] = deal_url(DEAL)
    again = write_back.plan(with_link())
    assert again.equal_already == 1
    assert [change.after for change in again.changes] == [story.project_url(PROJECT)]
    project["custom_fields"][STATUS] = f"{STATUS}06"  # called off
    assert not write_back.plan([making()]).is_empty
    project["custom_fields"][STATUS] = f"{STATUS}01"
    vendors.asana.projects["1210000000000002"]["custom_fields"][DEAL_URL] = deal_url(DEAL)
    assert "2 projects name this deal already" in why(write_back.plan([making()]))
    assert vendors.writes == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"template": "1"}, "the template 1 of rule_engagement_templates.csv is not there"),
        ({"template": None}, "names no template for this pipeline"),
        ({"portfolio": "1"}, "the portfolio 1 of rule_engagement_templates.csv is not there"),
        ({"status_type": "splendid"}, "Asana has no status 'splendid'"),
        ({"status": "Nearly"}, "has no choice 'Nearly'"),
        ({"start_on": None}, "the template asks for 'Start Date', and the deal has no such day"),
        ({"end_on": "2026-12-01"}, "begins on 2026-12-01 and ends on 2026-12-01"),
    ],
)
def test_what_cannot_be_made_is_held_back_with_its_reason(write_back, values, words):
    assert words in why(write_back.plan([making(**values)]))


def test_a_template_that_asks_for_what_handoff_does_not_know_is_named(write_back, vendors):
    asked = {"gid": "17", "name": "Training day", "description": ""}
    vendors.asana.project_templates[TEMPLATE]["requested_dates"].append(asked)
    assert "the template asks for 'Training day', which handoff does not know" in why(write_back.plan([making()]))


def test_a_deal_that_was_lost_meanwhile_gets_no_project(write_back, vendors):
    vendors.deals[DEAL] = {"dealstage": "1007", "dealname": f"Deal {DEAL}"}
    snapshot = Snapshot([making()], deals={DEAL: {"dealstage": "1006", "dealname": f"Deal {DEAL}"}})
    assert "which was 'closed won' in the snapshot" in why(write_back.plan(snapshot))
    assert made(vendors) == []
