"""Snapshots on object storage, against moto's S3 on loopback: whole or not at all, checked when they are read."""

from __future__ import annotations

import shutil

import pytest
from small_home import AT, publish

from pipelines import snapshot_store, warehouse
from pipelines.rollbacks import roll_back
from pipelines.settings import load_settings


@pytest.fixture(scope="module")
def server():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


@pytest.fixture
def bucket(server, monkeypatch, request):
    """Name an empty bucket in the settings and return a client for it."""
    import boto3

    name = f"b{abs(hash(request.node.name))}"
    client = boto3.client(
        "s3", endpoint_url=server, aws_access_key_id="key-id", aws_secret_access_key="secret-key", region_name="us-east-1"
    )
    client.create_bucket(Bucket=name)
    monkeypatch.setenv("SNAPSHOT_URL", f"s3://{name}/handoff")
    monkeypatch.setenv("SNAPSHOT_ACCESS_KEY_ID", "key-id")
    monkeypatch.setenv("SNAPSHOT_SECRET_ACCESS_KEY", "secret-key")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server)
    monkeypatch.setattr(snapshot_store, "_looked", {})
    return client, name


@pytest.fixture
def elsewhere(tmp_path):
    """The home of another machine, which never synced."""
    return tmp_path / "elsewhere"


def store_current(home):
    problem = snapshot_store.publish_there(load_settings(handoff_home=home))
    assert problem is None


def shown(home):
    """Return what a reader sees there now, as if half a minute had passed since it looked."""
    snapshot_store._looked.clear()
    snapshot = warehouse.open_current(home)
    run_id = snapshot.rows("select run_id from marts.run")[0]["run_id"]
    snapshot.close()
    return run_id


def test_another_machine_shows_what_one_publishes(home, elsewhere, bucket):
    for run_id in ("r1", "r2"):
        publish(home, run_id)
        store_current(home)
        assert shown(elsewhere) == run_id
    version = warehouse.current_version(elsewhere)
    assert warehouse.problem_of(version) is None
    assert [path for path in elsewhere.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o077] == []
    assert not list((elsewhere / "work").iterdir())


def test_until_the_pointer_is_turned_readers_see_the_snapshot_before(home, elsewhere, bucket, monkeypatch):
    publish(home, "r1")
    store_current(home)
    publish(home, "r2")

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(snapshot_store.SnapshotStore, "_point_to", killed)
        with pytest.raises(KeyboardInterrupt):
            store_current(home)
    assert shown(elsewhere) == "r1"
    store_current(home)
    assert shown(elsewhere) == "r2"


@pytest.mark.parametrize("name", ["wh.duckdb", "manifest.json"])
def test_a_snapshot_that_was_changed_there_is_refused_and_the_last_sound_one_stays(home, elsewhere, bucket, capsys, name):
    client, bucket_name = bucket
    publish(home, "r1")
    store_current(home)
    assert shown(elsewhere) == "r1"
    publish(home, "r2")
    store_current(home)
    key = f"handoff/versions/r2/{name}"
    content = bytearray(client.get_object(Bucket=bucket_name, Key=key)["Body"].read())
    content[len(content) // 2] ^= 1
    client.put_object(Bucket=bucket_name, Key=key, Body=bytes(content))
    assert shown(elsewhere) == "r1"
    assert "is not as it was published" in capsys.readouterr().err
    assert [path.name for path in (elsewhere / "warehouse/versions").iterdir()] == ["r1"]


def test_a_store_that_does_not_answer_leaves_readers_with_what_they_have_and_a_first_reader_with_a_sentence(
    home, elsewhere, bucket, monkeypatch, capsys
):
    publish(home, "r1")
    store_current(home)
    assert shown(elsewhere) == "r1"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    assert shown(elsewhere) == "r1"
    assert "could not be read" in capsys.readouterr().err
    with pytest.raises(warehouse.NoSnapshot, match="could not be read"):
        shown(elsewhere.with_name("third"))
    problem = snapshot_store.publish_there(load_settings(handoff_home=home))
    assert "could not be read" in problem
    assert "secret-key" not in problem


def test_a_runner_without_a_disk_goes_on_from_there_and_a_home_that_syncs_follows_nobody(home, elsewhere, bucket):
    publish(home, "r1")
    store_current(home)
    settings = load_settings(handoff_home=elsewhere)
    with warehouse.run_lock(elsewhere, what="test", started_at=AT):
        assert snapshot_store.begin_from_there(settings).startswith("Going on from r1")
        assert snapshot_store.begin_from_there(settings) is None
    publish(elsewhere, "r2")
    publish(home, "r3")
    store_current(home)
    assert shown(elsewhere) == "r2"


def test_a_second_machine_that_syncs_replaces_and_removes_nothing_there_and_is_told_so(home, elsewhere, bucket):
    client, bucket_name = bucket
    publish(home, "r1")
    store_current(home)
    before = {item["Key"] for item in client.list_objects_v2(Bucket=bucket_name)["Contents"]}
    publish(elsewhere, "their-r2")
    problem = snapshot_store.publish_there(load_settings(handoff_home=elsewhere))
    assert "shows r1, which another machine published" in problem
    assert {item["Key"] for item in client.list_objects_v2(Bucket=bucket_name)["Contents"]} == before
    for number in range(2, 9):  # as many as push the first ones out of what is kept
        publish(home, f"r{number}")
        store_current(home)
    assert shown(elsewhere.with_name("third")) == "r8"


def test_what_another_machine_published_is_never_removed(home, elsewhere, bucket):
    client, bucket_name = bucket
    publish(home, "r1")
    store_current(home)
    client.put_object(Bucket=bucket_name, Key="handoff/versions/their-r2/manifest.json", Body=b"{}")
    publish(home, "r2")
    store_current(home)
    assert "handoff/versions/their-r2/manifest.json" in {
        item["Key"] for item in client.list_objects_v2(Bucket=bucket_name)["Contents"]
    }


def test_versions_that_the_home_no_longer_keeps_go_there_as_well_and_a_rollback_is_seen(home, elsewhere, bucket):
    client, bucket_name = bucket
    for number in range(7):
        publish(home, f"r{number}")
        store_current(home)
    keys = {
        item["Key"].split("/")[2] for item in client.list_objects_v2(Bucket=bucket_name)["Contents"] if "versions" in item["Key"]
    }
    assert keys - {""} == {path.name for path in (home / "warehouse/versions").iterdir()}
    roll_back(home, None, at=AT)
    store_current(home)
    assert shown(elsewhere) == "r5"


def test_a_run_that_could_not_be_stored_ends_with_3():
    from pipelines.sync import RunResult

    assert RunResult("r1", AT.date()).exit_code == 0
    assert RunResult("r1", AT.date(), not_stored="No answer.").exit_code == 3


def test_any_store_of_fsspec_will_do(home, elsewhere, tmp_path, monkeypatch):
    monkeypatch.setenv("SNAPSHOT_URL", (tmp_path / "share").as_uri())
    monkeypatch.setattr(snapshot_store, "_looked", {})
    publish(home, "r1")
    store_current(home)
    assert shown(elsewhere) == "r1"
    shutil.rmtree(home)
    assert shown(elsewhere) == "r1"
