"""A file of invoices goes through `handoff import invoices` into the billing report, and a corrected one takes its place."""

from __future__ import annotations

from decimal import Decimal

import pytest
from loop import findings, run

from pipelines import warehouse

pytestmark = pytest.mark.slow

PAID, OPEN = "24000.00", "0"


def invoices(folder, *, paid):
    path = folder / "invoices.csv"
    path.write_text(
        "invoice,date,due,deal,component,from,to,amount,currency,paid\n"
        "INV-001,2026-09-01,2026-09-15,10631,membership,2026-09-01,2027-08-31,18000.00,USD,18000.00\n"
        "INV-002,2026-09-02,2026-09-16,https://app.hubspot.com/contacts/4400001/deal/1041,membership,2026-07-01,2027-06-30,"
        f"24000.00,USD,{paid}\n"
        "INV-003,2026-10-02,2026-11-01,9999,service,2026-09-01,2026-09-30,900.00,USD,\n"
        "INV-004,2026-10-02,2026-11-01,10631,membership,,,a lot,USD,\n",
        encoding="utf-8",
    )
    return path


def billing(home):
    return {key: row for key, row in findings(home).items() if row["report"] == "billing"}


@pytest.mark.thorough
def test_invoices_make_the_billing_report_until_a_corrected_file_is_imported(copy_of_demo, tmp_path):
    assert billing(copy_of_demo) == {}
    done = run(copy_of_demo, "import", "invoices", str(invoices(tmp_path, paid=OPEN)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 rows of invoices.csv are in the billing models." in done.stdout
    assert "line 5: amount 'a lot' is not a number like 1234.50" in done.stdout
    found = billing(copy_of_demo)
    assert found["UB02:invoice-INV-002"]["reason"] == (
        "Invoice INV-002 of Brimful Bathymetry sonar hub was due on 16 September 2026, 61 days ago, and 24,000.00 USD are open."
    )
    assert found["UB07:invoice-INV-003"]["severity"] == "low"
    assert "UB01:deal-10631:membership:2026-09" not in found, "it was billed"
    assert "UB01:deal-10453:membership:2026-09" in found, "its year began on the day of the first invoice, and nobody billed it"
    assert "UB01:deal-1001:membership:2026-07" not in found, "it was due before the first imported invoice"
    assert findings(copy_of_demo)["BO07:deal-1041:2026-09"]["rule_id"] == "BO07"

    again = run(copy_of_demo, "import", "invoices", str(invoices(tmp_path, paid=PAID)))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "UB02:invoice-INV-002" not in billing(copy_of_demo)
    [row] = warehouse.open_current(copy_of_demo).rows(
        "select value, sample_count from marts.rpt_kpis where kpi_key = 'cmrr_remaining' and month_on = date '2026-12-01'"
    )
    # 6,000 of 24,000 are left of the one, nothing of the other; 289 days remain
    assert row["sample_count"] == 2
    assert row["value"] == (Decimal(6000) * 31 / 289).quantize(Decimal("0.01"))
