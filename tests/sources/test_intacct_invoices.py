"""Invoices of Sage Intacct as a source: what is read and what is named, and the same findings as from a file of the same invoices."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import UTC, date, datetime, timedelta

import duckdb
import pytest
import reading
from conftest import PROJECT
from loop import findings, port_of, run
from reading import settings_of

from pipelines.dialects import IntacctDialect
from pipelines.errors import ConfigurationError, Forbidden, GarbageAnswer, RateLimited, Refused, Unauthorized, Unavailable
from pipelines.redaction import redacted
from pipelines.rules import load_rules
from pipelines.sandbox.server import running
from pipelines.sandbox.story import build_state
from pipelines.sources.intacct import intacct_rows, open_intacct
from pipelines.sources.intacct_account import AccessToken, application_of
from pipelines.sources.landing import Landing

INVOICES, LINES = "accounts-receivable/invoice", "accounts-receivable/invoice-line"
DEFAULT = PROJECT / "dbt/seeds/default"

server, sandbox = reading.server, reading.sandbox


@pytest.fixture(autouse=True)
def _in_no_politeness(monkeypatch):
    monkeypatch.setattr(IntacctDialect, "rate", (1000, 1.0))


def real(sandbox, tmp_path, **given):
    return settings_of("INTACCT_", sandbox, tmp_path, **given)


def opened(sandbox, tmp_path, **given):
    client = open_intacct(real(sandbox, tmp_path, **given), sandbox_url=None)
    client.transport._sleep = lambda seconds: sandbox.world.__dict__.setdefault("waited", []).append(seconds)
    return client


def landed(sandbox, tmp_path, rules=None, **given):
    client = opened(sandbox, tmp_path, **given)
    landing = Landing("intacct", tmp_path / f"landing-{datetime.now(UTC).timestamp()}")
    try:
        intacct_rows(client, rules or load_rules(DEFAULT), as_of=date(2026, 11, 16), landing=landing)
    finally:
        client.transport.close()
    return landing


def rows(landing, table):
    return [row for page in landing.pages(table) for row in page.to_pylist()]


def books(sandbox):
    return sandbox.world.state.intacct.objects


def reasons(landing):
    return sorted(item["reason"] for item in landing.quarantine)


def with_fields(*changed):
    """Return the shipped rules with rows of map_fields.csv for invoice lines added or (None) taken out."""
    rules = load_rules(DEFAULT)
    fields = dict(changed)
    kept = [
        row
        for row in rules.table("map_fields")
        if (row["system"], row["object"]) != ("intacct", "invoice_lines") or row["canonical_field"] not in fields
    ]
    added = [
        {"system": "intacct", "object": "invoice_lines", "canonical_field": name, "vendor_field": path, "vendor_label": ""}
        for name, path in fields.items()
        if path is not None
    ]
    return rules.with_table("map_fields", kept + added)


def test_invoices_and_lines_are_read_by_the_fields_of_the_mapping_and_no_customer(sandbox, tmp_path):
    landing = landed(sandbox, tmp_path)
    assert landing.quarantine == []
    invoices, lines = rows(landing, "invoices"), rows(landing, "invoice_lines")
    assert (len(invoices), len(lines)) == (len(books(sandbox)[INVOICES]), len(books(sandbox)[LINES]))
    assert len(invoices) > 25
    told = {row["id"]: row for row in invoices}
    for held in books(sandbox)[INVOICES]:
        row = told[held["key"]]
        assert (row["invoice_number"], row["state"], row["deal_ref"]) == (
            held["invoiceNumber"],
            held["state"],
            held["referenceNumber"],
        )
        assert (row["amount"], row["open_amount"]) == (held["totalTxnAmount"], held["totalTxnAmountDue"])
        assert row["issued_on"].isoformat() == held["invoiceDate"]
    assert not any("C-498" in json.dumps(row, default=str) for row in invoices)


def test_a_line_may_name_a_deal_of_its_own_and_fields_that_are_not_mapped_are_not_asked_for(sandbox, tmp_path):
    books(sandbox)[LINES][0]["memo"] = "1003"
    rules = with_fields(("deal_ref", "memo"), ("service_from_on", None), ("service_to_on", None))
    for line in books(sandbox)[LINES]:
        del line["revenueRecognition.startDate"], line["revenueRecognition.endDate"]
    lines = {row["id"]: row for row in rows(landed(sandbox, tmp_path, rules), "invoice_lines")}
    first = lines[books(sandbox)[LINES][0]["key"]]
    assert (first["deal_ref"], first["service_from_on"], first["item_ref"]) == ("1003", None, "4000")


def test_a_field_that_intacct_does_not_know_fails_the_source_with_its_name(sandbox, tmp_path):
    with pytest.raises(Refused) as caught:
        landed(sandbox, tmp_path, with_fields(("item_ref", "nsp::KIND")))
    assert "The nsp::KIND field in accounts-receivable/invoice-line object cannot be used in query" in caught.value.sentence
    with pytest.raises(ConfigurationError, match="no row intacct,invoice_lines,invoice_key"):
        landed(sandbox, tmp_path, with_fields(("invoice_key", None)))


def test_what_does_not_fit_is_set_aside_with_its_reason_and_the_rest_is_read(sandbox, tmp_path):
    invoices, lines = books(sandbox)[INVOICES], books(sandbox)[LINES]
    invoices[0]["invoiceDate"] = "2026-02-30"
    invoices[1]["totalTxnAmount"] = "a lot"
    invoices[2]["currency.txnCurrency"] = ""
    invoices[3]["state"] = "lost in the post"
    lines[:] = [line for line in lines if line["invoice.key"] != invoices[4]["key"]]
    lines[-1]["invoice.key"] = "77"
    lines[-2]["glAccount.id"] = "4711"
    landing = landed(sandbox, tmp_path)
    named = reasons(landing)
    assert "issued_on '2026-02-30' is not a day of the calendar" in named
    assert "totalTxnAmount 'a lot' is not a number like 1234.50" in named
    assert "currency.txnCurrency is empty" in named
    assert "the state 'lost in the post' has no row in rule_invoice_states.csv; the invoice does not count" in named
    assert named.count("none of its lines could be loaded; the invoice does not count") == 2  # the last line's own one, too
    assert "its invoice 77 was not sent; the line does not count" in named
    assert "1 line is for '4711', which has no row in map_invoice_items.csv; loaded without a component" in named
    assert len(rows(landing, "invoices")) == len(invoices) - 3
    assert len(rows(landing, "invoice_lines")) == len(lines)


def test_only_invoices_from_a_day_on_are_read_with_their_lines(sandbox, tmp_path):
    day = "2026-09-10"
    landing = landed(sandbox, tmp_path, intacct_invoices_from=day)
    expected = {invoice["key"] for invoice in books(sandbox)[INVOICES] if invoice["invoiceDate"] >= day}
    assert 0 < len(expected) < len(books(sandbox)[INVOICES])
    assert {row["id"] for row in rows(landing, "invoices")} == expected
    assert {row["invoice_key"] for row in rows(landing, "invoice_lines")} == expected


def test_read_twice_is_read_once_whatever_the_pages(sandbox, tmp_path):
    whole = landed(sandbox, tmp_path)
    sandbox.world.limits = {"intacct.page_size": 5}
    in_pages = landed(sandbox, tmp_path)
    for table in ("invoices", "invoice_lines"):
        assert rows(whole, table) == rows(in_pages, table)


def test_answers_with_objects_inside_are_understood_as_well(sandbox, tmp_path, monkeypatch):
    flat = landed(sandbox, tmp_path)
    client = opened(sandbox, tmp_path)
    original = type(client).page

    def nested(self, fields, *more, **named):
        records, said = original(self, fields, *more, **named)
        for record in records:
            for path in [name for name in record if "." in name]:
                first, _, last = path.partition(".")
                record.setdefault(first, {})[last] = record.pop(path)
        return records, said

    monkeypatch.setattr(type(client), "page", nested)
    for table in ("invoices", "invoice_lines"):
        assert rows(landed(sandbox, tmp_path), table) == rows(flat, table)


def test_a_record_that_is_missed_because_others_moved_is_found_by_reading_again(sandbox):
    sandbox.fresh(intacct__page_size=7)
    reader = sandbox.reader("intacct")
    truth = reader.read()
    gone = books(sandbox)[INVOICES][0]
    with reader.changed_after(2, "/services/core/query", lambda: books(sandbox)[INVOICES].pop(0)):
        rows_then = reader.read()
    kept = [row for row in truth["invoices"] if row["id"] != gone["key"]]
    assert rows_then["invoices"] == kept


def test_records_that_never_hold_still_fail_the_source(sandbox):
    sandbox.fresh(intacct__page_size=7)
    reader = sandbox.reader("intacct")
    original = reader.transport.request

    def request(method, url, **more):
        answer = original(method, url, **more)
        books(sandbox)[INVOICES].pop(0)
        return answer

    reader.transport.request = request
    try:
        with pytest.raises(Unavailable, match="they change while they are read"):
            reader.read()
    finally:
        reader.transport.request = original


@pytest.mark.parametrize(
    "body",
    [
        {"ia::result": [], "ia::meta": {"totalCount": 5, "start": 1, "pageSize": 100, "next": 1}},
        {"ia::result": [{"key": "1"}], "ia::meta": {"totalCount": "many", "start": 1, "next": None}},
        {"ia::result": [{"key": "1"}]},
        {"ia::result": [{"invoiceNumber": "INV-1"}], "ia::meta": {"totalCount": 1, "start": 1, "next": None}},
        {"ia::result": {"ia::error": {"code": "invalidRequest", "message": "No."}}, "ia::meta": {"totalError": 1}},
        {"ia::result": None, "ia::meta": {"totalCount": 0}},
    ],
)
def test_an_answer_that_is_no_page_is_never_taken_for_no_invoices(sandbox, body):
    reader = sandbox.reader("intacct")
    found, error = reader.read_with({"kind": "answer", "status": 200, "body": body, "occurrence": "every"})
    assert found is None
    assert isinstance(error, GarbageAnswer), repr(error)
    assert "Sage Intacct" in error.sentence


def test_a_limit_is_waited_for_and_a_missing_right_is_named(sandbox, tmp_path):
    reader = sandbox.reader("intacct")
    truth = reader.read()
    rows_then, error = reader.read_with({"kind": "429", "occurrence": "first"})
    assert (rows_then, error) == (truth, None)
    assert reader.waits == [10.0], "no Retry-After is documented"
    _, error = reader.read_with({"kind": "429", "occurrence": "every"})
    assert isinstance(error, RateLimited)
    assert "GW-0010: API rate limit exceeded" in error.sentence
    sandbox.world.limits = {"intacct.may_view_invoices": 0}
    with pytest.raises(Forbidden, match=r"REST-3007.*right to list and view invoices"):
        landed(sandbox, tmp_path)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"intacct_client_secret": "wrong"}, "invalid_client"),
        ({"intacct_client_id": "somebody"}, "GW-0011: Invalid Request"),
        ({"intacct_username": "handoff@elsewhere"}, "GW-0011: Invalid Request"),
    ],
)
def test_an_application_that_is_not_known_is_named_and_its_secret_is_not_shown(sandbox, tmp_path, given, words):
    with pytest.raises(Unauthorized) as caught:
        landed(sandbox, tmp_path, **given)
    assert words in caught.value.sentence
    assert "INTACCT_CLIENT_SECRET" in caught.value.sentence
    assert "sandbox-client-secret" not in caught.value.sentence
    assert len(sandbox.world.requests) == 1, "nothing is asked again"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"intacct_client_secret": None}, "INTACCT_CLIENT_SECRET is not set"),
        ({"intacct_client_id": None}, "INTACCT_CLIENT_ID is not"),
        ({"intacct_username": None}, "not of the form user@company"),
        ({"intacct_username": "handoff"}, "not of the form user@company"),
    ],
)
def test_a_setting_that_is_missing_is_named(sandbox, tmp_path, given, words):
    with pytest.raises(ConfigurationError, match=words):
        open_intacct(real(sandbox, tmp_path, **given), sandbox_url=None)


def test_a_token_is_asked_for_once_and_again_before_it_ends(sandbox, tmp_path):
    client = opened(sandbox, tmp_path)
    moment = datetime(2026, 11, 16, 8, tzinfo=UTC)
    token = AccessToken(client.transport, application_of(real(sandbox, tmp_path)), now=lambda: moment)
    first = token()
    moment += timedelta(hours=11)
    assert token() == first
    moment += timedelta(hours=1) - timedelta(minutes=1)
    second = token()
    assert second != first
    assert redacted(f"it was {second}") != f"it was {second}"
    client.transport.close()


def test_a_token_that_has_ended_fails_the_source(sandbox, tmp_path):
    client = opened(sandbox, tmp_path)
    client.token()
    sandbox.world.limits = {"intacct.token_seconds": 0}
    with pytest.raises(Unauthorized, match="GW-0031: Invalid Token"):
        landed(sandbox, tmp_path)
    client.transport.close()


# The same invoices, from a file and from Intacct


def as_file(state, path):
    """Write the invoices of the sandbox that somebody was sent as a person would export them, what was paid shared among lines."""
    invoices = {invoice["key"]: invoice for invoice in state.intacct.objects[INVOICES]}
    components = {"4000": "membership", "4100": "usage", "4200": "cloud", "4300": "service"}
    so_far = {}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["invoice", "date", "due", "deal", "component", "from", "to", "amount", "currency", "paid"])
        for line in state.intacct.objects[LINES]:
            invoice = invoices[line["invoice.key"]]
            if invoice["state"] in {"draft", "reversed"}:
                continue
            total, due = float(invoice["totalTxnAmount"]), float(invoice["totalTxnAmountDue"])
            before = so_far.get(invoice["key"], 0.0)
            after = so_far[invoice["key"]] = before + float(line["txnAmount"])
            paid = round(after * (total - due) / total, 2) - round(before * (total - due) / total, 2)
            days = (line["revenueRecognition.startDate"], line["revenueRecognition.endDate"])
            row = [invoice["invoiceNumber"], invoice["invoiceDate"], invoice["dueDate"], invoice["referenceNumber"]]
            writer.writerow([*row, components[line["glAccount.id"]], *days, line["txnAmount"], "USD", f"{paid:.2f}"])
    return path


def about_invoices(home):
    """Return what the findings of billing say, without where it was seen."""
    told = {}
    for name, row in findings(home).items():
        if row["report"] == "billing" or row["rule_id"] == "BO07":
            seen = [(part["field"], part["value"]) for part in json.loads(row["evidence"])]
            told[name] = (row["status"], row["reason"], row["subject"], row["owner"], row["due_on"], tuple(seen))
    return told


def sources_of(home, rule_id):
    return {
        part["source"]
        for row in findings(home).values()
        if row["rule_id"] == rule_id
        for part in json.loads(row["evidence"])
        if part["field"] in {"open", "deal", "invoiced"}
    }


@pytest.mark.thorough
def test_intacct_finds_what_a_file_of_the_same_invoices_finds_and_nothing_is_there_twice(copy_of_demo, tmp_path):
    home = copy_of_demo
    profile = shutil.copytree(DEFAULT, tmp_path / "rules")
    with (profile / "rule_sources.csv").open("a") as sources:
        sources.write("intacct,Sage Intacct,36,false,A daily sync may miss one run\n")
    with running(build_state()) as sandbox:

        def done(*words, code=0, **environment):
            ended = run(home, *words, SANDBOX_PORT=port_of(sandbox), **environment)
            assert ended.returncode == code, ended.stdout + ended.stderr
            return ended.stdout

        assert about_invoices(home) == {}
        done("import", "invoices", str(as_file(sandbox.world.state, tmp_path / "invoices.csv")))
        of_file = about_invoices(home)
        assert {name.partition(":")[0] for name in of_file} >= {"UB01", "UB02", "UB07", "UB09", "UB10"}
        assert sources_of(home, "UB02") == {"files"}

        done("sync", RULES_DIR=str(profile))
        assert about_invoices(home) == of_file, "what was imported is still there and counts no more"
        assert sources_of(home, "UB02") == {"intacct"}

        sandbox.world.vendors_up["intacct"] = False
        said = done("sync", "--source", "intacct", code=3, RULES_DIR=str(profile))
        assert "Sage Intacct" in said
        with duckdb.connect(str(home / "warehouse/CURRENT/wh.duckdb"), read_only=True) as connection:
            [(gate, reason)] = connection.execute(
                "select gate, gate_reason from intermediate.int_source_gates where source = 'invoices'"
            ).fetchall()
        assert gate == "stale"
        assert reason.startswith("Sage Intacct is stale since ")
        assert about_invoices(home).keys() == of_file.keys(), "nothing is closed because a source did not answer"
