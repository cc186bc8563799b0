"""Promise 23: a full disk, a read-only folder or a damaged snapshot cost a run, never what is published; going back takes seconds."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import time

import duckdb
import pytest
import small_sync
from small_home import AT, publish

from pipelines import doctor, warehouse
from pipelines.errors import HandoffError, disk_problem
from pipelines.retention import MANIFEST
from pipelines.rollbacks import roll_back
from pipelines.settings import load_settings, prepare_dlt

SIZES = [1_000 * 2**number for number in range(4)] + [100_000 * number for number in range(1, 17)]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A home with version 1 published, made in a child: this process opens no database."""
    prepare_dlt(tmp_path_factory.mktemp("dlt"))
    import dlt  # noqa: F401

    home = tmp_path_factory.mktemp("published") / "home"
    small_sync.set_vendor_version(home, 1)
    assert small_sync.in_a_child(lambda: (small_sync.install(), small_sync.run(home))) == 0
    return home


def copied(published, tmp_path):
    folder = tmp_path / "copy"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(published.parent, folder, symlinks=True)
    small_sync.set_vendor_version(folder / "home", 2)
    return folder / "home"


def sync_with_files_up_to(home, size):
    """Sync in a process whose files may not grow beyond ``size``: what a full disk does, without needing one. Return how it ended."""

    def work():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write then fails, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        small_sync.install()
        try:
            code = small_sync.run(home).exit_code
        except HandoffError as error:
            code = error.exit_code
        raise SystemExit(code)

    return small_sync.in_a_child(work)


def full_at(published, tmp_path, size):
    home = copied(published, tmp_path)
    before = warehouse.sha256_of(warehouse.current_version(home) / warehouse.FILE_NAME)
    ended = sync_with_files_up_to(home, size)
    version = warehouse.current_version(home)
    assert warehouse.problem_of(version) is None
    if ended != 0:
        assert warehouse.sha256_of(version / warehouse.FILE_NAME) == before, "the live snapshot is as it was, byte for byte"
    assert small_sync.in_a_child(lambda: (small_sync.install(), small_sync.run(home))) == 0, "with room again, the next run works"
    return ended


def test_a_disk_that_is_full_at_once_leaves_the_live_snapshot(published, tmp_path):
    assert full_at(published, tmp_path, 4_000) != 0


@pytest.mark.parametrize(
    ("error", "is_the_disk"),
    [
        (OSError(28, "No space left on device", "a", None, "b"), True),
        (duckdb.FatalException('FATAL Error: Could not write file "wh.duckdb": File too large'), True),
        (RuntimeError("Database Error: No space left on device"), True),
        (duckdb.CatalogException("Table deals does not exist"), False),
    ],
)
def test_a_full_disk_is_a_sentence_whoever_reports_it(error, is_the_disk):
    known = disk_problem(error)
    assert (known is not None) == is_the_disk
    if known is not None:
        assert known.sentence.startswith(("b cannot be used", "The disk refused"))
        assert "room" in known.sentence


@pytest.mark.thorough
def test_a_disk_that_is_full_at_twenty_sizes_leaves_the_live_snapshot(published, tmp_path, record_property):
    ended = {size: full_at(published, tmp_path, size) for size in SIZES}
    assert sum(code != 0 for code in ended.values()) >= 5, f"the fault was really injected: {ended}"
    record_property("tried", len(SIZES))
    record_property(
        "figure", f"{len(SIZES)} sizes, {sum(code != 0 for code in ended.values())} of them too small; live snapshot identical"
    )


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A home with three snapshots."""
    home = tmp_path_factory.mktemp("several") / "home"
    for run_id in ("r1", "r2", "r3"):
        publish(home, run_id)
    return home


def test_every_flipped_byte_and_every_cut_is_found_by_doctor(several, tmp_path, record_property):
    home = tmp_path / "home"
    shutil.copytree(several, home, symlinks=True)
    file = warehouse.current_version(home) / warehouse.FILE_NAME
    content, chance, found = file.read_bytes(), random.Random(11), 0
    for number in range(100):
        damaged = bytearray(content)
        if number % 10 == 9:
            damaged = damaged[: chance.randrange(len(content))]
        else:
            damaged[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        file.write_bytes(damaged)
        found += warehouse.problem_of(file.parent) is not None
    assert found == 100
    lines = [line.text for line in doctor.examine(load_settings(handoff_home=home)) if not line.is_ok]
    assert any("Snapshot r3 (current) was changed" in text and "`handoff rollback`" in text for text in lines)
    record_property("tried", 100)
    record_property("figure", "100 of 100 flips and cuts found")


def test_going_back_from_a_damaged_snapshot_takes_one_command(several, tmp_path, record_property):
    home = tmp_path / "home"
    shutil.copytree(several, home, symlinks=True)
    (warehouse.current_version(home) / warehouse.FILE_NAME).write_bytes(b"damaged")
    began = time.monotonic()
    roll_back(home, None, at=AT)
    record_property("figure", f"rollback in {time.monotonic() - began:.1f} s")
    assert warehouse.open_current(home).rows("select run_id from marts.run") == [{"run_id": "r2"}]


@pytest.mark.parametrize("missing", ["CURRENT", "versions"])
def test_a_home_without_its_pointer_or_its_versions_says_what_to_do(several, tmp_path, missing):
    home = tmp_path / "home"
    shutil.copytree(several, home, symlinks=True)
    path = home / "warehouse" / missing
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    with pytest.raises(warehouse.NoSnapshot, match="handoff"):
        warehouse.open_current(home)


def test_a_snapshot_with_a_manifest_that_is_none_is_named(several, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(several, home, symlinks=True)
    for content in ("", "[]", "null", '{"sha256": 7}', "\0"):
        (warehouse.current_version(home) / MANIFEST).write_text(content)
        assert warehouse.problem_of(warehouse.current_version(home)) is not None


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become nobody")
def test_another_user_cannot_write_a_snapshot_nor_read_it(several):
    def work():
        os.setgid(65534)
        os.setuid(65534)
        try:
            (several / "warehouse").iterdir().__next__()
        except PermissionError:
            raise SystemExit(7) from None

    assert small_sync.in_a_child(work) == 7
