"""Which deal an account belongs to, from cluster files and lists: what is read, replaced, refused, and set aside with its reason."""

from __future__ import annotations

import pytest
import yaml

from pipelines.errors import ConfigurationError
from pipelines.sources.files_accounts import open_accounts_file
from pipelines.sources.landing import Landing
from pipelines.sources.spill import Earlier


def cluster(folder, name, content=None, **changes):
    path = folder / name / "cluster.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {
        "name": name,
        "provider": "aws",
        "metadata": {"2i2c": {"hubspot_deal_id": 96602996427}},
        "aws": {"account": 22200100101, "clusterType": "eks", "billing": {"paid_by_us": True}},
        "hubs": [{"name": "prod"}],
    }
    path.write_text(content if content is not None else yaml.safe_dump(known | changes))
    return path


def listed(folder, *lines, header="provider,account,deal,cluster,from,to,paid_by_us", name="accounts.csv"):
    path = folder / name
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def read(path):
    """Return the sound rows and what was set aside."""
    accounts = open_accounts_file(path)
    rows = list(accounts.rows())
    return rows, [(item.place, item.reason) for item in accounts.quarantine]


def landed(path, folder):
    landing = Landing("files", folder, earlier=Earlier("files", None))
    accounts = open_accounts_file(path)
    accounts.land(landing, folder)
    return landing


def test_a_folder_of_cluster_files_gives_an_account_for_each(tmp_path):
    cluster(tmp_path, "birch")
    gcp = {"provider": "gcp", "gcp": {"project": "oak-project", "billing": {"paid_by_us": False}}}
    cluster(tmp_path, "oak", **gcp)
    rows, aside = read(tmp_path)
    shown = [tuple(row[name] for name in ("file_name", "provider", "sub_account_id", "deal_id", "is_paid_by_us")) for row in rows]
    assert shown == [
        ("birch/cluster.yaml", "AWS", "022200100101", "96602996427", True),
        ("oak/cluster.yaml", "Google Cloud", "oak-project", "96602996427", False),
    ]
    assert aside == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"metadata": {"2i2c": {}}}, "deal is empty"),
        ({"metadata": None}, "deal is empty"),
        ({"aws": {"billing": {}}}, "account is empty"),
        ({"provider": "kubeconfig"}, "account is empty"),
        ({"aws": {"account": "our-alias"}}, "account 'our-alias' is not the number of an AWS account"),
        (
            {"metadata": {"2i2c": {"hubspot_deal_id": "soon"}}},
            "deal 'soon' is neither the number of a deal nor its address in HubSpot",
        ),
        ({"content": "- a\n- b\n"}, "the cluster file cannot be read (it is no mapping)"),
        ({"content": "name: [unclosed\n"}, "the cluster file cannot be read (while parsing"),
        (
            {"content": "!!python/object/apply:os.system ['true']\n"},
            "the cluster file cannot be read (could not determine a constructor",
        ),
    ],
)
def test_a_cluster_file_that_does_not_say_it_is_set_aside_and_the_others_are_read(tmp_path, changes, reason):
    cluster(tmp_path, "birch", **changes)
    cluster(tmp_path, "oak")
    rows, [(place, words)] = read(tmp_path)
    assert [row["file_name"] for row in rows] == ["oak/cluster.yaml"]
    assert place == "birch/cluster.yaml, line 1"
    assert words.startswith(reason)


def test_a_list_takes_addresses_of_deals_and_names_its_damaged_lines(tmp_path):
    path = listed(
        tmp_path,
        "AWS,222200100101,https://app-na2.hubspot.com/contacts/4400001/record/0-3/1001,birch,2026-07-01,,true",
        "azure,sub-7,1002,,,,",
        "AWS,222200100101,,,,,",
        "AWS,222200100101,1001,,2026-07-01,2026-06-01,",
        "AWS,222200100101,1001,,July,,",
        "AWS,222200100101,1001,,,,maybe",
        "AWS,222200100101",
    )
    rows, aside = read(path)
    assert [(row["provider"], row["deal_id"], str(row["valid_from"])) for row in rows] == [
        ("AWS", "1001", "2026-07-01"),
        ("Microsoft", "1002", "None"),
    ]
    assert sorted(aside) == [
        ("accounts.csv, line 4", "deal is empty"),
        ("accounts.csv, line 5", "to 2026-06-01 is before from 2026-07-01"),
        ("accounts.csv, line 6", "from 'July' is not a day like 2026-11-16"),
        ("accounts.csv, line 7", "paid_by_us 'maybe' is neither true nor false"),
        ("accounts.csv, line 8", "the row has 2 cells, the header has 7"),
    ]


def test_what_is_no_list_of_accounts_is_refused_in_a_sentence(tmp_path):
    for path, words in (
        (tmp_path, "Give the folder config/clusters of a checkout."),
        (tmp_path / "none.csv", "does not exist"),
        (listed(tmp_path, header="provider,deal"), "it has no column account"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            open_accounts_file(path)


def test_a_folder_replaces_all_cluster_files_and_a_list_its_own_rows(tmp_path):
    cluster(tmp_path / "clusters", "birch")
    path = listed(tmp_path, "AWS,222200100101,1001,,,,")
    of_folder, of_list = landed(tmp_path / "clusters", tmp_path / "a"), landed(path, tmp_path / "b")
    for landing in (of_folder, of_list):
        assert all(landing.is_kept(table) for table in ("focus_costs", "invoices", "usage", "accounts", "exports"))
    assert "cluster.yaml" in of_folder._kept["accounts"][0]
    condition = "file_name not in (select unnest(?::varchar[])) and not starts_with(file_name, ?)"
    assert of_list._kept["accounts"] == (f"(true) and ({condition})", [["accounts.csv"], "accounts.csv, sheet "])
