"""The handoff packet and the check-in pack through the command line: facts and their hash, acceptance, drift, and hostile text."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3

import duckdb
import hostile
import pytest
from command_line import run
from demo import copied

from pipelines import warehouse
from pipelines.documents import Document, Linked, Section
from pipelines.ledger import Ledger
from pipelines.packets import without_addresses

DEAL, NAME, COMMUNITY = "1001", "Fernhollow Phenology hub", "Fernhollow Phenology"
ZONES = ("UTC", "America/Los_Angeles", "Pacific/Kiritimati", "Asia/Kathmandu", "Pacific/Pago_Pago")
ADDRESS = re.compile(r"[\w.+-]+\\?@[\w-]+\.\w+")
MARTS = (
    "rpt_deals", "rpt_deal_contacts", "rpt_deal_engagements", "rpt_deal_deliverables", "fct_missing_intake", "fct_budget_months",
    "fct_findings", "fct_renewals_due",
)  # fmt: skip


def page(home, *arguments, **environment):
    done = run(home, *arguments, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def packet(home, deal=DEAL, *arguments):
    return json.loads(page(home, "packet", deal, "--format", "json", *arguments))


def refused(home, *arguments):
    """Return the one sentence with which a page is refused."""
    done = run(home, *arguments)
    assert done.returncode == 2, done.stdout
    assert done.stdout == ""
    return done.stderr.splitlines()[-1]


def accept(home, side, by, deal=DEAL):
    return page(home, "packet", deal, "--accept", "--by", by, "--side", side)


def section(text, title):
    """Return what stands below a heading."""
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def change(home, *statements):
    """Change the published marts by hand, as a later sync would."""
    with duckdb.connect(str(warehouse.current_version(home) / warehouse.FILE_NAME)) as connection:
        for statement in statements:
            connection.execute(statement)
    return home


def columns_of(home, table):
    snapshot = warehouse.open_current(home)
    found = snapshot.rows(
        "select column_name, data_type from information_schema.columns where table_schema = 'marts' and table_name = ?", [table]
    )
    snapshot.close()
    return {row["column_name"]: row["data_type"] for row in found}


# What it says


def test_a_packet_shows_each_part_of_the_handoff(demo_home):
    text = page(demo_home, "packet", DEAL)
    assert text.startswith(f"# Handoff packet: {NAME}\n")
    assert "> SANDBOX" in text
    assert "> As of Monday, 16 November 2026" in text
    assert "HubSpot complete at" in text
    assert "2026-07-01 to 2027-06-30 (from the contract)" in section(text, "Agreement")
    assert "24,000.00 USD" in section(text, "Agreement")
    assert "| Website | filled |" in section(text, "Intake")
    assert "| Buyer | Odalys Brightwater-Fernhollow |" in section(text, "People")
    assert "620.00 USD" in section(text, "Delivery")
    assert "Hub for Fernhollow Phenology hub" in section(text, "Deliverables")
    assert "1,520.00 of 1,860.00" in section(text, "Costs so far")
    assert "| 2026-11 | 300.00 | 620.00 | 600.00 | 0.00 | engagement |" in section(text, "Costs so far")
    assert "Not accepted yet by sales and delivery" in section(text, "Acceptance")


def test_risks_are_the_open_findings_of_the_deal_with_what_to_do(demo_home):
    findings = json.loads(page(demo_home, "report", "findings", "--format", "json"))
    deal = findings[0]["deal_id"]
    theirs = {row["finding_id"]: row for row in findings if row["deal_id"] == deal}
    risks = packet(demo_home, deal)["risks"]
    assert {row["finding_id"] for row in risks} == theirs.keys()
    for row in risks:
        assert row["what_to_do"] == theirs[row["finding_id"]]["what_to_do"]
    assert len(
        re.findall(r"(?m)^\| (?:blocker|high|medium|low)", section(page(demo_home, "packet", deal), "Risks: open findings"))
    ) == len(risks)


def test_what_was_snoozed_says_until_when_and_what_was_waived_is_counted(copy_of_demo):
    first, second, third, *_ = (row["finding_id"] for row in packet(copy_of_demo, "1035")["risks"])
    change(
        copy_of_demo,
        f"update marts.fct_findings set state = 'snoozed', snoozed_until_on = '2026-12-01' where finding_id = '{first}'",
        f"update marts.fct_findings set state = 'acknowledged' where finding_id = '{second}'",
        f"update marts.fct_findings set state = 'waived' where finding_id = '{third}'",
    )
    risks = section(page(copy_of_demo, "packet", "1035"), "Risks: open findings")
    assert "| high, snoozed until 2026-12-01 |" in risks
    assert "| medium, acknowledged |" in risks
    assert "Waived and not listed: 1." in risks
    assert len(re.findall(r"(?m)^\| (?:high|medium)", risks)) == 3


def test_what_is_missing_from_the_intake_comes_first(demo_home):
    lines = section(page(demo_home, "packet", "1035"), "Intake").strip().splitlines()
    assert lines[0].startswith("29 of 33 in order.")
    assert [line.split(" | ")[1] for line in lines[4:8]] == ["missing"] * 4
    assert {line.split(" | ")[1] for line in lines[8:]} == {"filled"}


def test_a_deal_without_an_agreement_says_so(copy_of_demo):
    names = ("start_on", "end_on", "end_source", "amount", "currency", "agreement_url", "next_break_on", "prepaid_cloud_amount")
    change(
        copy_of_demo,
        "update marts.rpt_deals set " + ", ".join(f"{name} = null" for name in names) + ", is_agreement_executed = false",
        "delete from marts.rpt_deal_engagements",
        "delete from marts.rpt_deal_deliverables",
    )
    text = page(copy_of_demo, "packet", DEAL)
    assert "| Term | not known to not known |" in text
    assert "| Amount | not known |" in text
    assert "| Agreement | not linked; not recorded as signed |" in text
    assert "No engagement serves this deal." in text
    assert "No project is recorded." in text


def test_a_packet_and_a_brief_without_any_value_can_be_had_in_every_format(copy_of_demo):
    """NULL everywhere but in the ids that lead there."""
    kept = {"rpt_deals": {"deal_id", "community_name"}, "fct_findings": {"deal_id", "community_name"}}
    change(
        copy_of_demo,
        *(
            f"update marts.{table} set "
            + ", ".join(
                f"{name} = null"
                for name in columns_of(copy_of_demo, table)
                if name
                not in kept.get(
                    table, {"deal_id", "community_name", "month_on", "field_key", "contact_id", "engagement_id", "project_id"}
                )
            )
            for table in MARTS
        ),
    )
    for page_format in ("md", "html", "json"):
        text = page(copy_of_demo, "packet", DEAL, "--format", page_format)
        assert "None" not in re.sub(r"None in what could be evaluated", "", text)
        text = page(copy_of_demo, "brief", COMMUNITY, "--format", page_format)
        assert "None" not in re.sub(r"None in what could be evaluated", "", text)
    assert "Term | not known to not known" in page(copy_of_demo, "packet", DEAL)


def test_a_stale_source_stands_above_the_page(copy_of_demo):
    change(
        copy_of_demo,
        "update ops.source_status set status = 'stale', error = 'Airtable did not answer.' where source = 'airtable'",
        "update marts.rpt_sources set status = 'stale' where source = 'airtable'",
        "update marts.rpt_rule_evaluations set gate = 'stale' where rule_id = 'HG01'",
    )
    for arguments in (("packet", DEAL), ("brief", COMMUNITY)):
        text = page(copy_of_demo, *arguments)
        assert re.search(r"> Airtable: STALE since .*Airtable did not answer\.", text)
        assert "Airtable stale at" in text
        assert "On STALE data, because of the sources named above: HG01" in text


def test_what_a_source_that_was_never_loaded_would_say_is_not_evaluated_and_not_absent(copy_of_demo):
    change(
        copy_of_demo,
        "delete from marts.rpt_deal_engagements",
        "delete from marts.rpt_deal_deliverables",
        "delete from marts.fct_budget_months",
        "update marts.rpt_sources set status = 'never', last_complete_at = null where source in ('airtable', 'aws')",
    )
    for arguments in (("packet", DEAL), ("brief", COMMUNITY)):
        text = page(copy_of_demo, *arguments)
        assert section(text, "Delivery").strip() == "NOT EVALUATED: Airtable was never loaded, so nobody knows."
        assert section(text, "Deliverables").strip() == "NOT EVALUATED: Airtable was never loaded, so nobody knows."
        assert section(text, "Costs so far").strip() == "NOT EVALUATED: AWS was never loaded, so nobody knows."
    change(copy_of_demo, "update marts.rpt_sources set status = 'stale' where source = 'airtable'")
    text = section(page(copy_of_demo, "packet", DEAL), "Delivery").strip()
    assert text == "No engagement serves this deal. That rests on STALE data of Airtable."


# Which deal


@pytest.mark.parametrize("wanted", [DEAL, NAME, NAME.upper(), "fernhollow", " Fernhollow "])
def test_a_deal_is_found_by_its_id_its_name_or_a_part_that_no_other_has(demo_home, wanted):
    assert packet(demo_home, wanted)["deal_id"] == DEAL


def test_a_whole_name_is_not_ambiguous_because_another_name_holds_it(copy_of_demo):
    change(copy_of_demo, f"update marts.rpt_deals set deal_name = '{NAME} two' where deal_id = '1003'")
    assert packet(copy_of_demo, NAME)["deal_id"] == DEAL
    sentence = refused(copy_of_demo, "packet", "fernhollow")
    assert f"{NAME} ({DEAL})" in sentence
    assert f"{NAME} two (1003)" in sentence


def test_an_ambiguous_name_is_one_sentence_with_the_first_candidates(demo_home):
    sentence = refused(demo_home, "packet", "hub")
    assert len(re.findall(r"\(\d+\)", sentence)) == 8
    assert re.search(r"and \d+ more\. Name the deal by its id", sentence)


@pytest.mark.parametrize("wanted", ["Nonsuch", "", "   ", "%", "'; drop table marts.rpt_deals; --"])
def test_an_unknown_name_is_one_sentence(demo_home, wanted):
    assert "There is no deal" in refused(demo_home, "packet", wanted)
    assert "There is no community" in refused(demo_home, "brief", wanted)


def test_without_a_snapshot_both_say_what_to_run(home):
    home.mkdir(parents=True)
    for arguments in (("packet", DEAL), ("brief", COMMUNITY)):
        done = run(home, *arguments)
        assert done.returncode == 1
        assert "Run `handoff sync`" in done.stderr


def test_a_snapshot_of_another_version_is_no_failure_of_ours_but_says_what_to_run(copy_of_demo):
    change(copy_of_demo, "drop table marts.rpt_deals", "drop table marts.fct_renewals_due")
    for arguments in (("packet", DEAL), ("brief", COMMUNITY), ("report", "agreements")):
        done = run(copy_of_demo, *arguments)
        assert done.returncode == 1
        assert "was built by another version of handoff" in done.stderr
        assert "Run `handoff sync`" in done.stderr


# The hash


def canonical_hash(found):
    content = json.dumps(
        {"deal_id": found["deal_id"], "facts": found["facts"]}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(content.encode()).hexdigest()


def test_the_hash_is_over_the_facts_that_json_shows_and_over_nothing_else(demo_home):
    found = packet(demo_home)
    assert found["sha256"] == canonical_hash(found)
    assert found["sha256"] in page(demo_home, "packet", DEAL)
    assert found["sha256"] in page(demo_home, "packet", DEAL, "--format", "html")
    assert packet(demo_home, "1003")["sha256"] != found["sha256"]


def test_the_hash_is_the_same_in_five_time_zones(demo_home):
    assert len({json.loads(page(demo_home, "packet", DEAL, "--format", "json", TZ=zone))["sha256"] for zone in ZONES}) == 1


def test_costs_findings_and_the_day_change_no_hash_and_an_agreed_fact_does(copy_of_demo):
    before = packet(copy_of_demo)["sha256"]
    change(
        copy_of_demo,
        "update marts.fct_budget_months set gross_usd = gross_usd + 1",
        "update marts.fct_findings set reason = 'Another reason.'",
        "update marts.rpt_run set as_of_on = as_of_on + 1, run_id = 'another'",
        "update marts.rpt_deal_contacts set full_name = 'Another Spelling'",
    )
    assert packet(copy_of_demo)["sha256"] == before
    for statement in (
        "update marts.rpt_deals set amount = amount + 0.01",
        "update marts.rpt_deals set end_on = end_on + 1",
        "update marts.rpt_deal_contacts set contact_id = '1' where role_key = 'buyer'",
        "update marts.rpt_deal_deliverables set deliverable_status = 'Done'",
        "update marts.fct_missing_intake set field_status = 'missing' where field_key = 'website'",
    ):
        change(copy_of_demo, statement)
        after = packet(copy_of_demo)
        assert after["sha256"] == canonical_hash(after) != before, statement
        before = after["sha256"]


# Acceptance


def test_reading_a_packet_records_nothing(demo_home, tmp_path):
    home = copied(demo_home, tmp_path / "copy")
    (home / "ledger.sqlite").unlink()
    page(home, "packet", DEAL)
    assert not (home / "ledger.sqlite").exists()


def test_both_sides_accept_and_the_packet_shows_what_has_drifted_since(copy_of_demo):
    one = accept(copy_of_demo, "sales", "Rosa Lindqvist")
    assert "| sales | Rosa Lindqvist |" in section(one, "Acceptance")
    assert "Not accepted yet by delivery" in one
    assert "## Changed since" not in one
    both = accept(copy_of_demo, "delivery", "Tomas Okafor")
    assert "Both sides accepted the same packet." in both
    assert "Nothing. The facts are those that were accepted." in section(both, "Changed since both sides accepted")
    change(
        copy_of_demo,
        f"update marts.rpt_deals set end_on = '2027-03-31', agreement_url = null where deal_id = '{DEAL}'",
        f"update marts.rpt_deal_contacts set contact_id = '777', full_name = 'New Buyer' where deal_id = '{DEAL}' and role_key = 'buyer'",
        f"delete from marts.rpt_deal_deliverables where deal_id = '{DEAL}'",
        "update marts.fct_budget_months set gross_usd = gross_usd * 2",
    )
    rows = section(page(copy_of_demo, "packet", DEAL), "Changed since both sides accepted").strip().splitlines()[2:]
    assert rows == [
        "| Ends | 2027-06-30 | 2027-03-31 |",
        "| Agreement | https\\://agreements.example/fernhollow/1001 | (not known) |",
        "| Buyer | contact 30011 | New Buyer |",
        "| Fernhollow Phenology hub: hub: Hub for Fernhollow Phenology hub | In progress | (not there) |",
    ]
    drift = packet(copy_of_demo)["acceptances"][0]["drift"]
    assert {"fact": "Ends", "then": "2027-06-30", "now": "2027-03-31"} in drift
    assert len(drift) == 4


def test_sides_that_accepted_different_packets_are_told_so_until_they_accept_the_same(copy_of_demo):
    accept(copy_of_demo, "sales", "Rosa Lindqvist")
    change(copy_of_demo, f"update marts.rpt_deals set amount = 30000 where deal_id = '{DEAL}'")
    text = accept(copy_of_demo, "delivery", "Tomas Okafor")
    assert "The two sides accepted different packets." in text
    assert "| Amount | 24000.00 | 30000.00 |" in section(text, "Changed since sales accepted")
    assert "Nothing." in section(text, "Changed since delivery accepted")
    assert "Both sides accepted the same packet." in accept(copy_of_demo, "sales", "Somebody Else")


def test_an_acceptance_is_about_one_deal(copy_of_demo):
    accept(copy_of_demo, "sales", "Rosa Lindqvist")
    assert packet(copy_of_demo, "1003")["acceptances"] == []


def test_what_was_accepted_in_the_sandbox_counts_for_no_real_deal(copy_of_demo):
    accept(copy_of_demo, "sales", "Rosa Lindqvist")
    change(copy_of_demo, "update marts.rpt_run set is_sandbox = false")
    assert packet(copy_of_demo)["acceptances"] == []
    accept(copy_of_demo, "delivery", "Tomas Okafor")
    assert [row["side"] for row in packet(copy_of_demo)["acceptances"]] == ["delivery"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--accept",),
        ("--accept", "--by", "Rosa"),
        ("--accept", "--side", "sales"),
        ("--by", "Rosa", "--side", "sales"),
        ("--by", "Rosa"),
    ],
)
def test_half_an_acceptance_is_refused_and_nothing_is_recorded(copy_of_demo, arguments):
    assert "needs all three" in refused(copy_of_demo, "packet", DEAL, *arguments)
    assert packet(copy_of_demo)["acceptances"] == []


@pytest.mark.parametrize("name", ["", "  ", "rosa@example.org"])
def test_somebody_accepts_with_a_name_and_not_with_an_address(copy_of_demo, name):
    assert "--by takes the name" in refused(copy_of_demo, "packet", DEAL, "--accept", "--by", name, "--side", "sales")
    assert packet(copy_of_demo)["acceptances"] == []


def test_the_ledger_holds_the_acceptance_sound_and_without_the_names_of_contacts(copy_of_demo):
    text = accept(copy_of_demo, "sales", "Rosa Lindqvist")
    assert "Odalys" in text
    with Ledger.open(copy_of_demo) as ledger:
        assert ledger.verify().is_sound
        [row] = [row for row in ledger.event_rows() if row["kind"] == "packet_accepted"]
    assert (row["subject"], row["actor"]) == (f"deal-{DEAL}", "Rosa Lindqvist")
    assert packet(copy_of_demo)["sha256"] in row["sentence"]
    assert "Odalys" not in row["details"]
    assert not ADDRESS.search(row["details"])


def test_an_acceptance_whose_facts_were_edited_counts_as_none(copy_of_demo):
    accept(copy_of_demo, "sales", "Rosa Lindqvist")
    with sqlite3.connect(copy_of_demo / "ledger.sqlite") as connection:
        connection.execute("update events set details = replace(details, '24000.00', '12000.00') where kind = 'packet_accepted'")
    assert packet(copy_of_demo)["acceptances"] == []


# Hostile text and addresses


@pytest.fixture(scope="module")
def hostile_home(demo_home, tmp_path_factory):
    """The demo with the hostile corpus in every text of every mart that a page reads, ids and keys excepted."""
    home = copied(demo_home, tmp_path_factory.mktemp("hostile") / "home")
    pieces = ", ".join("'" + piece.replace("'", "''") + "'" for piece in hostile.CORPUS)
    ours = {
        "field_key",
        "field_status",
        "role_key",
        "status",
        "severity",
        "scope",
        "deal_id",
        "community_name",
        "rule_id",
        "report",
        "evidence",
        "state",
    }
    statements = []
    for table in MARTS:
        texts = [name for name, kind in columns_of(home, table).items() if kind == "VARCHAR" and name not in ours]
        changes = ", ".join(
            f"{name} = ([{pieces}])[1 + (hash(rowid + {shift}) % {len(hostile.CORPUS)})::integer] || ' ' || {name}"
            for shift, name in enumerate(texts)
        )
        statements.append(f"update marts.{table} set {changes}")
    return change(home, *statements)


@pytest.mark.parametrize("arguments", [("packet", DEAL), ("packet", "1035"), ("brief", COMMUNITY)])
def test_hostile_text_is_text_in_markdown(hostile_home, arguments):
    text = page(hostile_home, *arguments)
    assert text.replace("\n", "").isprintable()
    bare = re.sub(r"\\.", "", text)
    assert not re.search(r"!\[|<\w|`|http://", bare)
    assert all(target.startswith("https://") for target in re.findall(r"\]\(([^)]*)\)", bare))
    for table in re.findall(r"(?m)(?:^\|.*\n)+", text):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


@pytest.mark.parametrize("arguments", [("packet", DEAL), ("packet", "1035"), ("brief", COMMUNITY)])
def test_hostile_text_is_text_in_html_and_the_page_loads_nothing(hostile_home, arguments):
    text = page(hostile_home, *arguments, "--format", "html")
    assert text.replace("\n", "").isprintable()
    tags = {tag.casefold() for tag in re.findall(r"<(\w+)", text)}
    assert tags <= {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "div", "table", "tr", "th", "td", "a"}
    assert set(re.findall(r'href="(\w+):', text)) <= {"https"}
    assert "default-src 'none'" in text
    assert "&lt;script&gt;" in text


def test_json_does_not_steer_a_terminal(hostile_home):
    for arguments in (("packet", DEAL), ("brief", COMMUNITY)):
        assert page(hostile_home, *arguments, "--format", "json").replace("\n", "").isprintable()


def test_no_e_mail_address_is_in_a_page_whatever_field_it_was_written_into(copy_of_demo):
    change(
        copy_of_demo,
        "update marts.rpt_deals set company_name = 'Institute, ask pi@example.org', agreement_url = 'https://a.example/?to=x@example.org'",
        "update marts.rpt_deal_contacts set full_name = 'odalys.b+hub@uni.example'",
        "update marts.rpt_deal_engagements set delivery_owner = 'Tamsin <t@example.org>'",
        "update marts.fct_missing_intake set value_shown = 'write to me@example.org' where field_key = 'website'",
        "update marts.fct_findings set reason = 'Ask a@b.example', owner = 'c@d.example', deal_id = '1001', "
        "community_name = 'Fernhollow Phenology' where finding_id in (select finding_id from marts.fct_findings limit 1)",
    )
    for arguments in (("packet", DEAL), ("brief", COMMUNITY)):
        for page_format in ("md", "html", "json"):
            text = page(copy_of_demo, *arguments, "--format", page_format)
            assert not ADDRESS.search(text), (arguments, page_format)
            assert "e-mail address left out" in text
    accept(copy_of_demo, "sales", "Rosa Lindqvist")
    with Ledger.open(copy_of_demo) as ledger:
        assert not [row for row in ledger.event_rows() if ADDRESS.search(str(row["details"]))]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mail a.b+c@d-e.example.org now", "mail (e-mail address left out) now"),
        ("<a@b.example>", "<(e-mail address left out)>"),
        ("@SUM(A1) and a@b", "@SUM(A1) and a@b"),
        ("", ""),
    ],
)
def test_what_is_an_address_is_left_out_and_nothing_else(text, told):
    assert without_addresses(text) == told


def test_an_address_that_is_not_https_leads_nowhere():
    for url in ("javascript:alert(1)", "http://plain.example", "data:text/html,x", None, ""):
        document = Document("t", [], [Section("s", ("c",), [[Linked("text", url)]])])
        assert "| text |" in document.as_markdown()
        assert "<td>text</td>" in document.as_html()


# The brief


def test_a_brief_has_what_is_known_of_the_community_and_says_what_is_not_read(demo_home):
    text = page(demo_home, "brief", "lastlight")
    assert text.startswith("# Check-in: Lastlight Lichenology\n")
    assert "SANDBOX" in text
    assert "Not in this pack: invoices, monthly active users and usage, support tickets." in text
    found = json.loads(page(demo_home, "brief", "lastlight", "--format", "json"))
    assert {row["community_name"] for name in ("agreements", "renewals", "findings") for row in found[name]} == {
        "Lastlight Lichenology"
    }
    findings = json.loads(page(demo_home, "report", "findings", "--format", "json"))
    assert {row["finding_id"] for row in found["findings"]} == {
        row["finding_id"] for row in findings if row["community_name"] == "Lastlight Lichenology"
    }
    for row in found["agreements"]:
        assert row["deal_id"] in section(text, "Agreements and open deals")
    for row in found["renewals"]:
        assert row["effective_end_on"] in section(text, "Renewals")
    names = [row["engagement_id"] for row in found["engagements"]]
    assert len(names) == len(set(names)) > 0


def test_costs_of_a_brief_add_up_over_the_agreements_of_the_community(demo_home):
    months = json.loads(page(demo_home, "report", "budget-months", "--format", "json"))
    found = json.loads(page(demo_home, "brief", COMMUNITY, "--format", "json"))
    theirs = [row for row in months if row["community_name"] == COMMUNITY]
    assert theirs
    for row in found["costs"]:
        assert float(row["gross_usd"]) == sum(
            float(month["gross_usd"]) for month in theirs if month["month_on"] == row["month_on"]
        )


def test_an_ambiguous_community_is_one_sentence_with_the_candidates(demo_home):
    sentence = refused(demo_home, "brief", "logy")
    assert "can be any of" in sentence
    assert "Fernhollow Phenology" in sentence
    assert "(Fernhollow" not in sentence


def test_a_page_is_written_into_a_file_for_its_owner_only(demo_home, tmp_path):
    for arguments in (("packet", DEAL), ("brief", COMMUNITY)):
        path = tmp_path / arguments[0]
        assert page(demo_home, *arguments, "--output", str(path)) == ""
        assert path.read_text() == page(demo_home, *arguments)
        assert path.stat().st_mode & 0o777 == 0o600
