"""Power that fails: what was written and not synced is dropped, and a whole snapshot is still there.

A kernel may keep a rename and lose the bytes of what was renamed, or keep the bytes and lose the rename. Both disks are made anew after each
fsync and rename of a publication: contents are those of a file's last fsync; names are those of now, or those of the folder's last fsync.
DuckDB's own fsyncs are not seen here and count for nothing: publishing syncs the closed file itself.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from small_home import publish

from pipelines import snapshot_store, warehouse
from pipelines.settings import load_settings


class SyncedDisk:
    """Remembers what each fsync put on the disk, by inode, and calls ``after_each`` after each fsync and rename."""

    def __init__(self, monkeypatch):
        self.contents, self.names = {}, {}
        self.after_each = lambda: None
        for name in ("fsync", "rename", "replace"):
            monkeypatch.setattr(os, name, self._watched(name, getattr(os, name)))

    def _watched(self, name, call):
        def watched(first, *others, **options):
            call(first, *others, **options)
            if name == "fsync":
                self._remember(Path(f"/proc/self/fd/{first}").readlink())
            self.after_each()

        return watched

    def _remember(self, path):
        if path.is_dir():
            self.names[path.stat().st_ino] = self._entries(path)
        else:
            self.contents[path.stat().st_ino] = path.read_bytes()

    @staticmethod
    def _entries(folder):
        found = {}
        for path in folder.iterdir():
            status = path.lstat()
            target = path.readlink() if stat.S_ISLNK(status.st_mode) else None
            found[path.name] = (status.st_ino, target, stat.S_ISDIR(status.st_mode))
        return found

    def write_to(self, source, disk, *, names_of_now):
        """Make the folder ``source`` anew at ``disk`` as it would be after the power failed."""
        paths = {path.lstat().st_ino: path for path in source.rglob("*")}
        self._write(source.stat().st_ino, self._entries(source), disk, names_of_now, paths)

    def _write(self, inode, now, disk, names_of_now, paths):
        disk.mkdir(parents=True)
        for name, (child, target, is_folder) in (now if names_of_now else self.names.get(inode, {})).items():
            if target is not None:
                (disk / name).symlink_to(target)
            elif is_folder:
                children = self._entries(paths[child]) if child in paths else {}
                self._write(child, children, disk / name, names_of_now, paths)
            else:
                (disk / name).write_bytes(self.contents.get(child, b""))


@pytest.fixture
def disk(monkeypatch):
    return SyncedDisk(monkeypatch)


def _check_each(disk, home, folder, allowed):
    """Let each later step be followed by a failure of power, both ways; return the list of what readers then found."""
    found = []

    def look():
        for names_of_now in (True, False):
            after = folder / f"{len(found)}"
            disk.write_to(warehouse.Layout(home).root, after / "warehouse", names_of_now=names_of_now)
            version = warehouse.current_version(after)
            assert version is None or warehouse.problem_of(version) is None
            found.append(version.name if version else None)
            assert found[-1] in allowed

    disk.after_each = look
    return found


def test_power_that_fails_while_a_snapshot_is_published_leaves_the_old_or_the_new_one(home, tmp_path, disk, record_property):
    publish(home, "r1")
    found = _check_each(disk, home, tmp_path / "disks", {"r1", "r2"})
    publish(home, "r2")
    assert found[0] == "r1"
    assert found[-2:] == ["r2", "r2"]
    record_property("tried", len(found))
    record_property("figure", f"power fails at {len(found)} moments of a publication: the old snapshot or the new one, whole")


def test_power_that_fails_while_a_snapshot_is_fetched_leaves_the_old_or_the_new_one(
    home, tmp_path, disk, monkeypatch, record_property
):
    monkeypatch.setenv("SNAPSHOT_URL", f"file://{tmp_path / 'store'}")
    monkeypatch.setattr(snapshot_store, "_looked", {})
    elsewhere = tmp_path / "elsewhere"
    publish(home, "r1")
    assert snapshot_store.publish_there(load_settings(handoff_home=home)) is None
    assert snapshot_store.follow(elsewhere) is None
    publish(home, "r2")
    assert snapshot_store.publish_there(load_settings(handoff_home=home)) is None
    snapshot_store._looked.clear()
    found = _check_each(disk, elsewhere, tmp_path / "disks", {"r1", "r2"})
    assert snapshot_store.follow(elsewhere) is None
    assert found[-2:] == ["r2", "r2"]
    record_property("tried", len(found))
    record_property("figure", f"{len(found)} moments of a fetch likewise")
