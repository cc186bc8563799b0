"""The points at which a run can be killed, counted in the order in which they come: before and after everything that leaves a trace."""

from __future__ import annotations

import builtins
import os
import shutil

import small_sync
from sqlalchemy import event
from sqlalchemy.engine import Engine

from pipelines import sync as syncing
from pipelines import warehouse


class Points:
    """Counts points; at the ``target``-th it does ``strike``."""

    def __init__(self, home, target=None, strike=small_sync.kill_self):
        self.home = str(home)
        self.target = target
        self.strike = strike
        self.names = []

    def reach(self, name):
        self.names.append(name)
        if len(self.names) == self.target:
            self.strike()

    def around(self, owner, name, label, *, concerns=None):
        real = getattr(owner, name)

        def counted(*arguments, **options):
            counts = concerns is None or concerns(*arguments, **options)
            if counts:
                self.reach(f"before {label}")
            result = real(*arguments, **options)
            if counts:
                self.reach(f"after {label}")
            return result

        setattr(owner, name, counted)

    def install(self):
        """Put the points in: answers, writes, fsyncs, renames, commits, and the steps of the run."""

        def below_home(path, *_, **__):
            return str(path).startswith(self.home)

        def writes_below_home(path, mode="r", *_, **__):
            return str(path).startswith(self.home) and any(letter in mode for letter in "wax+")

        for name in ("fsync", "replace", "rename", "symlink", "link", "mkdir", "rmdir"):
            self.around(os, name, name, concerns=None if name in {"fsync", "symlink", "link"} else below_home)
        self.around(shutil, "copyfile", "copy")
        self.around(builtins, "open", "write", concerns=writes_below_home)
        self.around(syncing, "land", "landing")
        self.around(syncing, "record_drift", "drift")
        self.around(syncing.transform, "build", "build")
        self.around(warehouse, "publish", "publication")
        self.around(small_sync, "answered", "answer")
        event.listen(Engine, "commit", lambda _: self.reach("ledger commit"))
        event.listen(Engine, "begin", lambda _: self.reach("ledger begin"))
        return self
