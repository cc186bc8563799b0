"""Several files that are handed in at once: one import, one snapshot, and each file takes the place of its own earlier rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

from pipelines.errors import ConfigurationError
from pipelines.sources.raw import RAW_TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipelines.sources.files import FileImport
    from pipelines.sources.files_csv import Quarantined
    from pipelines.sources.landing import Landing
    from pipelines.transport import Transport


@dataclass
class SeveralFiles:
    """Files of one kind, or of several. ``path`` is what people call them by together."""

    path: PurePath
    files: Sequence[FileImport] = field(default_factory=list)
    transport: Transport | None = None

    @property
    def row_count(self) -> int:
        """The sound rows of all files."""
        return sum(file.row_count for file in self.files)

    @property
    def quarantine(self) -> list[Quarantined]:
        """What was set aside of all files."""
        return [item for file in self.files for item in file.quarantine]

    @property
    def places(self) -> list[tuple[str, str]]:
        """Every file that was read."""
        return [place for file in self.files for place in file.places]

    def land(self, landing: Landing, folder: Path) -> None:
        """Read every file; what none of them brings stays as it is."""
        for table in RAW_TABLES["files"]:
            landing.keep(table)
        for file in self.files:
            file.land(landing, folder)


def together(files: Sequence[FileImport]) -> FileImport:
    """Return ``files`` as one import. Raises ConfigurationError where two have one name or hold the same."""
    names: dict[str, PurePath] = {}
    contents: dict[str, PurePath] = {}
    for file in files:
        sha256 = getattr(file, "sha256", "")
        if file.path.name in names:
            raise ConfigurationError(
                f"{names[file.path.name]} and {file.path} have one name, by which a file is known again. Give one of them another name, "
                "then import both."
            )
        if sha256 and sha256 in contents:
            raise ConfigurationError(f"{file.path} holds the same as {contents[sha256]}. Leave one of the two out.")
        names[file.path.name] = contents[sha256] = file.path
    return files[0] if len(files) == 1 else SeveralFiles(PurePath(f"{len(files)} files"), files)
