"""A deal gets its column in the billing spreadsheet once, with its neighbour's formulas, and only while the sheet is as it was seen."""

from __future__ import annotations

import json

import pytest
from vendor_double import BUSY, LOST_AFTER, LOST_BEFORE
from write_back import change, deal_url, statuses

from pipelines.actions.opening import OpenTargets
from pipelines.actions.records import change_from_row
from pipelines.actions.sheets_formulas import Use, shifted, used_columns
from pipelines.errors import ConfigurationError, Forbidden
from pipelines.rules import load_rules
from pipelines.sandbox.server import running
from pipelines.sandbox.sheets_keys import EDITOR, VIEWER, key_file
from pipelines.sandbox.story import build_state
from pipelines.settings import PROJECT_ROOT, load_settings
from pipelines.sources.sheets_grid import letters, read_grid

DEAL, ANOTHER = "9001", "9002"


def grid_of(vendors):
    """Return the tab as the double has it, read as a sync reads it."""

    def ask(params):
        asked = {name: [value for known, value in params if known == name] for name, _ in params}
        url = f"http://double/sheets/v4/spreadsheets/{vendors.billing.spreadsheet_id}"
        return vendors.request("GET", url, headers={"Authorization": "Bearer sandbox-token"}, params=asked).json()

    before = list(vendors.log)
    grid = read_grid(ask, vendors.billing.spreadsheet_id, "")
    vendors.log[:] = before  # looking is not what is tested
    return grid


def header(deal_id):
    return f"Deal {deal_id} ({deal_url(deal_id)})"


def column(vendors, deal_id=DEAL, others=(DEAL, ANOTHER), **beside):
    """Return what the model proposes for a deal over the sheet as it is now."""
    grid = grid_of(vendors)
    last = grid.last_column
    place = {
        "column": last,
        "header": grid.header(last),
        "tab_id": grid.tab.tab_id,
        "fingerprint": grid.fingerprint(last),
        "names": [f"Deal {deal_id}", "Fern", None],
        "others": [header(other) for other in others],
    }
    formulas = {str(line): formula for line, formula in grid.formulas(last).items()}
    after = {"header": header(deal_id), "formulas": json.dumps(formulas), "beside": json.dumps(place | beside)}
    return change(
        f"column:deal-{deal_id}",
        finding_id=f"HG05:deal-{deal_id}",
        recipe="append_billing_column",
        system="sheets",
        object="billing_columns",
        record_id=None,
        field=None,
        after=json.dumps(after),
        natural_key=deal_url(deal_id),
        is_reversible=True,
        needs="",
    )


def tab(vendors):
    return vendors.billing.tabs[0]


def entered(vendors, line, number):
    row = tab(vendors)["rows"][line - 1]
    return ((row[number - 1] if number <= len(row) else None) or {}).get("userEnteredValue")


def enter(vendors, line, number, value, kind="stringValue"):
    rows = tab(vendors)["rows"]
    rows.extend([] for _ in range(line - len(rows)))
    rows[line - 1].extend([None] * (number - len(rows[line - 1])))
    rows[line - 1][number - 1] = {"userEnteredValue": {kind: value}}


def their_column(vendors):
    """Somebody makes the deal's column and calls it in their own way."""
    enter(vendors, 1, len(tab(vendors)["rows"][0]) + 1, f"Fern, {deal_url(DEAL)}")


def test_a_deal_gets_its_column_with_the_formulas_of_the_last_one_and_none_of_its_amounts(write_back, vendors):
    before = grid_of(vendors)
    last, size = before.last_column, tab(vendors)["columnCount"]
    result = write_back.apply(write_back.saved([column(vendors)]))
    assert statuses(result) == {f"column:deal-{DEAL}": "applied"}
    [write] = vendors.writes
    assert [next(iter(request)) for request in write[2]["requests"]] == ["insertDimension", "updateCells"]
    now, letter = grid_of(vendors), letters(last + 1)
    assert now.headers == [*before.headers, header(DEAL)]
    sums = len(before.column(2)) + 2 - len(before.formulas(2)) + 1
    assert now.formulas(last + 1) == {
        sums: f"=SUM({letter}2:{letter}{sums - 2})",
        sums + 1: f"=ROUND({letter}{sums}*Rates!$B$1,2)",
        sums + 2: f"=IFERROR({letter}{sums}/COUNT({letter}$2:{letter}${sums - 2}),0)",
    }
    assert len(now.column(last + 1)) == 3, "the months of the neighbour are not the deal's"
    assert {place: cell for place, cell in now.cells.items() if place[1] <= last} == before.cells
    assert tab(vendors)["columnCount"] == size + 1
    assert result.results[0].url.endswith(f"#gid=0&range={letter}1")


def test_two_deals_of_a_plan_stand_side_by_side_and_each_reckons_its_own_column(write_back, vendors):
    last = grid_of(vendors).last_column
    result = write_back.apply(write_back.saved([column(vendors, deal) for deal in (DEAL, ANOTHER)]))
    assert set(statuses(result).values()) == {"applied"}
    now = grid_of(vendors)
    assert now.headers[last:] == [header(DEAL), header(ANOTHER)]
    for number in (last + 1, last + 2):
        assert min(now.formulas(number).items())[1].startswith(f"=SUM({letters(number)}2:")


def test_the_column_goes_to_the_very_end_of_a_grid_that_is_full(write_back, vendors):
    tab(vendors)["columnCount"] = grid_of(vendors).last_column
    assert write_back.apply(write_back.saved([column(vendors)])).exit_code == 0
    assert grid_of(vendors).headers[-1] == header(DEAL)


MOVES = {
    "the deal has its number as a column": (lambda v, last: enter(v, 1, last + 1, DEAL), "has a column already"),
    "the deal has its name as a column": (lambda v, last: enter(v, 1, last + 1, f"  deal  {DEAL} "), "has a column already"),
    "its community has a column": (lambda v, last: enter(v, 1, last + 1, "FERN"), "has a column already"),
    "another column came": (lambda v, last: enter(v, 1, last + 1, "Total"), "somebody has added columns since the sync (Total)"),
    "a nameless one came": (lambda v, last: enter(v, 5, last + 1, "x"), "somebody has added columns since the sync (a column"),
    "a column was renamed": (lambda v, _: enter(v, 1, 2, "Other"), "have changed since the sync"),
    "the last column reckons otherwise": (
        lambda v, last: enter(v, 25, last, "=1", "formulaValue"),
        "have changed since the sync",
    ),
    "a column is gone": (lambda v, _: [row.pop(1) for row in tab(v)["rows"] if row], "have changed since the sync"),
    "the tab is another one": (lambda v, _: v.billing.tabs.reverse(), "in another tab by now (Rates)"),
}


@pytest.mark.parametrize("move", MOVES)
def test_a_sheet_that_moved_since_planning_is_a_conflict_that_says_how(write_back, vendors, move):
    meddle, words = MOVES[move]
    path = write_back.saved([column(vendors)])
    meddle(vendors, grid_of(vendors).last_column)
    before = json.dumps(vendors.billing.tabs)
    result = write_back.apply(path)
    assert statuses(result) == {f"column:deal-{DEAL}": "conflict"}
    assert words in result.results[0].sentence
    assert json.dumps(vendors.billing.tabs) == before
    assert vendors.writes == []


def test_a_month_that_somebody_fills_in_is_no_move(write_back, vendors):
    path = write_back.saved([column(vendors)])
    enter(vendors, 24, 2, 7, "numberValue")
    assert write_back.apply(path).exit_code == 0


def test_a_column_that_is_there_already_is_nothing_to_plan(write_back, vendors):
    row = column(vendors)
    write_back.apply(write_back.saved([row]))
    plan = write_back.plan([row])
    assert (plan.changes, plan.held_back, plan.equal_already) == ([], [], 1)


def bad(vendors, **after):
    row = column(vendors)
    return row | {"after": json.dumps(json.loads(row["after"]) | after)}


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ({"header": "Deal 9001"}, "does not name deal 9001"),
        ({"formulas": '{"3": "4"}'}, "no formula"),
        ({"formulas": '{"3": "=ZZZ1"}'}, "would leave the sheet"),
        ({"beside": "{}"}, "cannot be made"),
        ({"values": "1"}, "may not be written: add it as allowed_field"),
    ],
)
def test_a_proposal_that_cannot_be_carried_out_is_held_back(write_back, vendors, after, words):
    plan = write_back.plan([bad(vendors, **after)])
    assert plan.is_empty
    assert words in plan.held_back[0].why


# What is lost on the way


@pytest.mark.parametrize(
    ("fault", "status", "columns"), [(LOST_AFTER, "applied", 1), (LOST_BEFORE, "failed", 0), (BUSY, "failed", 0)]
)
def test_an_answer_that_is_lost_is_settled_by_reading_and_nothing_is_sent_again(write_back, vendors, fault, status, columns):
    path = write_back.saved([column(vendors)])
    vendors.faults = [fault]
    result = write_back.apply(path)
    assert statuses(result) == {f"column:deal-{DEAL}": status}
    assert len(vendors.writes) == 1
    assert grid_of(vendors).headers.count(header(DEAL)) == columns
    assert write_back.unsettled() == []


class Died(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("moment", ["before_write", "after_write"])
def test_an_apply_that_dies_between_request_and_answer_is_finished_by_the_next_one_without_a_second_column(
    write_back, vendors, moment
):
    path = write_back.saved([column(vendors)])

    def die(*_):
        raise Died

    setattr(vendors, moment, die)
    with pytest.raises(Died):
        write_back.apply(path)
    setattr(vendors, moment, None)
    assert len(write_back.unsettled()) == 1
    result = write_back.apply(path)
    assert statuses(result) == {f"column:deal-{DEAL}": "applied"}
    found = "it was written" if moment == "after_write" else "it was not written"
    assert found in result.settled[0]
    assert grid_of(vendors).headers.count(header(DEAL)) == 1
    assert len(vendors.writes) == (1 if moment == "after_write" else 2)
    assert write_back.unsettled() == []


def test_a_column_that_does_not_stay_as_it_was_written_did_not_stick(write_back, vendors):
    path, last = write_back.saved([column(vendors)]), grid_of(vendors).last_column
    vendors.after_write = lambda *_: enter(vendors, 25, last + 1, "=0", "formulaValue")
    result = write_back.apply(path)
    assert statuses(result) == {f"column:deal-{DEAL}": "did_not_stick"}
    assert f"{letters(last + 1)}25 holds '=0'" in result.results[0].sentence


def test_a_formula_that_fails_in_its_new_place_did_not_stick(write_back, vendors):
    last = grid_of(vendors).last_column
    enter(vendors, 26, last, f"=1/{letters(last)}2", "formulaValue")
    result = write_back.apply(write_back.saved([column(vendors)]))
    assert statuses(result) == {f"column:deal-{DEAL}": "did_not_stick"}
    assert f"{letters(last + 1)}26 shows #DIV/0!" in result.results[0].sentence


# Taking it back


@pytest.fixture
def appended(write_back, vendors):
    """Return the sheet as it was before a column was appended that is there now."""
    before = json.loads(json.dumps(vendors.billing.tabs))
    assert write_back.apply(write_back.saved([column(vendors)])).exit_code == 0
    vendors.log.clear()
    return before


def test_undo_deletes_the_column_and_leaves_every_other_cell(write_back, vendors, appended):
    plan = write_back.undo("latest")
    result = write_back.apply(write_back.saved([], plan=plan))
    assert set(statuses(result).values()) == {"applied"}, [row.sentence for row in result.results]
    [write] = vendors.writes
    assert [next(iter(request)) for request in write[2]["requests"]] == ["deleteDimension"]
    now = vendors.billing.tabs
    assert [(tab["columnCount"], [[cell for cell in row if cell] for row in tab["rows"]]) for tab in now] == [
        (tab["columnCount"], [[cell for cell in row if cell] for row in tab["rows"]]) for tab in appended
    ]
    assert write_back.plan([column(vendors)]).changes, "it can be appended again"


def test_undo_finds_the_column_where_it_is_by_now(write_back, vendors, appended):
    last = grid_of(vendors).last_column
    enter(vendors, 1, last + 1, "Total")
    enter(vendors, 25, last + 1, f"=SUM(B25:{letters(last)}25)", "formulaValue")
    result = write_back.apply(write_back.saved([], plan=write_back.undo("latest")))
    assert set(statuses(result).values()) == {"applied"}
    assert grid_of(vendors).headers[-1] == "Total"
    assert entered(vendors, 25, last) == {"formulaValue": f"=SUM(B25:{letters(last - 1)}25)"}


TOUCHED = {
    "an amount was filled in": (lambda v, last: enter(v, 3, last, 12, "numberValue"), "3 holds 12"),
    "a formula was changed": (lambda v, last: enter(v, 25, last, "=2", "formulaValue"), "25 holds '=2'"),
    "another column reckons with it": (
        lambda v, last: enter(v, 3, last + 1, f"={letters(last)}25", "formulaValue"),
        "3 uses it",
    ),
}


@pytest.mark.parametrize("touch", TOUCHED)
@pytest.mark.parametrize("is_planned", [False, True], ids=["before the plan", "after the plan"])
def test_a_column_in_which_somebody_has_written_since_is_left_alone(write_back, vendors, appended, touch, is_planned):
    meddle, words = TOUCHED[touch]
    last = grid_of(vendors).last_column
    if not is_planned:
        meddle(vendors, last)
        plan = write_back.undo("latest")
        assert plan.is_empty
        assert words in plan.held_back[0].why
    else:
        path = write_back.saved([], plan=write_back.undo("latest"))
        meddle(vendors, last)
        result = write_back.apply(path)
        assert set(statuses(result).values()) == {"conflict"}
        assert words in result.results[0].sentence
    assert header(DEAL) in grid_of(vendors).headers
    assert vendors.writes == []


def test_an_undo_that_hit_another_column_says_so(write_back, vendors, appended):
    path = write_back.saved([], plan=write_back.undo("latest"))

    def move(*_):  # between the read and the request, which the API cannot be told to wait for
        for row in tab(vendors)["rows"]:
            if row:
                row.insert(1, None)
        enter(vendors, 1, 2, "New")

    vendors.before_write = move
    neighbour = grid_of(vendors).headers[-2]
    result = write_back.apply(path)
    assert set(statuses(result).values()) == {"did_not_stick"}
    assert f"{neighbour!r} is gone as well: restore it from the version history" in result.results[0].sentence


def test_a_column_that_is_gone_already_needs_no_undo(write_back, vendors, appended):
    vendors.billing.tabs[:] = appended
    plan = write_back.undo("latest")
    assert (plan.changes, plan.held_back, plan.equal_already) == ([], [], 1)


# Keys


@pytest.fixture(scope="module")
def served():
    with running(build_state()) as sandbox:
        yield sandbox


def settings_of(served, home, **given):
    url = f"{served.url}/sheets"
    names = {
        "sheets_service_account_file": key_file(VIEWER, f"{url}/token"),
        "sheets_spreadsheet_id": served.world.state.sheets.spreadsheet_id,
        "sheets_base_url": url,
        "sheets_token_url": f"{url}/token",
    }
    return load_settings(handoff_home=home, _env_file=None, **(names | given))


def opened(served, home, *, may_write, **given):
    rules = load_rules(PROJECT_ROOT / "dbt/seeds/default")
    return OpenTargets(settings_of(served, home, **given), rules, None, may_write=may_write)


def test_planning_needs_no_key_for_writing_and_applying_says_which_is_missing(served, home):
    planning = opened(served, home, may_write=False)
    place = planning.target("sheets").place
    planning.close()
    assert place.identity == served.world.state.sheets.spreadsheet_id
    assert not place.is_sandbox
    applying = opened(served, home, may_write=True)
    with pytest.raises(ConfigurationError, match="SHEETS_WRITE_SERVICE_ACCOUNT_FILE is not set"):
        applying.target("sheets")
    applying.close()


def test_the_key_of_an_editor_appends_and_that_of_a_viewer_is_refused(served, home):
    for email, is_taken in ((VIEWER, False), (EDITOR, True)):
        targets = opened(
            served, home, may_write=True, sheets_write_service_account_file=key_file(email, f"{served.url}/sheets/token")
        )
        target = targets.target("sheets")
        assert target.place.identity
        grid = target.read(change_from_row(_proposal(target))).parts["grid"]
        wanted = change_from_row(_proposal(target))
        write = target.next_write(wanted, target.read(wanted))
        if is_taken:
            target.send(write)
            reading = target.read(wanted)
            assert reading.parts["column"] == grid.last_column + 1
            assert target.difference(wanted, reading) is None
        else:
            with pytest.raises(Forbidden, match="as an editor"):
                target.send(write)
        targets.close()
    tokens = {row["token"] for row in served.world.requests if row["is_write"]}
    assert tokens == {"read", "write"}


def _proposal(target):
    grid = read_grid(target._ask, target._spreadsheet_id, "")
    last = grid.last_column
    place = {
        "column": last,
        "header": grid.header(last),
        "tab_id": 0,
        "fingerprint": grid.fingerprint(last),
        "names": [],
        "others": [],
    }
    formulas = {str(line): formula for line, formula in grid.formulas(last).items()}
    after = {"header": header(DEAL), "formulas": json.dumps(formulas), "beside": json.dumps(place)}
    return change(
        "x", system="sheets", object="billing_columns", record_id=None, after=json.dumps(after), natural_key=deal_url(DEAL)
    )


# Formulas


@pytest.mark.parametrize(
    ("formula", "one_further"),
    [
        ("=A1+$B$2+C$3+$D4", "=B1+$B$2+D$3+$D4"),
        ("=SUM(B2:B23)/Z1", "=SUM(C2:C23)/AA1"),
        ("=SUM(B:B,$C:D)", "=SUM(C:C,$C:E)"),
        ('=IF(A1="A1 & B2","it\'s ""C3""",1E5)', '=IF(B1="A1 & B2","it\'s ""C3""",1E5)'),
        ("='A1 it''s'!A1+Log10!B2*LOG10(C3)", "='A1 it''s'!B1+Log10!C2*LOG10(D3)"),
        ("=Tab_1.B2!$A$1&A1B&rate_A1", "=Tab_1.B2!$A$1&A1B&rate_A1"),
        ("=a1", "=B1"),
    ],
)
def test_a_formula_in_the_next_column_reads_as_if_it_was_copied_there(formula, one_further):
    assert shifted(formula, 1) == one_further
    assert shifted(formula, 0).upper() == formula.upper()


def test_a_reference_that_would_leave_the_sheet_is_refused():
    with pytest.raises(ValueError, match="would leave the sheet"):
        shifted("=A1", -1)
    with pytest.raises(ValueError, match="would leave the sheet"):
        shifted("=ZZZ1", 1)


@pytest.mark.parametrize(
    ("formula", "uses"),
    [
        ("=A1+C2", [Use(1, 1, False), Use(3, 3, False)]),
        ("=SUM(A1:C3)", [Use(1, 3, False)]),
        ("=Other!B2+B:D", [Use(2, 2, True), Use(2, 4, False)]),
        ("=Other!A1:B2", [Use(1, 2, True)]),
        ('="A1"', []),
    ],
)
def test_the_columns_that_a_formula_uses_are_found(formula, uses):
    assert sorted(used_columns(formula), key=repr) == sorted(uses, key=repr)
