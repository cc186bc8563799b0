"""Snapshots on object storage (``SNAPSHOT_URL``), so that the machine that syncs and the one that shows need no common disk.

    SNAPSHOT_URL/
        versions/<run id>/wh.duckdb, manifest.json      written whole before anybody is pointed to it
        CURRENT                                          {"run_id": ..., "manifest_sha256": ...}; one small object, replaced last

A store replaces an object at once or not at all, so a reader finds the last snapshot or the new one, as on a disk. What is fetched is
checked against the SHA-256 of its manifest, and the manifest against CURRENT, before the local pointer is turned.

One machine syncs. A second one that does so by mistake finds a pointer that it does not know, and neither replaces nor removes anything
there; fsspec has no conditional writes, so two that publish within the same moment are noticed at the next run of the one that was first.

S3 is spoken by pyarrow, which is here anyway (https://arrow.apache.org/docs/python/generated/pyarrow.fs.S3FileSystem.html); any other
store by its fsspec package (https://filesystem-spec.readthedocs.io), to be installed beside handoff.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pipelines import warehouse
from pipelines.errors import ConfigurationError, HandoffError, VendorError
from pipelines.retention import MANIFEST
from pipelines.settings import load_settings

if TYPE_CHECKING:
    from pipelines.settings import Settings

_POINTER: Final = "CURRENT"
# beside the local pointer: this home shows what another one publishes
_FETCHED: Final = "FETCHED"
# the versions that this home has published there or gone on from, one a line
_OURS: Final = "STORED"
_OURS_KEPT: Final = 1000
_CONNECT_SECONDS, _REQUEST_SECONDS = 5, 60
_LOOK_SECONDS: Final = 30.0
_CHUNK: Final = 8 * 1024 * 1024


class NotStored(VendorError):
    """The store could not be read or written; what is on this machine's disk is as it was."""


@dataclass(frozen=True)
class SnapshotStore:
    """One place for snapshots, reached through fsspec's interface."""

    files: Any
    root: str
    shown: str

    def publish(self, version: Path) -> None:
        """Write a published version there and turn the pointer last. Raises NotStored."""
        try:
            for name in (warehouse.FILE_NAME, MANIFEST):
                target = self._path("versions", version.name, name)
                with (version / name).open("rb") as source, self.files.open(target, "wb") as file:
                    shutil.copyfileobj(source, file, _CHUNK)
                size = self.files.info(target)["size"]
                self._check_whole(name, size, (version / name).stat().st_size)
            self._point_to(version)
        except NotStored:
            raise
        except Exception as error:
            raise self._lost(error, "written") from error

    def _check_whole(self, name: str, size: int, expected: int) -> None:
        if size != expected:
            raise NotStored(f"{self.shown} holds {size:,} bytes of {name}, not all. Sync again; its pointer was not turned.")

    def _check_unchanged(self, folder: Path, name: str, manifest_sha256: str) -> None:
        is_named = warehouse.sha256_of(folder / MANIFEST) == manifest_sha256
        if not is_named or warehouse.problem_of(folder) is not None:
            raise NotStored(
                f"The snapshot {name} at {self.shown} is not as it was published (its SHA-256 differs). "
                "The last sound one stays in use; sync again, and find out who changed it."
            )

    def _point_to(self, version: Path) -> None:
        content = {"run_id": version.name, "manifest_sha256": warehouse.sha256_of(version / MANIFEST)}
        with self.files.open(self._path(_POINTER), "wb") as file:
            file.write(json.dumps(content).encode())

    def forget(self, names: set[str]) -> None:
        """Remove these versions, as far as they are there. Raises NotStored."""
        try:
            for path in self.files.ls(self._path("versions"), detail=False):
                name = path.rstrip("/").rsplit("/", 1)[-1]
                if name in names:
                    self.files.rm(self._path("versions", name), recursive=True)
        except Exception as error:
            raise self._lost(error, "cleared") from error

    def current(self) -> dict[str, str] | None:
        """Return what the pointer says, None when nothing was ever published there. Raises NotStored."""
        try:
            with self.files.open(self._path(_POINTER), "rb") as file:
                content = json.loads(file.read())
            return {"run_id": str(content["run_id"]), "manifest_sha256": str(content["manifest_sha256"])}
        except FileNotFoundError:
            return None
        except Exception as error:
            raise self._lost(error, "read") from error

    def fetch(self, pointer: dict[str, str], home: Path) -> Path:
        """Bring the version that ``pointer`` names to this machine, checked; return its folder. Raises NotStored."""
        layout = warehouse.Layout(home)
        version = layout.versions / Path(pointer["run_id"]).name
        if version.exists():
            return version
        warehouse.make_private_folder(layout.versions)
        work = Path(tempfile.mkdtemp(prefix="fetch-", dir=warehouse.make_private_folder(home / "work")))
        try:
            for name in (MANIFEST, warehouse.FILE_NAME):
                with (
                    self.files.open(self._path("versions", version.name, name), "rb") as source,
                    (work / name).open("wb") as file,
                ):
                    shutil.copyfileobj(source, file, _CHUNK)
                (work / name).chmod(0o600)
                warehouse.sync_to_disk(work / name)
            self._check_unchanged(work, version.name, pointer["manifest_sha256"])
            warehouse.sync_to_disk(work)
            if not version.exists():
                work.rename(version)
                warehouse.sync_to_disk(version.parent)
        except NotStored:
            raise
        except Exception as error:
            raise self._lost(error, "read") from error
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return version

    def _path(self, *parts: str) -> str:
        return "/".join((self.root.rstrip("/"), *parts))

    def _lost(self, error: Exception, deed: str) -> NotStored:
        words = str(error).strip().splitlines()[0][:200] if str(error).strip() else ""
        return NotStored(
            f"{self.shown} could not be {deed} ({type(error).__name__}: {words}). Look at SNAPSHOT_URL, its keys and its network; "
            "the snapshots on this machine are as they were."
        )


def store_of(settings: Settings) -> SnapshotStore | None:
    """Return the store that the settings name, None without one. Raises ConfigurationError when it cannot be spoken to."""
    url = settings.snapshot_url
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme == "s3":
        return SnapshotStore(_s3(settings), f"{parts.netloc}{parts.path}".rstrip("/"), url)
    import fsspec  # noqa: PLC0415 - only where it is asked for

    try:
        files, root = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise ConfigurationError(
            f"SNAPSHOT_URL names a store that is not spoken here ({error}). Install its fsspec package."
        ) from error
    if parts.scheme in {"", "file", "local"}:
        files.auto_mkdir = True
    return SnapshotStore(files, root, url)


def _s3(settings: Settings) -> Any:
    from fsspec.implementations.arrow import ArrowFSWrapper  # noqa: PLC0415 - as above
    from pyarrow.fs import S3FileSystem  # noqa: PLC0415

    options: dict[str, Any] = {
        "region": settings.aws_s3_region,
        "connect_timeout": _CONNECT_SECONDS,
        "request_timeout": _REQUEST_SECONDS,
        # a file is there when it was closed without complaint, and not before
        "background_writes": False,
    }
    if settings.snapshot_access_key_id is not None and settings.snapshot_secret_access_key is not None:
        options["access_key"] = settings.snapshot_access_key_id.get_secret_value()
        options["secret_key"] = settings.snapshot_secret_access_key.get_secret_value()
    if settings.aws_endpoint_url_s3 is not None:
        address = urlsplit(settings.aws_endpoint_url_s3)
        options |= {"endpoint_override": address.netloc, "scheme": address.scheme}
    return ArrowFSWrapper(S3FileSystem(**options))


def publish_there(settings: Settings) -> str | None:
    """Publish this home's current version at SNAPSHOT_URL as well; return why that failed, None when it did not or none is named."""
    try:
        store = store_of(settings)
        version = warehouse.current_version(settings.handoff_home)
        if store is None or version is None:
            return None
        layout = warehouse.Layout(settings.handoff_home)
        kept = {path.name for path in layout.versions.iterdir()}
        ours = _ours(layout)
        pointer = store.current()
        if pointer is not None and pointer["run_id"] not in kept.union(ours):
            return (
                f"{store.shown} shows {pointer['run_id']}, which another machine published and this one has never seen, so nothing was "
                "replaced or removed there. Let one machine sync: unset SNAPSHOT_URL on this one, or move its HANDOFF_HOME/warehouse away to "
                "go on from what the other one published."
            )
        store.publish(version)
        _remember(layout, [*ours, version.name])
        store.forget(set(ours) - kept)
    except HandoffError as error:
        return error.sentence
    return None


def begin_from_there(settings: Settings) -> str | None:
    """Give a home without a snapshot the one at SNAPSHOT_URL to go on from; return what was done. Raises NotStored."""
    (warehouse.Layout(settings.handoff_home).root / _FETCHED).unlink(missing_ok=True)  # from here on this home publishes
    store = store_of(settings)
    if store is None or warehouse.current_version(settings.handoff_home) is not None:
        return None
    pointer = store.current()
    if pointer is None:
        return None
    layout = warehouse.Layout(settings.handoff_home)
    warehouse.point_to(layout, store.fetch(pointer, settings.handoff_home))
    _remember(layout, [*_ours(layout), pointer["run_id"]])
    return f"Going on from {pointer['run_id']}, which {store.shown} holds."


def _ours(layout: warehouse.Layout) -> list[str]:
    """Return the versions that this home has published there or gone on from, oldest first."""
    try:
        return (layout.root / _OURS).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return []


def _remember(layout: warehouse.Layout, names: list[str]) -> None:
    newest = list(dict.fromkeys(names))[-_OURS_KEPT:]
    warehouse.write_bytes_durably(layout.root / _OURS, "".join(f"{name}\n" for name in newest).encode())


_looked: dict[Path, float] = {}


def follow(home: Path) -> str | None:
    """Let a home that only shows have what another machine published, looking twice a minute at most; return what is wrong, if anything.

    A home that syncs by itself is left alone.
    """
    layout = warehouse.Layout(home)
    mark = layout.root / _FETCHED
    if warehouse.current_version(home) is not None and not mark.exists():
        return None
    if time.monotonic() - _looked.get(home, float("-inf")) < _LOOK_SECONDS:
        return None
    store = store_of(load_settings())
    if store is None:
        return None
    _looked[home] = time.monotonic()
    try:
        pointer = store.current()
        if pointer is None or pointer["run_id"] == warehouse.current_run_id(home):
            return None
        version = store.fetch(pointer, home)
    except NotStored as error:
        return error.sentence
    mark.touch(mode=0o600)
    warehouse.point_to(layout, version)
    warehouse.remove_old_versions(layout)
    return None
