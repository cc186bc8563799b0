"""By what a person is known in the data: address, its keyed hashes, names, logins; found from the address alone.

An address leads to the contact or owner that has it, and to the cells of other systems that name it beside a name. First and last
names alone are too common to look for everywhere; they are looked for in the rows that are about the person.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pipelines.contents import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipelines.warehouse import Snapshot

REPLACEMENT: Final = "[removed]"
# Words of keys under which systems keep what a person is called: firstname, full_name, name, github_username, login, phone, ...
_CALLED: Final = re.compile(r"name|login|phone|github|user", re.IGNORECASE)
# Words of keys that hold a part of a name only
_PART: Final = re.compile(r"first|last|given|family", re.IGNORECASE)
_ENOUGH: Final = 4  # letters: a shorter login is most likely a part of other words


@dataclass
class Identity:
    """One person. ``everywhere`` is replaced wherever it stands, ``in_own_rows`` only in rows about the person."""

    everywhere: set[str] = field(default_factory=set)
    in_own_rows: set[str] = field(default_factory=set)
    contact_ids: set[str] = field(default_factory=set)
    owner_ids: set[str] = field(default_factory=set)

    def learn(self, called: Iterable[tuple[str, str]]) -> None:
        """Take over what a record that has the person's address says the person is called: pairs of key and value."""
        pairs = [(key, " ".join(value.split())) for key, value in called if value and value.strip() and _CALLED.search(key)]
        parts = {key: value for key, value in pairs if _PART.search(key)}
        self.in_own_rows |= set(parts.values())
        self.everywhere |= {value for key, value in pairs if key not in parts and len(value) >= _ENOUGH and not value.isdigit()}
        first = next((value for key, value in parts.items() if re.search("first|given", key, re.IGNORECASE)), None)
        last = next((value for key, value in parts.items() if re.search("last|family", key, re.IGNORECASE)), None)
        if first and last:
            self.everywhere |= {f"{first} {last}", f"{last}, {first}"}

    def spellings(self, *, own_rows: bool = False) -> list[str]:
        """Return the texts that stand for the person, also as JSON writes them, the longest first."""
        wanted = self.everywhere | (self.in_own_rows if own_rows else set())
        return sorted(wanted | {json.dumps(text)[1:-1] for text in wanted}, key=lambda text: (-len(text), text))

    def pattern(self, *, own_rows: bool = False) -> re.Pattern[str]:
        """Return what finds the person in a text, whatever the case of its letters."""
        # not within another address or login; a line break in JSON is a letter, which is no part of the word behind it
        before, after = r"(?:(?<![\w.+-])|(?<=\\[nrt]))", r"(?![\w-]|\.\w)"
        spellings = "|".join(map(re.escape, self.spellings(own_rows=own_rows)))
        return re.compile(f"{before}(?:{spellings}){after}", re.IGNORECASE)


def identify(snapshots: Iterable[Snapshot], address: str, hashes: Iterable[str]) -> Identity:
    """Return by what the person with ``address`` is known in these snapshots; ``hashes`` stand for the address in them."""
    identity = Identity(everywhere={address.strip(), *hashes})
    keys = {text.casefold() for text in identity.everywhere}
    for snapshot in snapshots:
        for table, of in (("contacts", identity.contact_ids), ("owners", identity.owner_ids)):
            for row in _rows(snapshot, "raw_hubspot", table):
                values = json.loads(row["properties_json"] or "{}") if "properties_json" in row else row
                if any(keys & set(re.split(r"[;,\s]+", str(value).casefold())) for value in values.values() if value):
                    of.add(str(row["id"]))
                    identity.learn((name, str(value)) for name, value in values.items() if value and not name.endswith("_id"))
        for text in _json_texts(snapshot, keys):
            for item in _objects(text):
                texts = {name: value for name, value in item.items() if isinstance(value, str)}
                if keys & {value.strip().casefold() for value in texts.values()}:
                    identity.learn(texts.items())
    return identity


def _rows(snapshot: Snapshot, schema: str, table: str) -> list[dict[str, Any]]:
    there = snapshot.rows("select 1 from duckdb_tables() where schema_name = ? and table_name = ?", [schema, table])
    return snapshot.rows(f"select * from {quoted(schema, table)}") if there else []


def _json_texts(snapshot: Snapshot, keys: set[str]) -> Iterator[str]:
    """Yield what the vendors sent that holds one of ``keys`` somewhere."""
    columns = snapshot.rows(
        "select schema_name, table_name, column_name from duckdb_columns() semi join duckdb_tables() using (schema_name, table_name) "
        "where starts_with(schema_name, 'raw_') and ends_with(column_name, '_json')"
    )
    for row in columns:
        name, table = quoted(row["column_name"]), quoted(row["schema_name"], row["table_name"])
        condition = " or ".join(f"contains(lower({name}), ?)" for _ in keys)
        yield from (
            found["text"] for found in snapshot.rows(f"select {name} as text from {table} where {condition}", sorted(keys))
        )


def _objects(text: str) -> Iterator[dict[str, Any]]:
    try:
        waiting = [json.loads(text)]
    except ValueError:
        return
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
