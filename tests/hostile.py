"""Text that somebody may write into a CRM, and a snapshot that has it in every text column."""

from __future__ import annotations

import json

import invented
from invented_rows import filled

CORPUS = (
    "![x](http://evil.invalid/beacon.png)",
    "<script>document.title='owned'</script>",
    "<img src=http://evil.invalid/i.png onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "[click](http://evil.invalid/)",
    "http://evil.invalid/auto www.evil.invalid someone@evil.invalid",
    '=HYPERLINK("http://evil.invalid","ok")',
    "+1+1",
    "@SUM(A1)",
    "\t=1+1",
    ":material/home: :red[alarm] :smile: $x^2$",
    "# heading\n- list\n> quote\n| a | b |\n| - | - |",
    "**bold** _it_ `code` ~~no~~",
    "\u202egnp.exe \x1b]8;;http://evil.invalid\x07link\x1b]8;;\x07",
    "'; drop table marts.fct_findings; --",
    "{{ 7 * 7 }}",
    "../../etc/passwd",
    "&lt;b&gt; &amp; \\ \\\\",
)
# what a page must understand to show anything at all; every other text column is the vendor's or free text
_OURS = {
    "gate",
    "status",
    "source",
    "report",
    "evidence",
    "rule_id",
    "run_id",
    "window_key",
    "end_source",
    "coverage",
    "charge_category",
}


# made of the reports' findings
_MADE = {"marts.fct_findings", "marts.fct_finding_states"}


def rows():
    """Return a row at least for every mart, the invented ones where there are some, with a piece of the corpus in front of every text."""
    number = 0
    tables = invented.rows()
    tables |= {
        name: [filled(name.removeprefix("marts."))]
        for name in invented.TABLES
        if name.startswith("marts.") and name not in tables and name not in _MADE
    }
    for name, content in tables.items():
        kinds = dict(column.split(maxsplit=1) for column in invented.TABLES[name].split(", "))
        for row in content:
            for column, kind in kinds.items():
                if kind == "text" and column not in _OURS and column != "currency" and row.get(column) is not None:
                    row[column] = f"{CORPUS[number % len(CORPUS)]} {row[column]}"
                    number += 1
            if row.get("evidence"):
                row["evidence"] = json.dumps(
                    [{"field": CORPUS[1], "value": CORPUS[0], "source": CORPUS[2], "seen_at": CORPUS[3]}]
                )
    return tables
