"""The command line: results on standard output in four formats, everything else on standard error, and hostile text that stays text."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sqlite3
import subprocess
import sys

import pytest
from conftest import PROJECT
from loop import port_of
from rich.cells import cell_len

from pipelines import warehouse
from pipelines.catalogue import REPORTS
from pipelines.reports import as_csv, as_json, as_markdown, csv_cell, printable

DOCS = {name: (PROJECT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("commands", "marts")}
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
# What somebody may call a deal. The number behind each keeps the names apart.
HOSTILE = (
    '=HYPERLINK("http://evil.invalid","ok")',
    "@SUM(A1)",
    "+1+1",
    "-2+3",
    "\t=1+1",
    "\r=1+1",
    "fine\r=1+1",
    "fine\n=1+1",
    "\x1b]8;;http://evil.invalid\x07link\x1b]8;;\x07",
    "\x1b[2Jcleared",
    "\x9b31mred",
    "\u202egnp.exe",
    "[bold red]markup[/bold red] [/]",
    "![x](http://evil.invalid/beacon.png)",
    "a | b `c` <b>d</b> [e](javascript:alert(1))",
)
AS_OF = "2026-11-17"


def run(home, *arguments, columns=200, **environment):
    """Return a finished command with its bytes as text, carriage returns included."""
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments],
        env=os.environ | {"HANDOFF_HOME": str(home), "PYTHONPATH": str(PROJECT), "COLUMNS": str(columns)} | environment,
        cwd=home.parent,
        capture_output=True,
        timeout=300,
        check=False,
    )
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in done.stderr + done.stdout
    return done


def report(home, *arguments, **options):
    done = run(home, "report", *arguments, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def without_known_controls(text):
    return text.replace("\n", "")


@pytest.fixture(scope="module")
def hostile_sync(tmp_path_factory):
    """A sync of an organisation that gave every deal, community, company and engagement a hostile name; its home and its output."""
    from pipelines.sandbox.server import running
    from pipelines.sandbox.story import build_state

    state = build_state()
    number = 0
    for word, field in (("deals", "dealname"), ("communities", "community_name"), ("companies", "name")):
        for record in state.hubspot.objects[word].values():
            if not (record.properties.get(field) or "").startswith("[TEST]"):
                record.properties[field] = f"{HOSTILE[number % len(HOSTILE)]} {record.id}"
                number += 1
    for records in state.airtable.records.values():
        for record in records:
            for field in ("fldEngName0000000", "fldPrjName0000000", "fldDlvName0000000"):
                if field in record["fields"]:
                    record["fields"][field] = f"{HOSTILE[number % len(HOSTILE)]} {record['id']}"
                    number += 1
    home = tmp_path_factory.mktemp("hostile") / "home"
    with running(state) as sandbox:
        done = run(home, "sync", "--as-of", AS_OF, columns=80, SANDBOX_PORT=port_of(sandbox))
    assert done.returncode == 0, done.stdout + done.stderr
    return home, done


@pytest.fixture(scope="module")
def hostile_home(hostile_sync):
    return hostile_sync[0]


# Formats


def documented_columns(mart):
    """Return the columns that a report adds to those of every finding."""
    section = DOCS["marts"].split(f"### `{mart}`", 1)[1].split("\n### ", 1)[0]
    return re.findall(r"(?m)^\| `(\w+)` \|", section)


def finding_keys():
    section = DOCS["commands"].split("## JSON", 1)[1].split("always in this order:", 1)[1]
    return re.findall(r"`(\w+)`", section.split(";", 1)[0])


# of these the demo has no findings: it imports no invoices and writes nothing
TOLD = [name for name in REPORTS if name not in {"billing", "write-back"}]


@pytest.mark.parametrize("name", TOLD)
def test_json_is_one_array_with_the_documented_keys_in_their_order(demo_home, name):
    rows = json.loads(report(demo_home, name, "--format", "json"))
    assert isinstance(rows, list)
    assert rows
    mart = re.findall(r"marts\.(\w+)", REPORTS[name].sql)[-1]
    for row in rows:
        assert list(row)[: len(finding_keys())] == finding_keys()
        assert list(row) == (finding_keys() if name == "findings" else [*finding_keys(), *documented_columns(mart)])
        assert isinstance(row["evidence"], list)
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["as_of_on"])
        for key, value in row.items():
            assert value is None or not key.endswith(("_usd", "amount")) or re.fullmatch(r"-?\d+\.\d\d", value), (key, value)


def test_json_of_several_reports_is_still_one_array(demo_home):
    names = [name for name in REPORTS if name != "findings"]
    together = json.loads(report(demo_home, *names, "--format", "json"))
    assert [row["finding_id"] for row in together] == [
        row["finding_id"] for name in names for row in json.loads(report(demo_home, name, "--format", "json"))
    ]
    assert sorted(row["finding_id"] for row in together) == sorted(
        row["finding_id"] for row in json.loads(report(demo_home, "findings", "--format", "json"))
    )


def table_of(text):
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert all(len(row) == len(header) for row in rows)
    return header, rows


@pytest.mark.parametrize("name", TOLD)
def test_csv_says_what_json_says(demo_home, name):
    header, rows = table_of(report(demo_home, name, "--format", "csv"))
    objects = json.loads(report(demo_home, name, "--format", "json"))
    assert header == list(objects[0])
    assert [row[0] for row in rows] == [item["finding_id"] for item in objects]
    position = header.index("reason")
    assert [row[position] for row in rows] == [item["reason"] for item in objects]


def test_csv_of_several_reports_has_the_columns_of_all(demo_home):
    header, rows = table_of(report(demo_home, "handoff-gaps", "renewals-due", "--format", "csv"))
    assert header[: len(finding_keys())] == finding_keys()
    assert {"age_business_days", "days_to_end"} <= set(header)
    assert len(header) == len(set(header))
    assert {row[header.index("report")] for row in rows} == {"handoff-gaps", "renewals-due"}


def table_lines(text):
    """Return the table of a Markdown report. Above it, quoted, stands whose data it is."""
    quoted, _, table = text.partition("\n\n")
    assert all(line.startswith("> ") for line in quoted.splitlines())
    assert "SANDBOX" in quoted
    return table.splitlines()


def test_a_report_without_rows_is_empty_in_every_format(demo_home):
    nobody = ("findings", "--owner", "Nobody Here")
    assert json.loads(report(demo_home, *nobody, "--format", "json")) == []
    header, rows = table_of(report(demo_home, *nobody, "--format", "csv"))
    assert header == finding_keys()
    assert rows == []
    assert len(table_lines(report(demo_home, *nobody, "--format", "md"))) == 2
    assert "Nothing found in what could be evaluated." in report(demo_home, *nobody)


def test_owner_leaves_the_findings_of_one_person(demo_home):
    everything = json.loads(report(demo_home, "findings", "--format", "json"))
    owner = everything[0]["owner"]
    theirs = [row["finding_id"] for row in everything if row["owner"] == owner]
    assert 0 < len(theirs) < len(everything)
    for spelt in (owner, owner.upper()):
        rows = json.loads(report(demo_home, "findings", "--owner", spelt, "--format", "json"))
        assert [row["finding_id"] for row in rows] == theirs
    listed = report(demo_home, "findings", "--owner", owner, columns=80)
    assert [finding for finding in theirs if finding in listed] == theirs


# Tables


@pytest.mark.parametrize("columns", [60, 80, 150, 200])
def test_a_table_fits_the_terminal_and_names_every_finding(demo_home, columns):
    text = report(demo_home, "findings", columns=columns)
    assert max(map(cell_len, text.splitlines())) <= columns
    squeezed = re.sub(r"\s", "", text)
    for row in json.loads(report(demo_home, "findings", "--format", "json")):
        # a wide table folds what is longer than its column; the parts of two columns then lie between each other
        assert row["finding_id"][:20] in squeezed


def test_a_list_keeps_every_finding_id_in_one_piece(demo_home):
    text = report(demo_home, "findings", columns=80)
    for row in json.loads(report(demo_home, "findings", "--format", "json")):
        assert re.search(rf"(?m)(^|\s){re.escape(row['finding_id'])}$", text), row["finding_id"]


def test_markdown_has_a_row_for_each_finding_with_a_link_to_the_record(demo_home):
    lines = table_lines(report(demo_home, "findings", "--format", "md"))
    rows = json.loads(report(demo_home, "findings", "--format", "json"))
    assert len(lines) == 2 + len(rows)
    for line, row in zip(lines[2:], rows, strict=True):
        assert len(re.findall(r"(?<!\\)\|", line)) == 8
        if row["record_url"]:
            assert f"]({row['record_url']})" in line


# Hostile text


def test_no_cell_of_a_csv_starts_a_formula_and_every_text_can_be_had_back(hostile_home):
    header, rows = table_of(report(hostile_home, *REPORTS, "--format", "csv"))
    objects = json.loads(report(hostile_home, *REPORTS, "--format", "json"))
    seen = 0
    for row, item in zip(rows, objects, strict=True):
        for name, cell in zip(header, row, strict=True):
            value = item.get(name)
            if cell.startswith(FORMULA_STARTS):
                assert re.fullmatch(r"-\d+(\.\d+)?", cell), (name, cell)
                assert not isinstance(value, str) or re.fullmatch(r"-\d+(\.\d+)?", value)
            if name == "subject":
                assert cell in {value, f"'{value}"}
                seen += cell != value
    assert seen >= 10, "the hostile names are in the reports"


def test_a_line_of_a_csv_begins_with_nothing_that_a_spreadsheet_would_run(hostile_home):
    """Also for programs that take a bare carriage return for the end of a line."""
    text = report(hostile_home, "findings", "--format", "csv")
    assert "\r" in text
    outside, is_quoted = "", False
    for character in text:
        is_quoted ^= character == '"'
        outside += "" if is_quoted else character
    assert "\r" not in outside


@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize("command", [("report", *REPORTS), ("status",)], ids=["report", "status"])
def test_no_control_character_reaches_the_terminal(hostile_home, command, columns):
    plain = run(hostile_home, *command, columns=columns)
    for text in (plain.stdout, plain.stderr):
        assert without_known_controls(text).isprintable(), [c for c in without_known_controls(text) if not c.isprintable()]
    assert max(map(cell_len, plain.stdout.splitlines())) <= columns
    coloured = run(hostile_home, *command, columns=columns, FORCE_COLOR="1").stdout
    assert not re.search("\x1b(?!\\[[0-9;]*m)|\x9b|\u202e", coloured), "rich's own colours and nothing else"


def test_text_that_looks_like_markup_of_the_terminal_is_shown_as_it_is(hostile_home):
    assert "[bold red]markup[/bold red] [/]" in report(hostile_home, "findings", columns=80)


def test_markdown_shows_hostile_text_as_text(hostile_home):
    text = report(hostile_home, "findings", "--format", "md")
    assert without_known_controls(text).isprintable()
    rows = json.loads(report(hostile_home, "findings", "--format", "json"))
    assert len(table_lines(text)) == 2 + len(rows)
    for line in table_lines(text)[2:]:
        assert len(re.findall(r"(?<!\\)\|", line)) == 8
    bare = re.sub(r"\\.", "", text)
    assert "evil.invalid" in bare
    assert not re.search(r"!\[|<\w|`|http://", bare)
    assert all(target.startswith("https://") for target in re.findall(r"\]\(([^)]*)\)", bare))


def test_json_does_not_steer_a_terminal_and_loses_nothing(hostile_home):
    text = report(hostile_home, "findings", "--format", "json")
    assert without_known_controls(text).isprintable()
    assert any("\x1b]8;;" in row["subject"] for row in json.loads(text))
    assert any("\u202e" in row["subject"] for row in json.loads(text))


def test_an_address_cannot_end_a_link_of_markdown():
    row = dict.fromkeys(("severity", "finding_id", "subject", "reason", "what_to_do", "owner", "due_on"), "x")
    [line] = as_markdown([row | {"record_url": "https://a.example/) [y](javascript:alert(1)) | z"}]).splitlines()[2:]
    assert "(https://a.example/%29%20%5By%5D%28javascript:alert%281%29%29%20%7C%20z)" in line
    assert "javascript" not in as_markdown([row | {"record_url": "javascript:alert(1)"}])


@pytest.mark.parametrize(
    ("value", "cell"), [(-5, -5), (-0.5, -0.5), ("-5", "'-5"), ("=1", "'=1"), (None, None), (["=1"], '["=1"]')]
)
def test_numbers_stay_numbers_and_text_gets_an_apostrophe(value, cell):
    assert csv_cell(value) == cell


def test_an_empty_list_of_rows_is_no_csv_without_columns():
    assert as_csv([]) == ""
    assert as_csv([], ["a"]) == '"a"\n'
    assert as_json([]) == "[]"
    assert printable("a\x1b\x9b\u202e\nb") == "a    b"


# Where things go


def test_progress_goes_to_standard_error_and_results_to_standard_output(hostile_sync):
    _, done = hostile_sync
    assert "Reading HubSpot (SANDBOX)" in done.stderr
    assert "Published snapshot" in done.stderr
    for word in ("Reading", "Published", "Building"):
        assert word not in done.stdout
    assert "checks hold" in done.stdout
    assert "What to do" in done.stdout
    assert max(map(cell_len, done.stdout.splitlines())) <= 80


def test_every_line_of_progress_is_one_line(hostile_sync):
    lines = hostile_sync[1].stderr.splitlines()
    for vendor in ("HubSpot", "Airtable", "GitHub", "AWS"):
        assert (
            sum(
                bool(re.fullmatch(rf"{vendor} SANDBOX: complete, [\d,]+ rows, \d+ requests.*, \d+\.\d s", line)) for line in lines
            )
            == 1
        )


def test_what_stands_above_a_report_is_not_in_it(demo_home):
    done = run(demo_home, "report", "findings", "--format", "json")
    assert done.stdout.startswith("[")
    assert "SANDBOX: hubspot, airtable, github, aws come from the invented organisation" in done.stderr
    assert "As of Monday, 16 November 2026; snapshot" in done.stderr


def test_as_of_is_the_day_that_the_reports_speak_of(hostile_home):
    done = run(hostile_home, "report", "findings", "--format", "json")
    assert "As of Tuesday, 17 November 2026" in done.stderr
    assert {row["as_of_on"] for row in json.loads(done.stdout)} == {AS_OF}
    assert "As of Tuesday, 17 November 2026" in run(hostile_home, "status").stdout


def test_status_says_what_the_summary_of_the_sync_says(hostile_sync):
    home, synced = hostile_sync
    status = run(home, "status", columns=80)
    assert status.returncode == 0
    assert status.stdout.strip()
    assert synced.stdout.strip().endswith(status.stdout.strip())
    for word in ("SANDBOX", "What to do", "`handoff dashboard`", "`handoff plan`"):
        assert word in status.stdout


def test_the_summary_has_every_line_of_its_rule_table(demo_home):
    text = run(demo_home, "status").stdout
    with (PROJECT / "dbt/seeds/default/rule_summary_lines.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            assert row["label"] in text


def test_the_command_alone_lists_what_there_is(home):
    home.parent.mkdir(exist_ok=True)
    done = run(home)
    for name in ("sync", "report", "status", "doctor", "sandbox", "dashboard", "plan", "apply", "import"):
        assert re.search(rf"(?m)^\W*{name}\b", done.stdout), name
    for arguments in (["--help"], ["report", "--help"], ["import", "--help"]):
        assert run(home, *arguments).returncode == 0
    assert not home.exists()


# Doctor


def test_doctor_finds_the_demo_in_order(demo_home):
    done = run(demo_home, "doctor")
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout
    assert done.stderr == ""
    assert all(line.startswith("ok   ") for line in lines), lines
    assert sum("SANDBOX" in line for line in lines) == 4
    assert any("as it was published" in line for line in lines)
    assert any("chain is unbroken" in line for line in lines)


def test_doctor_names_a_tampered_snapshot_and_a_broken_ledger_with_the_next_step(copy_of_demo):
    file = warehouse.current_version(copy_of_demo) / warehouse.FILE_NAME
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with sqlite3.connect(copy_of_demo / "ledger.sqlite") as connection:
        connection.execute("update runs set exit_code = '0', outcome = 'held' where phase = 'finished'")
    done = run(copy_of_demo, "doctor")
    assert done.returncode == 2
    snapshot, ledger = [line for line in done.stdout.splitlines() if line.startswith("DO   ")]
    assert "was changed after it was published" in snapshot
    assert "Run `handoff sync`" in snapshot
    assert "The ledger was altered: runs row" in ledger
    assert "Restore ledger.sqlite" in ledger


def test_doctor_names_an_unknown_token_with_the_next_step(demo_home):
    from pipelines.sandbox.server import running
    from pipelines.sandbox.story import build_state

    with running(build_state()) as sandbox:
        done = run(demo_home, "doctor", **(sandbox.settings_env | {"GITHUB_TOKEN": "unknown"}))
    assert done.returncode == 2
    [line] = [line for line in done.stdout.splitlines() if line.startswith("DO   ")]
    assert "GitHub does not accept GITHUB_TOKEN" in line
    assert "Make a fine-grained token" in line
    assert "unknown" not in line
    assert sum(line.startswith("ok   ") and "the " in line for line in done.stdout.splitlines()) >= 4


def test_doctor_says_what_a_wrong_setting_is(home):
    home.parent.mkdir(exist_ok=True)
    done = run(home, "doctor", DASHBOARD_PORT="0")
    assert done.returncode == 2
    assert "The setting DASHBOARD_PORT is not usable" in done.stderr
