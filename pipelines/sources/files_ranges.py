"""A file that lies elsewhere as one that can be read from anywhere within, so that of a Parquet file the footer and some columns suffice."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

# of the names of a file's columns those that are wanted
Chosen = Callable[[Iterable[str]], list[str]]


class RangedFile(io.RawIOBase):
    """``size`` bytes, of which ``bring(start, end)`` brings those from ``start`` up to ``end``. Nothing is kept."""

    def __init__(self, size: int, bring: Callable[[int, int], bytes]) -> None:
        """Ask for nothing yet."""
        super().__init__()
        self._size, self._bring, self._at = size, bring, 0

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that it can be read from anywhere."""
        return True

    def tell(self) -> int:
        """Return where the next byte is read from."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere."""
        self._at = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence] + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, all that are left without it."""
        end = self._size if size < 0 else min(self._at + size, self._size)
        content = self._bring(self._at, end) if end > self._at else b""
        self._at += len(content)
        return content


def write_columns(file: RangedFile, target: Path, chosen: Chosen) -> Path:
    """Write the chosen columns of a Parquet file to ``target``, one row group in memory at a time.

    Raises ConfigurationError when it is no Parquet file, and whatever ``file`` raises.
    """
    import pyarrow as pa  # noqa: PLC0415 - only where something is read from a bucket
    from pyarrow import parquet  # noqa: PLC0415

    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        source = parquet.ParquetFile(file, pre_buffer=False)
    except pa.ArrowInvalid as error:
        raise ConfigurationError(f"{target.name} is not a readable Parquet file ({error}). Export it again.") from error
    names = chosen(source.schema_arrow.names)
    schema = pa.schema([source.schema_arrow.field(name) for name in names])
    with parquet.ParquetWriter(target, schema, compression="snappy") as writer:
        for group in range(source.num_row_groups):
            writer.write_table(source.read_row_group(group, columns=names, use_threads=False))
    return target
