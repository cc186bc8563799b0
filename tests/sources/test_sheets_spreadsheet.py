"""The billing spreadsheet as a source: its columns are those of a download, what is odd is named, and a key is exchanged as Google wants."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
import reading
from conftest import PROJECT
from loop import findings, run
from reading import settings_of

from pipelines import clock
from pipelines.dialects import SheetsDialect
from pipelines.errors import ConfigurationError, Forbidden, NotFound, RateLimited, Unauthorized, Unavailable
from pipelines.ledger import Ledger
from pipelines.redaction import redacted
from pipelines.rules import load_rules
from pipelines.sandbox.sheets_keys import EDITOR, VIEWER, key_file
from pipelines.sources import sheets_grid
from pipelines.sources.files_billing_sheet import open_billing_sheet_file
from pipelines.sources.landing import Landing
from pipelines.sources.sheets import open_sheets, sheets_rows
from pipelines.sources.sheets_account import READ_SCOPE, WRITE_SCOPE, AccessToken, account_of
from pipelines.sources.sheets_grid import letters
from pipelines.transport import Transport
from pipelines.wire import RateBudget

server, sandbox = reading.server, reading.sandbox


@pytest.fixture(autouse=True)
def _in_no_politeness(monkeypatch):
    """Fifty-five calls a minute are for Google's own servers."""
    monkeypatch.setattr(SheetsDialect, "rate", (1000, 1.0))


def real(sandbox, tmp_path, **given):
    return settings_of("SHEETS_", sandbox, tmp_path, **given)


def landed(sandbox, tmp_path, **given):
    client = open_sheets(real(sandbox, tmp_path, **given), sandbox_url=None)
    landing = Landing("sheets", tmp_path / f"landing-{datetime.now(UTC).timestamp()}")
    try:
        sheets_rows(client, load_rules(PROJECT / "dbt/seeds/default"), as_of=date(2026, 11, 16), landing=landing)
    finally:
        client.transport.close()
    return landing


def rows(landing, table):
    return [row for page in landing.pages(table) for row in page.to_pylist()]


def tab(*lines, rows=1000, columns=26, title="Costs", tab_id=0):
    """Return a tab in which these lines were entered: texts beginning with = are formulas, None is empty."""

    def cell(value):
        if value is None or isinstance(value, dict):
            return value
        kind = "formulaValue" if str(value).startswith("=") else "stringValue" if isinstance(value, str) else "numberValue"
        return {"userEnteredValue": {kind: value}}

    held = [[cell(value) for value in line] for line in lines]
    return {"sheetId": tab_id, "title": title, "rowCount": rows, "columnCount": columns, "rows": held}


def shown_as(number, kind, pattern):
    return {"userEnteredValue": {"numberValue": number}, "numberFormat": {"type": kind, "pattern": pattern}}


def test_a_column_is_known_as_the_one_of_a_download_is(sandbox, tmp_path):
    names = ["Month", 1001, "https://app.hubspot.com/contacts/7/record/0-3/1002", " Fern hub ", None, "heath"]
    lines = [
        names,
        [45901.0, 1.5, None, 3, None, None],
        [None, '=IF(B2>1,"","x")', None, None, "nameless", None],
        ["end", "=B2*2"],
    ]
    sandbox.world.state.sheets.tabs = [tab(*lines)]
    landing = landed(sandbox, tmp_path)
    known = ("column_number", "header", "deal_id", "last_filled_line")
    read = [tuple(row[name] for name in known) for row in rows(landing, "billing_columns")]
    download = tmp_path / "sheet.csv"
    download.write_text(
        "Month,1001,https://app.hubspot.com/contacts/7/record/0-3/1002, Fern hub ,,heath\n2025-09,1.5,,3,,\n,,,,nameless,\nend,3,,,,\n"
    )
    imported = [tuple(row[name] for name in known) for row in open_billing_sheet_file(download).rows()]
    assert read == imported
    assert read[1] == (2, "1001", "1001", 4)
    assert landing.quarantine == []
    formulas = {row["header"]: json.loads(row["formulas_json"]) for row in rows(landing, "billing_columns")}
    assert formulas["1001"] == {"3": '=IF(B2>1,"","x")', "4": "=B2*2"}
    assert formulas["heath"] == {}


def test_a_day_or_an_amount_in_the_header_is_no_number_of_a_deal(sandbox, tmp_path):
    months = [shown_as(46310, "DATE", "yyyy-mm-dd"), shown_as(12345.5, "CURRENCY", "$#,##0.00"), 12345, 12345.5]
    sandbox.world.state.sheets.tabs = [tab(["Deal", *months])]
    read = [(row["header"], row["deal_id"]) for row in rows(landed(sandbox, tmp_path), "billing_columns")]
    assert read == [("Deal", None), ("2026-10-15", None), ("$12,345.50", None), ("12345", "12345"), ("12345.5", None)]


def test_bad_cells_and_names_that_stand_twice_are_set_aside_and_the_rest_is_read(sandbox, tmp_path):
    lines = [["Month", "Fern", "Moor", "Fern", "=1/0", "Heath"], ["a", 1, "=1/0", 2, 3, '=IFERROR(1/0,"")'], ["b", 1, "=C2+1"]]
    sandbox.world.state.sheets.tabs = [tab(*lines)]
    landing = landed(sandbox, tmp_path)
    assert [(row["header"], row["last_filled_line"]) for row in rows(landing, "billing_columns")] == [
        ("Month", 3),
        ("Moor", None),
        ("Heath", None),
    ]
    assert sorted(item["reason"] for item in landing.quarantine) == [
        "2 cells show an error, the first is C2 (#DIV/0!); they count as empty",
        "2 columns are called 'Fern'; call each by one deal or community",
        "E1 shows #DIV/0!; the column has no name",
    ]
    assert {item["table_name"] for item in landing.quarantine} == {"billing_columns"}


def test_a_long_sheet_is_read_in_parts_and_is_the_same(sandbox, tmp_path, monkeypatch):
    whole = landed(sandbox, tmp_path)
    monkeypatch.setattr(sheets_grid, "_LINES", 7)
    sandbox.world.state.sheets.tabs[0]["rowCount"] = 30
    in_parts = landed(sandbox, tmp_path)
    assert rows(in_parts, "billing_columns") == rows(whole, "billing_columns")
    assert len(rows(whole, "billing_columns")) > 20
    assert rows(in_parts, "tabs")[0]["fingerprint"] == rows(whole, "tabs")[0]["fingerprint"]


def parts_with(sandbox, tmp_path, monkeypatch, change):
    """Return the client of a sheet that is read in parts; ``change`` happens after every second answer."""
    monkeypatch.setattr(sheets_grid, "_LINES", 10)
    sandbox.world.state.sheets.tabs[0]["rowCount"] = 30
    client = open_sheets(real(sandbox, tmp_path), sandbox_url=None)
    original, answers = client.transport.request, []

    def request(method, url, **more):
        answer = original(method, url, **more)
        if method == "GET":
            answers.append(url)
            change(len(answers))
        return answer

    client.transport.request = request
    return client, answers


def test_columns_that_move_while_they_are_read_are_read_again(sandbox, tmp_path, monkeypatch):
    header = sandbox.world.state.sheets.tabs[0]["rows"][0]

    def swap_once(number):
        if number == 2:
            header[1], header[2] = header[2], header[1]

    client, answers = parts_with(sandbox, tmp_path, monkeypatch, swap_once)
    grid = client.grid()
    client.transport.close()
    assert grid.headers[1:3] == [header[1]["userEnteredValue"]["stringValue"], header[2]["userEnteredValue"]["stringValue"]]
    assert len(answers) == 3 + 4, "two parts before the move was seen, and all three after the tabs again"


def test_a_sheet_that_grows_all_the_time_is_a_failed_source(sandbox, tmp_path, monkeypatch):
    def grow(_):
        sandbox.world.state.sheets.tabs[0]["columnCount"] += 1

    client, answers = parts_with(sandbox, tmp_path, monkeypatch, grow)
    with pytest.raises(Unavailable, match="were moved each time"):
        client.grid()
    client.transport.close()
    assert len(answers) == 4 * 2


def test_the_tab_of_the_settings_is_read_and_one_that_is_not_there_is_said_with_those_that_are(sandbox, tmp_path):
    sandbox.world.state.sheets.tabs.append(tab(["Month", "it's 2001"], title="Bob's", tab_id=7))
    landing = landed(sandbox, tmp_path, sheets_tab="Bob's")
    assert [row["header"] for row in rows(landing, "billing_columns")] == ["Month", "it's 2001"]
    assert rows(landing, "tabs")[0]["id"].endswith("/7")
    with pytest.raises(ConfigurationError, match="has no tab 'Nowhere'; there are: 'Costs', 'Rates', \"Bob's\""):
        landed(sandbox, tmp_path, sheets_tab="Nowhere")


@pytest.mark.parametrize("lines", [[], [["Month"]], [[None, None], ["a", "b"]]], ids=["empty", "one", "below"])
def test_a_tab_without_columns_is_refused_and_never_taken_for_an_empty_sheet(sandbox, tmp_path, lines):
    sandbox.world.state.sheets.tabs = [tab(*lines)]
    with pytest.raises(ConfigurationError, match="is no billing sheet"):
        landed(sandbox, tmp_path)


# Whose spreadsheet, and with which key


def test_the_address_of_the_spreadsheet_will_do_for_its_id(sandbox, tmp_path):
    address = f"https://docs.google.com/spreadsheets/d/{sandbox.world.state.sheets.spreadsheet_id}/edit?gid=0#gid=0"
    assert len(rows(landed(sandbox, tmp_path, sheets_spreadsheet_id=address), "billing_columns")) > 20


@pytest.mark.parametrize(("given", "words"), [("", "is not, so it is unknown which"), ("Cloud billing", "which is no id")])
def test_without_a_spreadsheet_nothing_is_asked(sandbox, tmp_path, given, words):
    with pytest.raises(ConfigurationError, match=words):
        open_sheets(real(sandbox, tmp_path, sheets_spreadsheet_id=given), sandbox_url=None)
    assert sandbox.world.requests == []


def test_a_spreadsheet_that_is_not_there_not_shared_or_over_its_quota_is_a_sentence_each(sandbox, tmp_path, monkeypatch):
    with pytest.raises(NotFound, match="Requested entity was not found"):
        landed(sandbox, tmp_path, sheets_spreadsheet_id="1Nowhere000000000000000000000")
    sandbox.world.limits["sheets.is_shared"] = 0
    with pytest.raises(Forbidden, match=r"Share the spreadsheet with the service account's address"):
        landed(sandbox, tmp_path)
    sandbox.world.limits["sheets.requests_per_minute"] = 0
    waits = []
    client = open_sheets(real(sandbox, tmp_path), sandbox_url=None)
    client.transport._sleep = waits.append
    with pytest.raises(RateLimited, match="Quota exceeded"):
        client.grid()
    client.transport.close()
    assert waits == [20.0] * 4, "together longer than the minute of the quota"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "which cannot be read"),
        ("{", "which is no JSON"),
        ("[]", "which is no key of a service account"),
        ('{"type": "authorized_user"}', "which is no key of a service account"),
        ('{"type": "service_account", "client_email": "a@b", "private_key_id": ""}', "private_key_id, private_key is missing"),
    ],
)
def test_a_key_file_that_is_none_is_named_with_its_setting(sandbox, tmp_path, content, words):
    path = tmp_path / "key.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match=words) as caught:
        open_sheets(real(sandbox, tmp_path, sheets_service_account_file=path), sandbox_url=None)
    assert "SHEETS_SERVICE_ACCOUNT_FILE" in caught.value.sentence
    assert str(path) in caught.value.sentence


def changed_key(sandbox, tmp_path, **changed):
    held = json.loads(key_file(VIEWER, f"{sandbox.url}/sheets/token").read_text())
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(held | changed))
    return path


def test_a_key_that_is_no_rsa_key_or_that_google_does_not_know_is_told_without_it(sandbox, tmp_path):
    with pytest.raises(ConfigurationError, match="is no RSA key"):
        landed(
            sandbox, tmp_path, sheets_service_account_file=changed_key(sandbox, tmp_path, private_key="-----BEGIN NOTHING-----")
        )
    with pytest.raises(Unauthorized, match="SHEETS_SERVICE_ACCOUNT_FILE.*account not found"):
        landed(sandbox, tmp_path, sheets_service_account_file=changed_key(sandbox, tmp_path, client_email="who@is.this"))
    other = json.loads(key_file(EDITOR, f"{sandbox.url}/sheets/token").read_text())["private_key"]
    with pytest.raises(Unauthorized, match="Invalid JWT Signature") as caught:
        landed(sandbox, tmp_path, sheets_service_account_file=changed_key(sandbox, tmp_path, private_key=other))
    assert other.splitlines()[1] not in caught.value.sentence
    assert redacted(other.splitlines()[1]) == "***"


def test_the_address_in_the_key_file_is_not_where_the_key_is_shown(sandbox, tmp_path):
    elsewhere = changed_key(sandbox, tmp_path, token_uri="https://elsewhere.example/token")
    assert len(rows(landed(sandbox, tmp_path, sheets_service_account_file=elsewhere), "billing_columns")) > 20


def token_of(sandbox, email, scope, now=None):
    account = account_of(key_file(email, f"{sandbox.url}/sheets/token"), "SHEETS_SERVICE_ACCOUNT_FILE")
    transport = Transport("sheets", base_url=f"{sandbox.url}/sheets")
    transport._budget = RateBudget((1000, 1.0))
    return transport, AccessToken(transport, f"{sandbox.url}/sheets/token", account, scope, now)


def test_a_token_is_asked_for_once_and_again_before_it_ends(sandbox):
    moment = [clock.now()]
    sandbox.world.limits["sheets.token_seconds"] = 300
    transport, token = token_of(sandbox, VIEWER, READ_SCOPE, lambda: moment[0])
    assert sandbox.world.requests == []
    assert token() == token() == "sandbox-token"
    assert transport.request_count == 1
    moment[0] += timedelta(seconds=179)
    token()
    assert transport.request_count == 1
    moment[0] += timedelta(seconds=2)
    token()
    assert transport.request_count == 2
    transport.close()


@pytest.mark.parametrize(
    ("email", "scope", "token"),
    [
        (VIEWER, READ_SCOPE, "sandbox-token"),
        (VIEWER, WRITE_SCOPE, "sandbox-token"),
        (EDITOR, READ_SCOPE, "sandbox-token"),
        (EDITOR, WRITE_SCOPE, "sandbox-write-token"),
    ],
)
def test_only_the_editor_who_asks_to_write_gets_a_token_that_writes(sandbox, email, scope, token):
    transport, access = token_of(sandbox, email, scope)
    assert access() == token
    transport.close()


@pytest.mark.parametrize(("days", "words"), [(1, "iat and exp"), (-1, "iat and exp")])
def test_an_assertion_of_another_day_is_refused(sandbox, days, words):
    transport, access = token_of(sandbox, VIEWER, READ_SCOPE, lambda: clock.now() + timedelta(days=days))
    with pytest.raises(Unauthorized, match=words):
        access()
    transport.close()


def test_a_scope_that_nobody_may_give_is_refused(sandbox):
    transport, access = token_of(sandbox, VIEWER, "https://www.googleapis.com/auth/drive")
    with pytest.raises(Unauthorized, match="invalid_scope"):
        access()
    transport.close()


@pytest.mark.parametrize(("number", "name"), [(1, "A"), (26, "Z"), (27, "AA"), (702, "ZZ"), (703, "AAA")])
def test_columns_have_the_letters_of_a_spreadsheet(number, name):
    assert letters(number) == name


@pytest.mark.thorough
def test_deals_without_a_column_get_one_by_plan_and_apply_and_lose_it_by_undo(copy_of_demo, tmp_path):
    home = copy_of_demo
    profile = shutil.copytree(PROJECT / "dbt/seeds/default", tmp_path / "rules")
    with (profile / "rule_sources.csv").open("a") as sources, (profile / "rule_guards.csv").open("a") as guards:
        sources.write("sheets,Cloud-billing spreadsheet,36,false,A daily sync may miss one run\n")
        guards.write("enabled_recipe,append_billing_column,recipe,Tried here\n")

    def done(*words, code=0):
        ended = run(home, *words, RULES_DIR=str(profile))
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout

    def lacking():
        return {name: row for name, row in findings(home).items() if name.startswith("HG05") and row["status"] == "open"}

    assert not lacking(), "the shipped rules read no spreadsheet"
    done("sync")
    found = lacking()
    assert len(found) == 3
    for row in found.values():
        evidence = {part["field"]: part for part in json.loads(row["evidence"])}
        assert evidence["columns"]["source"] == "sheets"
        assert int(evidence["columns"]["value"]) > 50
        assert evidence["columns"]["seen_at"]
    assert "3 changes" in done("plan", "--system", "sheets", code=2)
    assert "3 applied and read back" in done("apply", "latest")
    done("sync")
    assert not lacking()
    assert checked(home) == {"verified": 3}
    done("undo", "latest", code=2)
    assert "3 applied and read back" in done("apply", "latest")
    done("sync")
    assert lacking().keys() == found.keys()
    assert checked(home) == {"verified": 6}


def checked(home):
    with Ledger.open(home) as ledger:
        assert ledger.verify().is_sound
        return dict(Counter(row["status"] for row in ledger.change_rows(phase="verified")))
