"""The invented organisation many times over, as raw tables: what the models are measured on.

Each copy has ids, names, addresses and accounts of its own, so that it is to the models another set of deals with the same troubles; costs
are multiplied further by services of their own. The organisation's stages, fields and owners are shared by all copies.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
from typing import TYPE_CHECKING, Final

import duckdb

from pipelines.sources.raw import create_missing_tables

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# what each deal or account brings with it; all other raw tables describe the portal, the base and the project
COPIED: Final = (
    *(
        "raw_airtable.records",
        "raw_aws.accounts",
        "raw_aws.budgets",
        "raw_aws.budget_notifications",
        "raw_aws.budget_subscribers",
    ),
    *("raw_github.issues", "raw_github.item_values", "raw_github.project_items", "raw_hubspot.associations"),
    *("raw_hubspot.communities", "raw_hubspot.companies", "raw_hubspot.contacts", "raw_hubspot.deals", "raw_hubspot.line_items"),
    *("raw_hubspot.orders", "raw_hubspot.property_histories"),
)
_RECORDS: Final = ("communities", "companies", "contacts", "deals", "line_items", "orders")
_TOKEN: Final = re.compile(
    r"rec[A-Za-z0-9]{14}\b|\b(?:I|PVTI|PR)_\w+|(?<=/issues/)\d+|(?<![\w-])\d{4,12}(?![\w-])|[A-Z][a-z]{5,}|\b[a-z]{6,}(?=[a-z -.]*example|-)"
)
# stage ids look like deal ids: they stand behind these words
_SHARED: Final = re.compile(r"(?:dealstage|pipeline|value|owner_id)\W*$")
_ISSUE_STEP: Final = 1_000


def multiply(database: Path, rules: Path, *, copies: int, services: int, to: Path) -> tuple[Path, Path]:
    """Write ``copies`` of what ``database`` holds to ``to``; return the database and the folder of rule tables that fit it.

    Every cost is there ``services`` times for each copy, each time for a service of its own.
    """
    target, folder = to / "wh.duckdb", to / "rules"
    shutil.copyfile(database, target)
    shutil.copytree(rules, folder, dirs_exist_ok=True)
    with duckdb.connect(str(target)) as connection:
        create_missing_tables(connection)  # an older handoff knew fewer, and a sync makes them before it builds
        ids, words = _known(connection)
        changed = _changer(ids, words)
        for table in COPIED:
            _copy_table(connection, table, changed, copies, to)
        _copy_costs(connection, changed, copies, services)
    _copy_accounts(folder / "map_accounts_to_deals.csv", changed, copies)
    return target, folder


def _known(connection: duckdb.DuckDBPyConnection) -> tuple[set[str], set[str]]:
    """Return the ids that a copy has of its own, and the first words of its communities."""
    ids = {row[0] for table in _RECORDS for row in connection.execute(f"select id from raw_hubspot.{table}").fetchall()}
    ids |= {row[0] for row in connection.execute("select id from raw_github.project_items").fetchall()}
    ids |= {row[0] for row in connection.execute("select id from raw_aws.accounts").fetchall()}
    names = connection.execute(
        "select json_extract_string(properties_json, '$.community_name') from raw_hubspot.communities"
    ).fetchall()
    words = {name.split()[0] for (name,) in names if name}
    return ids, words | {word.lower() for word in words}


def _changer(ids: set[str], words: set[str]) -> Callable[[str, int], str]:
    """Return what turns a token of the organisation into the same one of copy ``number``."""

    def changed(token: str, number: int) -> str:
        if token in ids:
            return _digits(token, number, 12) if len(token) == 12 else f"{token}{number:05d}"
        if token.startswith("rec"):
            return "rec" + hashlib.md5(f"{token}{number}".encode(), usedforsecurity=False).hexdigest()[:14]
        if token in words:
            return token + _letters(number)
        if "_" in token:
            return f"{token}{number:05d}"
        return token

    return changed


def _digits(token: str, number: int, length: int) -> str:
    return str(int(hashlib.md5(f"{token}{number}".encode(), usedforsecurity=False).hexdigest(), 16))[:length]


def _letters(number: int) -> str:
    return "".join(chr(ord("a") + number // 26**place % 26) for place in range(3))


def _copy_table(
    connection: duckdb.DuckDBPyConnection, table: str, changed: Callable[[str, int], str], copies: int, to: Path
) -> None:
    rows = [row[0] for row in connection.execute(f"select to_json(t) from {table} as t").fetchall()]
    file = to / "rows.json"
    with file.open("w", encoding="utf-8") as output:
        for text in map(str, rows):
            pieces = _pieces(text)
            for number in range(1, copies):
                line = "".join(_piece(piece, changed, number) for piece in pieces)
                if table == "raw_github.issues":
                    content = json.loads(line)
                    line = json.dumps(content | {"number": content["number"] + number * _ISSUE_STEP})
                output.write(line + "\n")
    columns = connection.execute(f"describe {table}").fetchall()
    types = ", ".join(f"'{name}': '{kind}'" for name, kind, *_ in columns)
    names = ", ".join(f'"{name}"' for name, *_ in columns)
    connection.execute(
        f"insert into {table} select {names} from read_json('{file}', format = 'newline_delimited', columns = {{{types}}})"
    )
    file.unlink()


def _pieces(text: str) -> list[tuple[str, str]]:
    """Split a row into text that stays and tokens that may change, each with its kind."""
    pieces, at = [], 0
    for found in _TOKEN.finditer(text):
        pieces.append(("stays", text[at : found.start()]))
        is_shared = found[0].isdigit() and _SHARED.search(text[max(0, found.start() - 20) : found.start()])
        kind = "stays" if is_shared else "issue" if text[: found.start()].endswith("/issues/") else "token"
        pieces.append((kind, found[0]))
        at = found.end()
    return [*pieces, ("stays", text[at:])]


def _piece(piece: tuple[str, str], changed: Callable[[str, int], str], number: int) -> str:
    kind, text = piece
    if kind == "issue":
        return str(int(text) + number * _ISSUE_STEP)
    return changed(text, number) if kind == "token" else text


def _copy_costs(connection: duckdb.DuckDBPyConnection, changed: Callable[[str, int], str], copies: int, services: int) -> None:
    accounts = [row[0] for row in connection.execute("select distinct account_id from raw_aws.costs").fetchall()]
    connection.execute("create temp table copied (account varchar, copied_account varchar)")
    pairs = [[account, changed(account, number)] for number in range(1, copies) for account in accounts]
    connection.executemany("insert into copied values (?, ?)", [*pairs, *([account, account] for account in accounts)])
    connection.execute(
        """
        create temp table more as
        select costs.* replace (copied_account as account_id, costs.service || ' ' || number as service)
        from raw_aws.costs as costs
        inner join copied on costs.account_id = copied.account
        cross join range(?) as numbers (number)
        """,
        [services],
    )
    connection.execute("delete from raw_aws.costs")
    connection.execute("insert into raw_aws.costs select * from more")


def _copy_accounts(file: Path, changed: Callable[[str, int], str], copies: int) -> None:
    with file.open(encoding="utf-8", newline="") as source:
        reader = csv.DictReader(source)
        rows, header = list(reader), reader.fieldnames or []
    with file.open("a", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, header, lineterminator="\n")
        for number in range(1, copies):
            writer.writerows(row | {name: changed(row[name], number) for name in ("sub_account_id", "deal_id")} for row in rows)
