"""dlt as its HubSpot source does it: every object listed with all properties and its associations, merged by id; Parquet files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

TITLE = "dlt, Parquet"
REQUIREMENTS = "dlt.txt"
FILE_FORMAT: str | None = "parquet"
# dlt follows what the vendor names: the associations that come with a list of objects
_ASSOCIATED = {"deals": ("contacts", "companies"), "companies": ("contacts",), "contacts": ()}


def prepare(home: Path) -> dict[str, str]:
    """Return the environment of the run: its folders, and no telemetry."""
    return {
        "DLT_DATA_DIR": str(home / "dlt"),
        "DLT_CONFIG_FOLDER": str(home / "dlt"),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
        "HOME": str(home),
    }


def read_copy(home: Path):
    """Return what the warehouse holds of the portal; dlt keeps no labels."""
    import duckdb

    from benchmarks.copies import Copy
    from benchmarks.portal import PROPERTIES

    held = Copy(labels=None)
    with duckdb.connect(str(home / "hubspot.duckdb"), read_only=True) as connection:
        columns = ", ".join(PROPERTIES)
        for word, others in _ASSOCIATED.items():
            rows = connection.execute(f"select id, {columns} from crm.{word} where not archived").fetchall()
            held.records[word] = {str(record_id): "\x1f".join(value or "" for value in values) for record_id, *values in rows}
            for other in others:
                for from_id, to_id in connection.execute(
                    f"select r.id, a.id from crm.{word} r join crm.{word}__associations__{other}__results a on a._dlt_parent_id = r._dlt_id"
                ).fetchall():
                    held.links.add((word, str(from_id), other, str(to_id)))
    return held


def main(home: Path) -> None:
    """Load HubSpot into HOME/hubspot.duckdb."""
    import dlt
    from dlt.sources.helpers import requests

    def ask(path, **params):
        answer = requests.get(
            f"https://api.hubapi.com{path}", headers={"Authorization": f"Bearer {os.environ['BENCH_TOKEN']}"}, params=params
        )
        answer.raise_for_status()
        return answer.json()

    def records(word):
        names = ",".join(known["name"] for known in ask(f"/crm/v3/properties/{word}")["results"])
        params = {"limit": 100, "properties": names}
        if _ASSOCIATED[word]:
            params["associations"] = ",".join(_ASSOCIATED[word])
        while True:
            page = ask(f"/crm/v3/objects/{word}", **params)
            yield [{**one.pop("properties"), **one} for one in page["results"]]
            following = page.get("paging", {}).get("next", {}).get("after")
            if following is None:
                return
            params["after"] = following

    pipeline = dlt.pipeline("hubspot", destination=dlt.destinations.duckdb(str(home / "hubspot.duckdb")), dataset_name="crm")
    resources = [dlt.resource(records(word), name=word, primary_key="id", write_disposition="merge") for word in _ASSOCIATED]
    info = pipeline.run(resources, loader_file_format=FILE_FORMAT)
    info.raise_on_failed_jobs()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
