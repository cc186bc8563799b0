"""A disk made anew from what strace saw of a process: what would be on it if the power had failed at any moment.

A kernel may keep what was written and not synced, or lose it; the same for the names in a folder. Contents are those of a file's last fsync
or those of now, names those of the folder's last fsync or those of now.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from conftest import PROJECT

CALLS = (
    "openat,write,pwrite64,ftruncate,fsync,fdatasync,unlink,unlinkat,rename,renameat,renameat2,link,linkat,mkdir,mkdirat,rmdir"
)
ACKNOWLEDGED = "acknowledged "
_LINE = re.compile(r"^\d+\s+(\w+)\((.*)\)\s+= (\d+)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_FILE = re.compile(r"(\d+)<((?:\\x[0-9a-f]{2})*)>")


def traced(program, folder, trace):
    """Run a Python ``program`` over ``folder`` under strace and return what it called, as (name, arguments)."""
    subprocess.run(
        [
            "strace",
            "-f",
            "-y",
            "-xx",
            "-s",
            "10000000",
            "-e",
            f"trace={CALLS}",
            "-o",
            trace,
            sys.executable,
            "-c",
            program,
            folder,
        ],
        env=os.environ | {"PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    for line in Path(trace).read_text().splitlines():
        found = _LINE.match(line)
        if found:
            yield found[1], found[2]


def _bytes(escaped):
    return ast.literal_eval(f"b'{escaped}'")


class Disk:
    """Files and folders below ``root`` by number: what they are now, and what they were when they were last synced."""

    def __init__(self, root):
        """Begin with an empty folder that is on the disk."""
        self.root = str(root)
        self.now = {0: {}}  # number -> bytearray of a file, or names of a folder
        self.synced = {0: {}}
        self.said = []

    def _find(self, path):
        """Return the number of ``path``, or None when it lies elsewhere or is not there."""
        if path == self.root:
            return 0
        if not path.startswith(f"{self.root}/"):
            return None
        node = 0
        for part in path[len(self.root) + 1 :].split("/"):
            node = self.now[node].get(part) if isinstance(self.now[node], dict) else None
            if node is None:
                return None
        return node

    def _names(self, path):
        """Return the names of the folder that ``path`` lies in, and its own name there."""
        folder = self._find(str(Path(path).parent))
        return (None if folder is None else self.now[folder]), Path(path).name

    def _new(self, path, content):
        names, name = self._names(path)
        if names is not None:
            number = len(self.now)
            self.now[number] = content
            self.synced[number] = type(content)()
            names[name] = number

    def apply(self, call, text):
        """Take over one call; return whether anything may be different on the disk after it."""
        paths = (
            [_bytes(escaped).decode(errors="replace") for escaped in _TEXT.findall(text)]
            if call not in {"write", "pwrite64"}
            else []
        )
        file = _FILE.match(text)
        node = self._find(_bytes(file[2]).decode()) if file else None
        match call:
            case "openat" if "O_CREAT" in text and self._find(paths[0]) is None:
                self._new(paths[0], bytearray())
            case "openat" if "O_TRUNC" in text and self._find(paths[0]) is not None:
                self.now[self._find(paths[0])] = bytearray()
            case "mkdir" | "mkdirat":
                self._new(paths[0], {})
            case "write" if node is None and file and file[1] == "1":
                self.said.append(_bytes(_TEXT.search(text)[1]).decode())
            case "write" if node is not None:
                self.now[node] += _bytes(_TEXT.search(text)[1])
            case "pwrite64" if node is not None:
                content, at = _bytes(_TEXT.search(text)[1]), int(text.rsplit(", ", 1)[1])
                self.now[node].extend(b"\0" * (at - len(self.now[node])))
                self.now[node][at : at + len(content)] = content
            case "ftruncate" if node is not None:
                size = int(text.rsplit(", ", 1)[1])
                self.now[node] = self.now[node][:size].ljust(size, b"\0")
            case "fsync" | "fdatasync" if node is not None:
                self.synced[node] = self.now[node].copy()
            case "link" | "linkat" | "rename" | "renameat" | "renameat2" if self._find(paths[0]) is not None:
                names, name = self._names(paths[1])
                names[name] = self._find(paths[0])
                if call.startswith("rename"):
                    self._forget(paths[0])
            case "unlink" | "unlinkat" | "rmdir":
                self._forget(paths[0])
            case _:
                return False
        return True

    def _forget(self, path):
        names, name = self._names(path)
        if names is not None:
            names.pop(name, None)

    def write_to(self, folder, *, names_of_now, contents_of_now):
        """Make at ``folder`` what would be found after the power failed now."""
        shutil.rmtree(folder, ignore_errors=True)
        self._write(0, folder, self.now if names_of_now else self.synced, self.now if contents_of_now else self.synced)

    def _write(self, number, path, names, contents):
        path.mkdir(mode=0o700)
        for name, child in names[number].items():
            if isinstance(self.now[child], dict):
                self._write(child, path / name, names, contents)
            else:
                (path / name).write_bytes(contents[child])
