"""The sandbox's spreadsheet: cells as they are entered and shown, batches that are carried out whole or not at all, Google's refusals."""

from __future__ import annotations

import json
import re
import time
from itertools import pairwise

import pytest
import serving
from joserfc import jwt
from joserfc.jwk import RSAKey

from pipelines.sandbox.sheets_cells import masked
from pipelines.sandbox.sheets_formulas import CellError, NotBuilt, evaluated, moved
from pipelines.sandbox.sheets_keys import EDITOR, VIEWER, key_file

READ, WRITE = (f"https://www.googleapis.com/auth/spreadsheets{kind}" for kind in (".readonly", ""))

server = serving.server


@pytest.fixture
def sandbox(server):
    sandbox = server.fresh()
    sandbox.state.sheets.tabs = [
        {"sheetId": 0, "title": "Costs", "rowCount": 100, "columnCount": 4, "rows": entered(*LINES)},
        {"sheetId": 9, "title": "It's", "rowCount": 10, "columnCount": 2, "rows": entered(["=Costs!B2+Costs!C2", 'say "B2"'])},
    ]
    return sandbox


LINES = (
    ["Month", "Fern", "Moor"],
    [{"userEnteredValue": {"numberValue": 45931}, "numberFormat": {"type": "DATE", "pattern": "yyyy-mm"}}, 1234.5, 2],
    [],
    ["Sum", "=SUM(B2:B3)", "=SUM($B2:C$3)", "=1/0"],
)


def entered(*lines):
    def cell(value):
        if value is None or isinstance(value, dict):
            return value
        kind = "formulaValue" if str(value).startswith("=") else "stringValue" if isinstance(value, str) else "numberValue"
        return {"userEnteredValue": {kind: value}}

    return [[cell(value) for value in line] for line in lines]


@pytest.fixture
def reader(sandbox):
    with sandbox.reader("sheets") as client:
        yield client


@pytest.fixture
def writer(sandbox):
    with sandbox.client("sheets") as client:
        yield client


def place(sandbox):
    return f"/v4/spreadsheets/{sandbox.state.sheets.spreadsheet_id}"


def refused(answer):
    error = answer.json()["error"]
    assert error.keys() == {"code", "message", "status"}
    assert error["code"] == answer.status_code
    return answer.status_code, error["status"], error["message"]


def batch(client, sandbox, *requests, **more):
    return client.post(f"{place(sandbox)}:batchUpdate", json={"requests": list(requests)} | more)


def columns(start, end, tab=0, **more):
    return {"sheetId": tab, "dimension": "COLUMNS", "startIndex": start, "endIndex": end} | more


def formulas(sandbox):
    return [
        cell["userEnteredValue"]["formulaValue"]
        for tab in sandbox.state.sheets.tabs
        for row in tab["rows"]
        for cell in row
        if cell and "formulaValue" in cell.get("userEnteredValue", {})
    ]


# Reading


def test_a_spreadsheet_shows_its_tabs_and_cells_only_on_request(sandbox, reader):
    whole = reader.get(place(sandbox)).json()
    assert [tab["properties"]["title"] for tab in whole["sheets"]] == ["Costs", "It's"]
    assert whole["sheets"][0]["properties"]["gridProperties"] == {"rowCount": 100, "columnCount": 4}
    assert "data" not in whole["sheets"][0]
    with_cells = reader.get(place(sandbox), params={"includeGridData": "true"}).json()
    assert len(with_cells["sheets"][0]["data"][0]["rowData"]) == 4
    named = reader.get(
        place(sandbox), params={"fields": "spreadsheetId,sheets.properties.title", "includeGridData": "true"}
    ).json()
    assert named["sheets"] == [{"properties": {"title": "Costs"}}, {"properties": {"title": "It's"}}]


def test_cells_tell_what_was_entered_what_it_comes_to_and_what_is_shown(sandbox, reader):
    params = {"ranges": "Costs!A2:D4", "fields": "sheets(data)"}
    [tab] = reader.get(place(sandbox), params=params).json()["sheets"]
    [data] = tab["data"]
    assert data["startRow"] == 1
    assert "startColumn" not in data
    month, cost, _ = data["rowData"][0]["values"]
    assert month["formattedValue"] == "2025-10"
    assert month["effectiveFormat"] == {"numberFormat": {"type": "DATE", "pattern": "yyyy-mm"}}
    assert cost["effectiveValue"] == {"numberValue": 1234.5}
    assert data["rowData"][1] == {}
    word, own, area, wrong = data["rowData"][2]["values"]
    assert word["userEnteredValue"] == {"stringValue": "Sum"}
    assert own == {
        "userEnteredValue": {"formulaValue": "=SUM(B2:B3)"},
        "effectiveValue": {"numberValue": 1234.5},
        "formattedValue": "1234.5",
    }
    assert area["effectiveValue"] == {"numberValue": 1236.5}
    assert wrong["effectiveValue"]["errorValue"]["type"] == "DIVIDE_BY_ZERO"
    assert wrong["formattedValue"] == "#DIV/0!"


@pytest.mark.parametrize(
    ("rendering", "line"),
    [
        ("", ["Sum", "1234.5", "1236.5", "#DIV/0!"]),
        ("UNFORMATTED_VALUE", ["Sum", 1234.5, 1236.5, "#DIV/0!"]),
        ("FORMULA", ["Sum", "=SUM(B2:B3)", "=SUM($B2:C$3)", "=1/0"]),
    ],
)
def test_values_are_rendered_as_asked_and_ragged(sandbox, reader, rendering, line):
    params = {"valueRenderOption": rendering} if rendering else {}
    values = reader.get(f"{place(sandbox)}/values/Costs!A1:D9", params=params).json()
    assert [len(row) for row in values["values"]] == [3, 3, 0, 4]
    assert values["values"][3] == line
    several = reader.get(f"{place(sandbox)}/values:batchGet", params={"ranges": ["'It''s'!A1", "Costs!4:4"], **params}).json()
    assert [found["range"] for found in several["valueRanges"]] == ["'It''s'!A1:A1", "'Costs'!A4:D4"]
    assert several["valueRanges"][1]["values"] == [line]


def test_formulas_look_into_other_tabs_and_a_text_is_no_formula(sandbox, reader):
    values = reader.get(f"{place(sandbox)}/values/It's", params={"valueRenderOption": "UNFORMATTED_VALUE"})
    assert refused(values)[:2] == (400, "INVALID_ARGUMENT")
    values = reader.get(f"{place(sandbox)}/values/'It''s'", params={"valueRenderOption": "UNFORMATTED_VALUE"}).json()
    assert values["values"] == [[1236.5, 'say "B2"']]


def test_a_cell_that_is_reckoned_from_itself_shows_an_error(sandbox, reader):
    sandbox.state.sheets.tabs[0]["rows"][0] = entered(["=B1", "=A1+1"])[0]
    values = reader.get(f"{place(sandbox)}/values/Costs!A1:B1").json()
    assert values["values"] == [["#REF!", "#REF!"]]


@pytest.mark.parametrize(
    ("path", "params", "told"),
    [
        ("", {"ranges": "Nowhere!A1"}, (400, "INVALID_ARGUMENT", "Unable to parse range: Nowhere!A1")),
        ("", {"ranges": "Costs!A101:A200"}, (400, "INVALID_ARGUMENT", "exceeds grid limits. Max rows: 100, max columns: 4")),
        ("", {"fields": "sheets(properties"}, (400, "INVALID_ARGUMENT", "invalid argument")),
        ("", {"fields": "tabs"}, (400, "INVALID_ARGUMENT", "invalid argument")),
        ("/values/A1", {"valueRenderOption": "RAW"}, (400, "INVALID_ARGUMENT", "value_render_option")),
        ("/values/A1", {"majorDimension": "COLUMNS"}, (501, "UNIMPLEMENTED", "majorDimension")),
        ("/values:batchClear", {}, (501, "UNIMPLEMENTED", "The sandbox has no GET")),
        ("/developerMetadata/1", {}, (501, "UNIMPLEMENTED", "The sandbox has no GET")),
    ],
)
def test_what_is_wrong_is_refused_and_what_is_not_built_is_said_to_be_so(sandbox, reader, path, params, told):
    code, status, message = refused(reader.get(f"{place(sandbox)}{path}", params=params))
    assert (code, status) == told[:2]
    assert told[2] in message


def test_refusals_are_googles(sandbox, reader):
    with sandbox.client("sheets", token=None) as nobody:
        assert refused(nobody.get(place(sandbox)))[:2] == (401, "UNAUTHENTICATED")
    assert refused(batch(reader, sandbox))[:2] == (403, "PERMISSION_DENIED")
    assert refused(reader.get("/v4/spreadsheets/another"))[:2] == (404, "NOT_FOUND")
    sandbox.limit(sheets__is_shared=0)
    assert refused(reader.get(place(sandbox)))[:2] == (403, "PERMISSION_DENIED")
    sandbox.limit(sheets__requests_per_minute=0)
    limited = reader.get(place(sandbox))
    assert refused(limited)[:2] == (429, "RESOURCE_EXHAUSTED")
    assert "retry-after" not in limited.headers


# Writing


def test_a_batch_puts_a_column_in_fills_it_and_moves_every_reference_along(sandbox, writer):
    cell = {"userEnteredValue": {"formulaValue": "=B2*2"}}
    fill = {"start": {"sheetId": 0, "rowIndex": 1, "columnIndex": 1}, "rows": [{"values": [cell]}], "fields": "userEnteredValue"}
    done = batch(writer, sandbox, {"insertDimension": {"range": columns(1, 2), "inheritFromBefore": True}}, {"updateCells": fill})
    assert done.json()["replies"] == [{}, {}]
    assert formulas(sandbox) == ["=B2*2", "=SUM(C2:C3)", "=SUM($C2:D$3)", "=1/0", "=Costs!C2+Costs!D2"]
    assert sandbox.state.sheets.tabs[0]["columnCount"] == 5
    assert [(cell or {}).get("userEnteredValue") for cell in sandbox.state.sheets.tabs[0]["rows"][0]][1:3] == [
        None,
        {"stringValue": "Fern"},
    ]


def test_a_deleted_column_leaves_errors_where_it_alone_was_meant_and_shortens_areas(sandbox, writer, reader):
    assert batch(writer, sandbox, {"deleteDimension": {"range": columns(1, 2)}}).status_code == 200
    assert formulas(sandbox) == ["=SUM($B2:B$3)", "=1/0", "=#REF!+Costs!B2"]
    assert reader.get(f"{place(sandbox)}/values/'It''s'!A1").json()["values"] == [["#REF!"]]


def test_a_batch_with_one_wrong_request_changes_nothing(sandbox, writer):
    before = json.dumps(sandbox.state.sheets.tabs)
    insert = {"insertDimension": {"range": columns(1, 2), "inheritFromBefore": True}}
    wrong = {"updateCells": {"start": {"sheetId": 5}, "rows": [], "fields": "userEnteredValue"}}
    assert "Invalid requests[1].updateCells: No grid with id: 5" in refused(batch(writer, sandbox, insert, wrong))[2]
    assert json.dumps(sandbox.state.sheets.tabs) == before


def update(value, row=0, column=0, fields="userEnteredValue"):
    cells = [{"values": [{"userEnteredValue": value}]}]
    return {"updateCells": {"start": {"sheetId": 0, "rowIndex": row, "columnIndex": column}, "rows": cells, "fields": fields}}


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        ({"insertDimension": {"range": columns(4, 5)}}, 400, "must be less than the grid size (4)"),
        ({"insertDimension": {"range": columns(5, 6), "inheritFromBefore": True}}, 400, "must be less than"),
        ({"insertDimension": {"range": columns(0, 1), "inheritFromBefore": True}}, 400, "cannot be true if startIndex is 0"),
        ({"insertDimension": {"range": columns(2, 2)}}, 400, "startIndex below its endIndex"),
        ({"insertDimension": {"range": columns(1, 2, dimension="ROWS")}}, 501, "changes of ROWS"),
        ({"insertDimension": {"range": columns(1, 2), "color": 1}}, 400, "unknown or wrong"),
        ({"deleteDimension": {"range": columns(3, 5)}}, 400, "is after last column"),
        ({"deleteDimension": {"range": columns(0, 4)}}, 400, "can't delete all the columns"),
        (update({"stringValue": 1}), 400, "no value of one kind"),
        (update({"formulaValue": "1"}), 400, "begins with ="),
        (update({"formulaValue": "=QUERY(A1)"}), 501, "QUERY"),
        (update({"stringValue": "x"}, row=100), 400, "beyond the grid"),
        (update({"stringValue": "x"}, fields="*"), 501, "fields '*'"),
        ({"addSheet": {}}, 501, "no addSheet"),
        ({}, 400, "exactly one kind"),
    ],
)
def test_a_request_that_does_not_fit_is_refused_and_changes_nothing(sandbox, writer, request_, code, words):
    before = json.dumps(sandbox.state.sheets.tabs)
    told = refused(batch(writer, sandbox, request_))
    assert told[0] == code
    assert words in told[2]
    assert json.dumps(sandbox.state.sheets.tabs) == before


def test_a_batch_without_requests_or_json_is_refused(sandbox, writer):
    assert refused(batch(writer, sandbox))[0] == 400
    assert refused(writer.post(f"{place(sandbox)}:batchUpdate", content=b"{"))[0] == 400
    assert refused(batch(writer, sandbox, {"addSheet": {}}, responseRanges=["A1"]))[0] == 501


def test_a_cell_that_is_emptied_keeps_its_format(sandbox, writer):
    assert batch(writer, sandbox, update(None, row=1)).status_code == 200
    assert sandbox.state.sheets.tabs[0]["rows"][1][0] == {"numberFormat": {"type": "DATE", "pattern": "yyyy-mm"}}


# The token endpoint


def asked(sandbox, email=VIEWER, key=None, **claims):
    url = f"{sandbox.url}/sheets/token"
    held = json.loads(key_file(email, url).read_text())
    now = int(time.time())
    content = {"iss": email, "scope": READ, "aud": url, "iat": now, "exp": now + 3600} | claims
    signed = jwt.encode({"alg": "RS256"}, content, key or RSAKey.import_key(held["private_key"]))
    with sandbox.client("sheets", token=None) as client:
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        return client.post("/token", data={"grant_type": grant, "assertion": signed})


def test_a_signed_assertion_is_exchanged_for_a_token_that_opens_the_spreadsheet(sandbox):
    token = asked(sandbox).json()
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 3599)
    with sandbox.client("sheets", token=token["access_token"]) as client:
        assert client.get(place(sandbox)).status_code == 200
        assert refused(batch(client, sandbox, {"addSheet": {}}))[0] == 403


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"aud": "https://elsewhere.example/token"}, "invalid_grant"),
        ({"exp": int(time.time()) + 9000}, "invalid_grant"),
        ({"iat": int(time.time()) - 9000, "exp": int(time.time()) - 8000}, "invalid_grant"),
        ({"iss": "nobody@example.org"}, "invalid_grant"),
        ({"scope": "https://www.googleapis.com/auth/drive"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"key": RSAKey.generate_key(2048)}, "invalid_grant"),
    ],
    ids=["audience", "too long", "past", "nobody", "another scope", "no scope", "another key"],
)
def test_an_assertion_that_google_would_not_take_is_refused(sandbox, changed, word):
    answer = asked(sandbox, **changed)
    assert answer.status_code == 400
    assert answer.json()["error"] == word
    assert answer.json()["error_description"]


@pytest.mark.parametrize(
    "body", ["", "grant_type=password", "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=a.b.c"]
)
def test_what_is_no_assertion_is_refused(sandbox, body):
    with sandbox.client("sheets", token=None) as client:
        answer = client.post("/token", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 400
    assert answer.json()["error"] in {"unsupported_grant_type", "invalid_grant"}


def test_asking_for_a_token_is_no_write(sandbox):
    asked(sandbox, EDITOR, scope=WRITE)
    assert [row["is_write"] for row in sandbox.world.requests] == [False]


# Formulas


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("=1+2*3", 7.0),
        ("=(1+2)*3-4/2", 7.0),
        ("=-2^2", 4.0),
        ("=2^-1", 0.5),
        ('="a"&1&TRUE', "a1TRUE"),
        ('=IF(A1>=11,"yes","no")', "yes"),
        ("=IF(1=2,3)", False),
        ("=SUM(A1:B2)", 11.0 + 12 + 21 + 22),
        ("=AVERAGE(A1,B1)", 11.5),
        ("=MAX(A1:B2)-MIN(A1:B2)", 11.0),
        ("=COUNT(A1:B2)", 4.0),
        ("=ROUND(2.345,2)", 2.35),
        ("=ROUND(-2.5)", -3.0),
        ('=IFERROR(SUM(1/0,2),"none")', "none"),
        ("=IFERROR(3)", 3.0),
        ('="a"<"B"', True),
        ('=1<"a"', True),
    ],
)
def test_a_formula_comes_to(formula, value):
    assert evaluated(formula, lambda _, line, column: float(line * 10 + column)) == pytest.approx(value)


@pytest.mark.parametrize("formula", ["=QUERY(A1)", "=A:A", "=A1:B2", "=SUM(A1", "=1 2", "=$", "=named", "=ROUND(1,2,3)"])
def test_what_is_not_built_is_never_a_value(formula):
    with pytest.raises(NotBuilt):
        evaluated(formula, lambda *_: 1.0)


def test_an_error_of_a_cell_is_the_formulas_own():
    def look(*_):
        raise CellError("REF", "#REF!")

    with pytest.raises(CellError, match="#REF!"):
        evaluated("=A1+1", look)
    with pytest.raises(CellError, match="#VALUE!"):
        evaluated('="x"+1', look)


@pytest.mark.parametrize(
    ("formula", "start", "count", "after"),
    [
        ("=A1+B1+C1", 2, 1, "=A1+C1+D1"),
        ("=A1+B1+C1", 2, -1, "=A1+#REF!+B1"),
        ("=SUM(A1:C1)", 3, -1, "=SUM(A1:B1)"),
        ("=SUM(A1:C1)", 1, -1, "=SUM(A1:B1)"),
        ("=SUM(A1:C1)", 4, 1, "=SUM(A1:C1)"),
        ("=SUM(B1:C1)", 2, -2, "=SUM(#REF!)"),
        ('="B1"&Other!B1&B1', 2, 1, '="B1"&Other!B1&C1'),
        ("=$B$1*Z9", 1, 1, "=$C$1*AA9"),
    ],
)
def test_references_move_with_their_columns(formula, start, count, after):
    assert moved(formula, "Own", "Own", start, count) == after


def test_moving_a_column_in_and_out_again_changes_nothing():
    formula = '=SUM(B2:B23)*Rates!$B$1+IF(A1>0,C$3,"B2")'
    for start in range(1, 6):
        assert moved(moved(formula, "Own", "Own", start, 1), "Own", "Own", start, -1) == formula


def test_a_mask_picks_parts_in_both_of_its_spellings():
    content = {"sheets": [{"properties": {"title": "a", "sheetId": 0}, "data": [{"startRow": 1}]}], "spreadsheetId": "x"}
    assert masked(content, "sheets(properties(title))") == masked(content, "sheets.properties.title")
    assert masked(content, "sheets.properties.title,spreadsheetId") == {
        "sheets": [{"properties": {"title": "a"}}],
        "spreadsheetId": "x",
    }
    assert masked(content, "*") == content
    for wrong in ("", "sheets(", "sheets)", "a,,b", "sheets.properties(title"):
        with pytest.raises(ValueError, match=r".*"):
            masked(content, wrong)


def test_the_story_has_a_column_for_all_but_the_latest_deals_and_each_is_called_once(server):
    tab = server.fresh().state.sheets.tabs[0]
    names = [cell["userEnteredValue"]["stringValue"] for cell in tab["rows"][0]]
    assert len(names) == len(set(names)) > 50
    assert all(len(line) in {0, len(names)} for line in tab["rows"])
    sums = [cell["userEnteredValue"]["formulaValue"] for cell in tab["rows"][24][1:]]
    assert all(re.fullmatch(r"=SUM\(([A-Z]+)2:\1\d+\)", formula) for formula in sums)
    assert all(one != other for one, other in pairwise(sums))
