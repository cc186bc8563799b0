"""What a loader holds of a vendor, in one shape for all loaders and for the truth, and how two of them differ."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

Link = tuple[str, str, str, str]  # from object, from id, to object, to id
Label = tuple[str, str, str, str, str]  # the same and the label


@dataclass
class Copy:
    """Records by object and id, their values as one text; links and labels between them."""

    records: dict[str, dict[str, str]] = field(default_factory=dict)
    links: set[Link] = field(default_factory=set)
    labels: set[Label] | None = field(default_factory=set)  # None: the loader keeps no labels


def differences(truth: Copy, copy: Copy) -> str:
    """Name what a copy has wrong, in one line; "nothing" when it is the truth."""
    counts: Counter[str] = Counter()
    for word, records in truth.records.items():
        found = copy.records.get(word, {})
        counts["records missing"] += len(records.keys() - found.keys())
        counts["deleted records kept"] += len(found.keys() - records.keys())
        counts["records out of date"] += sum(found[i] != value for i, value in records.items() if i in found)
    # links of deleted records were counted with their records
    live = {link for link in copy.links if link[1] in truth.records[link[0]] and link[3] in truth.records[link[2]]}
    counts["links missing"] = len(truth.links - copy.links)
    counts["links that are gone"] = len(live - truth.links)
    wanted = truth.labels or set()
    if copy.labels is None:
        counts["labels not read"] = len(wanted)
    else:
        counts["labels wrong"] = len(wanted ^ {label for label in copy.labels if label[:4] in live})
    return "; ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "nothing"
