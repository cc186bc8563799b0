"""Asana's source: every project, task and status is landed whatever the page size, what is odd is named, and a refusal is one sentence."""

from __future__ import annotations

import json
from datetime import date

import pytest
import serving
from conftest import PROJECT

from pipelines.access import probe
from pipelines.dialects import AsanaDialect
from pipelines.errors import ConfigurationError, Forbidden, Unauthorized
from pipelines.rules import load_rules
from pipelines.sandbox.world import READ_TOKEN
from pipelines.settings import load_settings
from pipelines.sources.asana import asana_rows, open_asana
from pipelines.sources.landing import Landing

WORKSPACE, PORTFOLIO = "1200000000000001", "1200000000000003"
STATUS, VALUE = "1200000000000102", "1200000000000103"

server, sandbox = serving.server, serving.sandbox


@pytest.fixture(autouse=True)
def _in_no_politeness(monkeypatch):
    """A hundred and forty calls a minute are for Asana's own servers."""
    monkeypatch.setattr(AsanaDialect, "rate", (1000, 1.0))


@pytest.fixture(scope="module")
def rules():
    return load_rules(PROJECT / "dbt/seeds/default")


def settings(tmp_path, **given):
    return load_settings(handoff_home=tmp_path, _env_file=None, **given)


def real(sandbox, tmp_path, **given):
    chosen = {"asana_access_token": READ_TOKEN, "asana_workspace_id": WORKSPACE, "asana_portfolio_ids": PORTFOLIO} | given
    return settings(tmp_path, asana_base_url=f"{sandbox.url}/asana/api/1.0", **chosen)


def landed(sandbox, tmp_path, rules, chosen=None):
    client = open_asana(chosen or real(sandbox, tmp_path), sandbox_url=None)
    landing = Landing("asana", tmp_path / "landing")
    try:
        asana_rows(client, rules, as_of=date(2026, 11, 16), landing=landing)
    finally:
        client.transport.close()
    return landing


def test_everything_is_landed_whatever_the_pages(sandbox, tmp_path, rules):
    sandbox.limit(asana__page_size=9, asana__offset_expiries=1)
    landing, state = landed(sandbox, tmp_path, rules), sandbox.state.asana
    assert set(landing.values("projects", "id")) == set(state.projects)
    assert set(landing.values("portfolio_items", "project_id")) == set(state.projects)
    assert set(landing.values("tasks", "id")) == set(state.tasks)
    assert set(landing.values("status_updates", "id")) == set(state.status_updates)
    assert set(landing.values("custom_fields", "id")) == set(state.custom_fields)
    assert landing.quarantine == []
    cells = {gid: json.loads(text) for gid, text in landing.values("projects", "id", "custom_fields_json")}
    for gid, project in state.projects.items():
        assert cells[gid].get(VALUE) == project["custom_fields"][VALUE]
    assert {found.get(STATUS) for found in cells.values()} >= {"In progress", "Complete"}
    emails = landing.values("users", "email")
    assert emails
    assert all(email.startswith("hmac:") for email in emails)


def test_a_project_that_the_list_does_not_show_is_asked_for_and_one_that_is_hidden_is_named(
    sandbox, tmp_path, rules, monkeypatch
):
    hidden, shy = list(sandbox.state.asana.projects)[:2]
    sandbox.state.asana.projects[shy]["archived"] = True  # is found by the list of archived ones
    listed = open_asana(real(sandbox, tmp_path), sandbox_url=None)
    kind = type(listed)
    original = kind.listed

    def without(self, path, opt_fields, **params):
        for record in original(self, path, opt_fields, **params):
            if path != "/projects" or record["gid"] != hidden:
                yield record

    monkeypatch.setattr(kind, "listed", without)
    landing = landed(sandbox, tmp_path, rules)
    assert {hidden, shy} <= set(landing.values("projects", "id"))
    monkeypatch.setattr(kind, "record", _forbidding(kind.record, hidden))
    landing = landed(sandbox, tmp_path / "again", rules)
    assert [(row["table_name"], row["record_ref"]) for row in landing.quarantine] == [("projects", hidden)]
    assert hidden not in landing.values("projects", "id")


def _forbidding(original, gid):
    def record(self, path, opt_fields):
        if path.endswith(gid):
            raise Forbidden("Asana does not show this project.")
        return original(self, path, opt_fields)

    return record


def test_cells_of_a_strange_type_are_named_and_kept_as_displayed(sandbox, tmp_path, rules, monkeypatch):
    client_kind = type(open_asana(real(sandbox, tmp_path), sandbox_url=None))
    original, strange = client_kind.listed, next(iter(sandbox.state.asana.projects))
    new = [
        {"gid": "1", "name": "Score", "resource_subtype": "reference", "display_value": "7"},
        {"gid": "2", "name": "Size", "resource_subtype": "date", "date_value": "soon"},
    ]

    def with_strange(self, path, opt_fields, **params):
        for record in original(self, path, opt_fields, **params):
            yield record | {"custom_fields": new} if path == "/projects" and record["gid"] == strange else record

    monkeypatch.setattr(client_kind, "listed", with_strange)
    landing = landed(sandbox, tmp_path, rules)
    assert dict(landing.values("projects", "id", "custom_fields_json"))[strange] == '{"1":"7"}'
    assert [row["record_ref"] for row in landing.quarantine] == [f"{strange}/1", f"{strange}/2"]


@pytest.mark.parametrize(
    ("given", "limits", "error", "words"),
    [
        ({"asana_access_token": "wrong"}, {}, Unauthorized, "ASANA_ACCESS_TOKEN"),
        ({"asana_workspace_id": None}, {}, ConfigurationError, "ASANA_WORKSPACE_ID"),
        ({"asana_portfolio_ids": "Active"}, {}, ConfigurationError, "which is no gid"),
        ({}, {"asana__is_free": 1}, Forbidden, "plan does not include"),
    ],
)
def test_a_refusal_is_one_sentence_with_the_next_step(sandbox, tmp_path, rules, *, given, limits, error, words):
    sandbox.limit(**limits)
    with pytest.raises(error, match=words):
        landed(sandbox, tmp_path, rules, real(sandbox, tmp_path, **given))


def test_a_429_is_waited_out(sandbox, tmp_path, rules):
    sandbox.limit(asana__requests_per_minute=60, asana__retry_after_seconds=0)
    assert landed(sandbox, tmp_path, rules).quarantine == []


def test_doctor_says_what_the_token_opens(sandbox, tmp_path, rules):
    access = probe("asana", real(sandbox, tmp_path), rules)
    assert "opens the workspace" in access.fine
    assert access.to_do == []
    without = probe("asana", real(sandbox, tmp_path, asana_portfolio_ids=""), rules)
    assert any("ASANA_PORTFOLIO_IDS is not set" in sentence for sentence in without.to_do)
    asked = {entry["method"] for entry in sandbox.world.requests}
    assert asked == {"GET"}
