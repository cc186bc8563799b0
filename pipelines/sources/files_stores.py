"""Where exports lie: a folder of this machine, or a prefix of an S3 bucket; both as a list of files that can be read one by one.

    s3 ListObjectsV2, GetObject (in parts)            s3:ListBucket on the bucket, s3:GetObject on its objects

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html and .../API_GetObject.html
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, Protocol

from pipelines.errors import ConfigurationError, HostRefused, Refused, Unavailable, file_problem
from pipelines.settings import TOKENS
from pipelines.sources.aws_answers import error_code
from pipelines.sources.aws_session import aws_session
from pipelines.sources.files_ranges import RangedFile, write_columns
from pipelines.transport import Transport
from pipelines.transport_adapters import aws_client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pipelines.settings import Settings
    from pipelines.sources.files_ranges import Chosen

S3: Final = "s3://"
_PART_BYTES: Final = 16 * 1024 * 1024
_KEYS: Final = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"


@dataclass(frozen=True)
class StoredFile:
    """A file below the root: another ``mark`` means other content."""

    path: str
    size: int
    mark: str
    modified: float


class Store(Protocol):
    """A root with files below it. ``name`` is the root's own."""

    name: str

    @property
    def transport(self) -> Transport | None:
        """The way out; None for what lies on this machine."""

    def files(self) -> dict[str, StoredFile]:
        """Return every file by its path below the root."""

    def content(self, file: StoredFile) -> bytes:
        """Return what a small file holds."""

    def fetch(self, file: StoredFile, folder: Path) -> Path:
        """Return a file of this machine with the content; it may lie in ``folder``."""

    def fetch_columns(self, file: StoredFile, folder: Path, chosen: Chosen) -> Path:
        """Return a Parquet file of this machine with the columns that ``chosen`` picks of the file's, or more; it may lie in ``folder``."""


class Folder:
    """A folder of this machine."""

    transport: Transport | None = None

    def __init__(self, root: Path) -> None:
        """Read nothing yet."""
        self._root = root
        self.name = root.resolve().name

    def files(self) -> dict[str, StoredFile]:
        """Return every file below the folder."""
        found: dict[str, StoredFile] = {}
        for path in sorted(self._root.rglob("*")):
            if path.is_file():
                state, below = path.stat(), path.relative_to(self._root).as_posix()
                found[below] = StoredFile(below, state.st_size, str(state.st_mtime_ns), state.st_mtime)
        return found

    def content(self, file: StoredFile) -> bytes:
        """Return what a file holds. Raises ConfigurationError when it cannot be read."""
        try:
            return (self._root / file.path).read_bytes()
        except OSError as error:
            raise file_problem(error) from error

    def fetch(self, file: StoredFile, folder: Path) -> Path:  # noqa: ARG002 - it is here already
        """Return the file itself."""
        return self._root / file.path

    def fetch_columns(self, file: StoredFile, folder: Path, chosen: Chosen) -> Path:  # noqa: ARG002 - it is read where it lies
        """Return the file itself."""
        return self._root / file.path


class Bucket:
    """What lies below a prefix of an S3 bucket."""

    def __init__(self, address: str, settings: Settings) -> None:
        """Open the bucket of ``address`` (s3://bucket/prefix); nothing is asked yet. Raises ConfigurationError."""
        self._bucket, _, prefix = address.removeprefix(S3).partition("/")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.name = PurePosixPath(self._prefix or self._bucket).name
        if not self._bucket:
            raise ConfigurationError(f"{address} names no bucket. Write s3://bucket/prefix of the export.")
        if getattr(settings, TOKENS["aws"]) is None and settings.aws_profile is None:
            raise ConfigurationError(f"{address} cannot be read without keys of AWS. Set {_KEYS}.")
        self._region = settings.aws_s3_region
        endpoint = settings.aws_endpoint_url_s3 or f"https://s3.{self._region}.amazonaws.com"
        self.transport: Transport | None = Transport("aws", base_url=endpoint)
        self._client = aws_client(aws_session(settings), self.transport, "s3", endpoint, region=self._region)

    def files(self) -> dict[str, StoredFile]:
        """Return every object below the prefix, a thousand with each call. Raises VendorError."""
        found: dict[str, StoredFile] = {}
        more: dict[str, str] = {}
        with self._in_sentences():
            while True:
                page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, **more)
                for entry in page.get("Contents") or []:
                    below = str(entry["Key"])[len(self._prefix) :]
                    modified: datetime = entry["LastModified"]
                    found[below] = StoredFile(below, int(entry["Size"]), str(entry["ETag"]), modified.timestamp())
                following = page.get("NextContinuationToken")
                if not following or more.get("ContinuationToken") == following:
                    return found
                more = {"ContinuationToken": following}

    def content(self, file: StoredFile) -> bytes:
        """Return what a small object holds. Raises VendorError."""
        return self._between(file, 0, file.size)

    def fetch(self, file: StoredFile, folder: Path) -> Path:
        """Bring an object into ``folder``, part by part. Raises VendorError."""
        target = folder / file.path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with target.open("wb") as written:
            for part in self._parts(file, 0, file.size):
                written.write(part)
        return target

    def fetch_columns(self, file: StoredFile, folder: Path, chosen: Chosen) -> Path:
        """Bring the chosen columns of an object into a file of their own, row group by row group. Raises VendorError."""
        return write_columns(RangedFile(file.size, partial(self._between, file)), folder / file.path, chosen)

    def _between(self, file: StoredFile, first: int, end: int) -> bytes:
        return b"".join(self._parts(file, first, end))

    def _parts(self, file: StoredFile, first: int, end: int) -> Iterator[bytes]:
        for start in range(first, end, _PART_BYTES):
            yield self._part(file, start, min(start + _PART_BYTES, end))

    def _part(self, file: StoredFile, start: int, end: int) -> bytes:
        with self._in_sentences():
            answer: dict[str, Any] = self._client.get_object(
                Bucket=self._bucket, Key=self._prefix + file.path, Range=f"bytes={start}-{end - 1}", IfMatch=file.mark
            )
            part: bytes = answer["Body"].read()
        if len(part) != end - start:
            raise Unavailable(
                f"S3 sent {len(part):,} bytes of {file.path} where {end - start:,} were asked for, so nothing was imported. "
                "Run the import again."
            )
        return part

    @contextmanager
    def _in_sentences(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - comes with boto3

        place = f"{S3}{self._bucket}/{self._prefix}"
        try:
            yield
        except ClientError as error:
            code = error_code(error)
            if code == "NoSuchBucket":
                raise ConfigurationError(f"There is no bucket {self._bucket}. Correct the address of the export.") from error
            if code in {"PreconditionFailed", "412", "NoSuchKey"}:
                raise Unavailable(
                    f"{place} was rewritten while it was read, so nothing was imported. Run the import again."
                ) from error
            if code in {"AccessDenied", "403", "Forbidden"}:
                raise ConfigurationError(
                    f"S3 does not let this identity read {place} ({error.operation_name}). Allow s3:ListBucket on the bucket and "
                    "s3:GetObject on its objects."
                ) from error
            if code in {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}:
                raise ConfigurationError(f"S3 does not accept the keys ({code}). Set valid {_KEYS}.") from error
            if code in {"PermanentRedirect", "AuthorizationHeaderMalformed", "301"}:
                raise self._elsewhere() from error
            raise Refused(
                f"S3 declined {error.operation_name} of {place} ({code}), so nothing was imported. Check the address of the export.",
                status=error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400),
            ) from error
        except HostRefused as error:  # boto3 follows a bucket to its region
            raise self._elsewhere() from error
        except BotoCoreError as error:
            raise ConfigurationError(f"{place} cannot be read ({error}). Set {_KEYS}.") from error

    def _elsewhere(self) -> ConfigurationError:
        return ConfigurationError(f"The bucket {self._bucket} is not in {self._region}. Set AWS_S3_REGION to its region.")


def open_store(address: str, settings: Settings) -> Store:
    """Return the folder or bucket at ``address``. Raises ConfigurationError."""
    return Bucket(address, settings) if address.startswith(S3) else Folder(Path(address))
