"""Reports in every format, read back as other programs read them; filters; hostile text; and dates that are the same everywhere."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date, datetime, timedelta
from zipfile import ZipFile

import duckdb
import hostile
import icalendar
import openpyxl
import pytest
from command_line import run
from demo import copied

from pipelines import warehouse
from pipelines.catalogue import REPORTS
from pipelines.overviews import OVERVIEWS

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
DATED = [name for name, report in (REPORTS | OVERVIEWS).items() if report.occasion]
ZONES = ("UTC", "America/Los_Angeles", "Pacific/Kiritimati", "Asia/Kathmandu", "Pacific/Pago_Pago")


def report(home, *arguments, **environment):
    done = run(home, "report", *arguments, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(home, *arguments):
    return json.loads(report(home, *arguments, "--format", "json"))


def refused(home, *arguments):
    """Return the one sentence with which a report is refused."""
    done = run(home, "report", *arguments)
    assert done.returncode == 2, done.stdout
    assert done.stdout == ""
    return done.stderr.splitlines()[-1]


def workbook(home, path, *arguments):
    report(home, *arguments, "--format", "xlsx", "--output", str(path))
    return openpyxl.load_workbook(path)


def calendar(text):
    return icalendar.Calendar.from_ical(text)


def rewritten(home, target, *statements):
    """Return a copy of ``home`` whose published marts were changed by hand, as no sync would."""
    copy = copied(home, target)
    with duckdb.connect(str(warehouse.current_version(copy) / warehouse.FILE_NAME)) as connection:
        for statement in statements:
            connection.execute(statement)
    return copy


@pytest.fixture(scope="module")
def hostile_home(demo_home, tmp_path_factory):
    """The demo with a piece of the hostile corpus in front of every subject, deal, owner, reason and address."""
    pieces = ", ".join("'" + piece.replace("'", "''") + "'" for piece in hostile.CORPUS)
    places = (
        ("fct_findings", ("subject", "owner", "reason", "what_to_do")),
        ("fct_renewals_due", ("deal_name", "deal_owner", "company_name", "record_url")),
        ("rpt_handoff_deals", ("deal_name", "deal_owner", "stage_name")),
    )
    statements = [
        f"update marts.{table} set "
        + ", ".join(
            f"{column} = ([{pieces}])[1 + (hash(rowid + {shift}) % {len(hostile.CORPUS)})::integer] || ' ' || {column}"
            for shift, column in enumerate(columns)
        )
        for table, columns in places
    ]
    return rewritten(demo_home, tmp_path_factory.mktemp("hostile") / "home", *statements)


# Names


@pytest.mark.parametrize("name", OVERVIEWS)
def test_an_overview_is_there_in_every_text_format(demo_home, name):
    objects = rows(demo_home, name)
    header, *lines = csv.reader(io.StringIO(report(demo_home, name, "--format", "csv"), newline=""))
    assert len(lines) == len(objects)
    assert all(list(item) == header for item in objects)
    assert {column for column, _ in OVERVIEWS[name].shown} <= set(header)
    markdown = report(demo_home, name, "--format", "md").partition("\n\n")[2].splitlines()
    assert len(markdown) == 2 + len(objects)
    for columns in (80, 200):
        text = report(demo_home, name, columns=columns)
        assert OVERVIEWS[name].question in re.sub(r"\s+", " ", text)
        said = "Nothing found in what could be evaluated." if OVERVIEWS[name].rests_on else "No rows."
        assert (said in text) is (not objects)


def test_a_report_of_many_months_shows_those_around_the_day_and_says_where_the_others_are(demo_home):
    done = run(demo_home, "report", "kpis", columns=100)
    shown = [line.strip() for line in done.stdout.splitlines() if "Month from: " in line]
    assert {line[12:22] for line in shown} == {"2026-10-01", "2026-11-01", "2026-12-01"}
    every = {row["month_on"] for row in json.loads(run(demo_home, "report", "kpis", "--format", "json").stdout)}
    assert f"{len(every) - 3} further months are left out here" in done.stdout
    assert done.stdout.count("Committed monthly revenue\n") == 1, "a head stands once above its months"


def test_an_unknown_report_is_one_sentence_that_lists_the_names(demo_home):
    sentence = refused(demo_home, "renewals")
    for name in REPORTS | OVERVIEWS:
        assert name in sentence


# Filters


def test_team_and_severity_choose_findings_and_both_must_fit(demo_home):
    everything = rows(demo_home, "findings")
    teams = {row["owner_team"] for row in everything}
    assert len(teams) == 2
    for team in teams:
        theirs = [row["finding_id"] for row in everything if row["owner_team"] == team]
        assert [row["finding_id"] for row in rows(demo_home, "findings", "--team", team.lower())] == theirs
        wanted = [row["finding_id"] for row in everything if row["owner_team"] == team and row["severity"] in {"high", "low"}]
        found = rows(demo_home, "findings", "--team", team, "--severity", "high", "--severity", "low")
        assert [row["finding_id"] for row in found] == wanted
        assert 0 < len(wanted) < len(theirs)


def test_owner_of_an_overview_is_who_sold_or_who_delivers(demo_home):
    everything = rows(demo_home, "handoff-deals")
    sells, delivers = everything[0]["deal_owner"], next(row["delivery_owner"] for row in everything if row["delivery_owner"])
    for person in (sells, delivers):
        found = [row["deal_id"] for row in rows(demo_home, "handoff-deals", "--owner", person)]
        assert found == [row["deal_id"] for row in everything if person in {row["deal_owner"], row["delivery_owner"]}]
        assert 0 < len(found) < len(everything)


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("sync-health", ("--owner", "Anybody")),
        ("agreements", ("--team", "BD")),
        ("drift", ("--severity", "high")),
        ("handoff-deals", ("--since", "2026-11-01")),
    ],
)
def test_a_filter_that_a_report_has_no_column_for_is_refused_and_not_ignored(demo_home, name, option):
    sentence = refused(demo_home, name, *option)
    assert name in sentence
    assert f"Leave {option[0]} out" in sentence


def test_since_counts_days_of_the_organisation_and_keeps_the_day_itself(demo_home, tmp_path):
    """03:30 UTC on the 11th is still the 10th in Los Angeles, wherever the command runs."""
    moments = ("2026-11-10 03:30", "2026-11-11 03:30", "2026-11-12 20:00")
    home = rewritten(
        demo_home,
        tmp_path / "home",
        "delete from marts.rpt_quarantine",
        *(
            f"insert into marts.rpt_quarantine values ('hubspot', 'deals', '{n}', 'why', null, '{at}:00+00')"
            for n, at in enumerate(moments)
        ),
    )
    for zone in ZONES:
        for since, expected in (
            ("2026-11-09", {"0", "1", "2"}),
            ("2026-11-10", {"1", "2"}),
            ("2026-11-11", {"2"}),
            ("2026-11-13", set()),
        ):
            text = report(home, "quarantine", "--since", since, "--format", "json", TZ=zone)
            assert {row["record_ref"] for row in json.loads(text)} == expected, (zone, since)


def test_since_chooses_the_findings_that_were_first_seen_on_the_day_or_later(demo_home, tmp_path):
    old = rows(demo_home, "findings")[0]["finding_id"]
    home = rewritten(
        demo_home,
        tmp_path / "home",
        f"update marts.fct_findings set first_seen_at = '2026-11-11 03:30:00+00' where finding_id = '{old}'",
    )
    everything = [row["finding_id"] for row in rows(home, "findings")]
    assert [row["finding_id"] for row in rows(home, "findings", "--since", "2026-11-10")] == everything
    assert [row["finding_id"] for row in rows(home, "findings", "--since", "2026-11-11")] == [
        name for name in everything if name != old
    ]


def test_a_severity_or_a_day_that_does_not_exist_is_a_wrong_use(demo_home):
    for option in (("--severity", "dreadful"), ("--since", "2026-02-30")):
        done = run(demo_home, "report", "findings", *option)
        assert done.returncode == 2
        assert option[1] in done.stderr


# Files


@pytest.mark.parametrize("output_format", ["csv", "json", "md", "ical"])
def test_a_file_holds_what_would_be_printed_and_only_its_owner_reads_it(demo_home, tmp_path, output_format):
    path = tmp_path / "report"
    printed = report(demo_home, "agreements", "--format", output_format)
    assert report(demo_home, "agreements", "--format", output_format, "--output", str(path)) == ""
    assert path.read_bytes() == printed.encode()
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_a_file_is_refused_in_a_sentence(demo_home, tmp_path):
    assert "Add --output FILE.xlsx" in refused(demo_home, "findings", "--format", "xlsx")
    assert "Add --format" in refused(demo_home, "findings", "--output", str(tmp_path / "table"))
    assert "is no file" in refused(demo_home, "findings", "--format", "csv", "--output", str(tmp_path))
    assert "is no file" in refused(demo_home, "findings", "--format", "csv", "--output", "/dev/null")
    assert "no folder" in refused(demo_home, "findings", "--format", "csv", "--output", str(tmp_path / "none" / "file"))
    assert list(tmp_path.iterdir()) == []


# Workbooks


def test_a_workbook_has_a_sheet_for_each_report_and_says_whose_data_it_is(demo_home, tmp_path):
    names = [*REPORTS, *OVERVIEWS]
    book = workbook(demo_home, tmp_path / "all.xlsx", *names)
    assert book.sheetnames == [*(f"{name} SANDBOX" for name in names), "About"]
    assert "SANDBOX" in book["About"]["A1"].value
    assert any("16 November 2026" in cell.value for cell in book["About"]["A"])
    for name in names:
        sheet = book[f"{name} SANDBOX"]
        assert sheet.freeze_panes == "A2"
        header = [cell.value for cell in sheet[1]]
        objects = rows(demo_home, name)
        assert sheet.max_row == 1 + len(objects)
        assert not objects or header == list(objects[0])
        assert all(9 <= sheet.column_dimensions[cell.column_letter].width <= 61 for cell in sheet[1][:1])


def test_cells_of_a_workbook_have_the_type_of_what_they_hold(demo_home, tmp_path):
    book = workbook(demo_home, tmp_path / "typed.xlsx", "agreements", "budget-months", "sync-health")
    for name in ("agreements", "budget-months", "sync-health"):
        objects = rows(demo_home, name)
        header, *lines = book[f"{name} SANDBOX"].iter_rows()
        for line, item in zip(lines, objects, strict=True):
            for head, cell in zip(header, line, strict=True):
                _has_its_type(head.value, cell, item[head.value])


def _has_its_type(column, cell, value):
    assert cell.hyperlink is None
    if value is None:
        assert cell.value is None
    elif column.endswith("_on"):
        assert (cell.value, cell.number_format) == (datetime.fromisoformat(value), "yyyy-mm-dd")
    elif column.endswith("_at"):
        assert abs(cell.value - datetime.fromisoformat(value).replace(tzinfo=None)) < timedelta(milliseconds=2)
    elif column.endswith(("_usd", "amount")):
        assert isinstance(cell.value, int | float)
        assert f"{cell.value:.2f}" == value
        assert cell.number_format == "#,##0.00"
    elif column.endswith("_ratio"):
        assert cell.value == pytest.approx(value)
        assert cell.number_format == "0%"
    else:
        assert cell.value == (pytest.approx(value) if isinstance(value, float) else value), column


def test_no_text_becomes_a_formula_or_a_link_in_a_workbook_or_a_csv(hostile_home, tmp_path):
    path = tmp_path / "hostile.xlsx"
    book = workbook(hostile_home, path, "findings", "agreements", "handoff-deals")
    neutralised = 0
    for sheet in book:
        for cell in (cell for line in sheet.iter_rows() for cell in line):
            assert cell.data_type != "f"
            if isinstance(cell.value, str):
                assert not cell.value.startswith(FORMULA_STARTS), cell.value
                assert cell.value.replace("\n", "").isprintable()
                neutralised += cell.value.startswith(("'=", "'+", "'@"))
    assert neutralised >= 10, "the hostile names are in the workbook"
    with ZipFile(path) as archive:
        for name in archive.namelist():
            assert not re.search(rb"<f[ >]|<hyperlink", archive.read(name)), name
            assert "externalLink" not in name
    for name in ("findings", "agreements", "handoff-deals"):
        for line in csv.reader(io.StringIO(report(hostile_home, name, "--format", "csv"), newline="")):
            assert not [cell for cell in line if cell.startswith(FORMULA_STARTS) and not re.fullmatch(r"-\d+(\.\d+)?", cell)]


def test_a_text_longer_than_a_cell_is_cut_and_says_so(demo_home, tmp_path):
    home = rewritten(demo_home, tmp_path / "home", "update marts.rpt_sources set error = repeat('long ', 20000)")
    sheet = workbook(home, tmp_path / "long.xlsx", "sync-health")["sync-health SANDBOX"]
    place = [cell.value for cell in sheet[1]].index("error")
    text = sheet[2][place].value
    assert len(text) <= 32_767
    assert text.endswith("[cut; the CSV file has all of it]")


def test_a_report_without_any_value_can_be_had_in_every_format(demo_home, tmp_path):
    """NULL in every column of every report: nothing fails, nothing is invented, and no date is put into a calendar."""
    snapshot = warehouse.open_current(demo_home)
    columns = snapshot.rows("select table_name, column_name from information_schema.columns where table_schema = 'marts'")
    snapshot.close()
    tables = {}
    for row in columns:
        tables.setdefault(row["table_name"], []).append(row["column_name"])
    emptied = [name for name in tables if name not in {"rpt_run", "rpt_rule_evaluations"}]
    home = rewritten(
        demo_home,
        tmp_path / "home",
        *(f"update marts.{name} set " + ", ".join(f"{column} = null" for column in tables[name]) for name in emptied),
    )
    names = [name for name in (REPORTS | OVERVIEWS) if name not in {"missing-intake", "rule-evaluations"}]
    book = workbook(home, tmp_path / "null.xlsx", *names)
    for name in names:
        assert not [cell for line in book[f"{name} SANDBOX"].iter_rows(min_row=2) for cell in line if cell.value is not None]
    for output_format in ("json", "csv", "md"):
        report(home, *names, "--format", output_format)
    for columns in (80, 200):
        report(home, *names, columns=columns)
    dated = [name for name in names if name in DATED]
    assert calendar(report(home, *dated, "--format", "ical")).events == []


# Calendars


@pytest.mark.parametrize("name", DATED)
def test_a_calendar_has_an_all_day_event_for_each_date(demo_home, name):
    occasion = (REPORTS | OVERVIEWS)[name].occasion
    text = report(demo_home, name, "--format", "ical")
    events = calendar(text).events
    dated = {
        tuple(row[key] for key in occasion.key_columns): row[occasion.date_column]
        for row in rows(demo_home, name)
        if row[occasion.date_column]
    }
    assert len(events) == len(dated) > 0
    assert sorted(event["dtstart"].dt.isoformat() for event in events) == sorted(dated.values())
    run_row = rows(demo_home, "sync-health")[0]
    for event in events:
        assert type(event["dtstart"].dt) is date
        assert event["dtend"].dt - event["dtstart"].dt == timedelta(days=1)
        assert event["dtstamp"].dt == datetime.fromisoformat(run_row["last_attempt_at"]).replace(microsecond=0)
        assert str(event["summary"]).startswith("[SANDBOX] ")
        assert str(event["url"]).startswith("https://")
        assert event.alarms.times == []
    assert len({str(event["uid"]) for event in events}) == len(events)
    assert "VALARM" not in text


def test_lines_of_a_calendar_end_and_fold_as_rfc_5545_wants_it(hostile_home):
    text = run(hostile_home, "report", "agreements", "findings", "--format", "ical").stdout
    assert text.endswith("END:VCALENDAR\r\n")
    assert "\n" not in text.replace("\r\n", "")
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75
    assert text.count("BEGIN:VEVENT") == text.count("END:VEVENT") == len(calendar(text).events)


def test_hostile_text_stays_the_text_of_its_event(hostile_home):
    """A line break, a colon or a semicolon in a name neither ends a property nor begins one."""
    text = report(hostile_home, "agreements", "--format", "ical")
    assert text.replace("\r\n", "").isprintable()
    objects = {f"agreement-end-{row['deal_id']}@handoff": row for row in rows(hostile_home, "agreements")}
    seen = 0
    for event in calendar(text).events:
        row = objects[str(event["uid"])]
        shown = "".join(character if character.isprintable() else " " for character in row["deal_name"])
        assert str(event["summary"]) == f"[SANDBOX] Agreement ends: {shown}"
        assert {name.upper() for name in event} <= {
            "UID",
            "DTSTAMP",
            "DTSTART",
            "DTEND",
            "TRANSP",
            "SUMMARY",
            "DESCRIPTION",
            "URL",
        }
        seen += row["deal_name"].startswith(hostile.CORPUS)
        assert "URL" not in event or str(event["url"]).startswith("https://")
    assert seen >= 10


def test_a_date_is_the_same_day_in_five_time_zones(demo_home):
    texts = {report(demo_home, "agreements", "renewals-due", "findings", "--format", "ical", TZ=zone) for zone in ZONES}
    assert len(texts) == 1


def test_events_about_one_agreement_are_one_event_that_gives_every_reason(demo_home, tmp_path):
    first, second, *_ = (row for row in rows(demo_home, "renewals-due") if row["effective_end_on"])
    several = first["deal_id"]
    home = rewritten(
        demo_home,
        tmp_path / "home",
        f"update marts.fct_findings set deal_id = '{several}' where finding_id = '{second['finding_id']}'",
        f"update marts.fct_renewal_findings set effective_end_on = '{first['effective_end_on']}' "
        f"where finding_id = '{second['finding_id']}'",
    )
    findings = rows(home, "renewals-due")
    assert sum(row["deal_id"] == several for row in findings) == 2
    [event] = [
        event
        for event in calendar(report(home, "renewals-due", "agreements", "--format", "ical")).events
        if str(event["uid"]) == f"agreement-end-{several}@handoff"
    ]
    for row in findings:
        if row["deal_id"] == several:
            assert row["reason"] in str(event["description"])


def test_a_report_without_dates_makes_no_calendar(demo_home):
    sentence = refused(demo_home, "agreements", "sync-health", "--format", "ical")
    assert "sync-health has no dates" in sentence
    for name in DATED:
        assert name in sentence
