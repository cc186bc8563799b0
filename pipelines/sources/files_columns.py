"""Which column of an export is which field: by the vendor's own label or name (map_fields.csv), or as map_file_columns.csv says.

A column that nothing is known of is left out and named, with the field that it most likely is.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    from pipelines.rules import Rules

# what a column may hold beside the vendor's fields
BESIDES: Final = {"deals": ("record_id", "company_ids", "company_names"), "engagements": ("record_id",)}
# kind of file -> system and object of map_fields.csv
PLACES: Final = {"deals": ("hubspot", "deals"), "engagements": ("airtable", "engagements")}
_TABLE: Final = "map_file_columns.csv"
_NEAR: Final = 0.6


@dataclass(frozen=True)
class KnownColumns:
    """What columns of one kind of file may be called (in lower case), and the field that each is."""

    kind: str
    fields: dict[str, str]
    labels: dict[str, str] = field(default_factory=dict)  # field -> what people call it

    def read(self, header: list[str]) -> dict[str, str]:
        """Return the field of each column (in lower case) that is known."""
        found = {name.strip().lower(): self.fields.get(name.strip().lower(), "") for name in header}
        return {name: canonical for name, canonical in found.items() if canonical}

    def twice(self, header: list[str]) -> str | None:
        """Return what is wrong where two columns are the same field."""
        seen: dict[str, str] = {}
        for name in (item.strip() for item in header):
            canonical = self.fields.get(name.lower())
            if canonical in seen:
                return f"{seen[canonical]!r} and {name!r} both hold {canonical}. Take one of the two columns away."
            if canonical:
                seen[canonical] = name
        return None

    def advice(self, header: list[str]) -> list[str]:
        """Return a sentence for each column that is not known."""
        return [
            self._sentence(name.strip(), header) for name in header if name.strip() and name.strip().lower() not in self.fields
        ]

    def _sentence(self, name: str, header: list[str]) -> str:
        taken = set(self.read(header).values())
        words = {word: canonical for word, canonical in self.fields.items() if canonical not in taken}
        words |= {canonical.replace("_", " "): canonical for canonical in set(words.values())}
        near = difflib.get_close_matches(name.lower(), words, n=1, cutoff=_NEAR)
        if not near:
            return f"column {name!r} is not known and was left out; if it matters, say in {_TABLE} which field it is"
        canonical = words[near[0]]
        quoted = f'"{name}"' if "," in name else name
        return (
            f"column {name!r} is not known and was left out; if it is {self.labels.get(canonical, canonical)}, add the line "
            f"`{self.kind},{quoted},{canonical},` to {_TABLE} and import again"
        )


def known_columns(kind: str, rules: Rules) -> KnownColumns:
    """Return the columns of a kind of file. Raises ConfigurationError when the rule table names a field that there is not."""
    system, record = PLACES[kind]
    rows = [row for row in rules.table("map_fields") if (row["system"], row["object"]) == (system, record)]
    rows = [row for row in rows if row["canonical_field"] != "table_id"]
    fields = {row["vendor_field"].lower(): row["canonical_field"] for row in rows}
    fields |= {row.get("vendor_label", "").lower(): row["canonical_field"] for row in rows if row.get("vendor_label")}
    known = {*fields.values(), *BESIDES[kind]}
    for row in rules.table("map_file_columns"):
        if row["kind_of_file"] != kind:
            continue
        if row["field"] not in known:
            raise ConfigurationError(
                f"{rules.directory / _TABLE} says that {row['column_name']!r} is {row['field']!r}, which is no field of {kind}. "
                f"Use one of {', '.join(sorted(known))}."
            )
        fields[row["column_name"].strip().lower()] = row["field"]
    return KnownColumns(
        kind, fields, {row["canonical_field"]: row.get("vendor_label", "") or row["canonical_field"] for row in rows}
    )
