"""A profile's rule tables: those of its folder, and those of the profile that it is based on for all that it does not say itself.

``profile.toml`` in the folder says which one: ``based_on = "default"`` is the folder beside it, or a path. A folder without
``profile.toml`` stands for itself and must hold every table.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from typing import TYPE_CHECKING, Final

from pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME: Final = "profile.toml"
_KEY: Final = "based_on"


def base_of(directory: Path) -> Path | None:
    """Return the folder that a profile is based on, None where it stands for itself. Raises ConfigurationError."""
    file = directory / FILE_NAME
    if not file.is_file():
        return None
    form = f'Write one line, such as {_KEY} = "default", or delete the file to have a profile that stands for itself.'
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} is not readable TOML ({error}). {form}") from error
    name = content.get(_KEY)
    if not isinstance(name, str) or not name or set(content) != {_KEY}:
        raise ConfigurationError(f"{file} says nothing that is understood. {form}")
    base = directory.parent / name
    if not base.is_dir():
        raise ConfigurationError(f"{file}: the profile is based on {base}, which is not a folder. {form}")
    if (base / FILE_NAME).is_file() or base.resolve() == directory.resolve():
        raise ConfigurationError(f"{file}: {base} is itself based on another profile. Base this one on that other one.")
    return base


def table_files(directory: Path) -> list[Path]:
    """Return the file of each table that is in force, by name of the table. Raises ConfigurationError."""
    base = base_of(directory)
    files = {path.name: path for folder in (base, directory) if folder is not None for path in folder.glob("*.csv")}
    return [files[name] for name in sorted(files)]


def in_one_folder(directory: Path, work_folder: Path) -> Path:
    """Return a folder that holds every table in force: ``directory`` itself, or a copy in ``work_folder``, which dbt seeds from."""
    if base_of(directory) is None:
        return directory
    # constant below HANDOFF_HOME, as partial parsing wants it
    together = work_folder / "rules"
    shutil.rmtree(together, ignore_errors=True)
    together.mkdir(mode=0o700, parents=True)
    for path in table_files(directory):
        shutil.copyfile(path, together / path.name)
        os.utime(together / path.name, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    return together
