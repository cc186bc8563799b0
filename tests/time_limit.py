"""``pytest --until <unix time>``: what has not begun by then is skipped, named and counted, so that the run ends when it must.

Continuous integration has an hour, on machines of which some are half as fast as others. Which files come first changes from day to day:
on a slow machine it is not always the same ones that are left out.
"""

from __future__ import annotations

import time

import pytest

_DAY_SECONDS = 86_400
# so many files further every day: a third of them at once is left behind within days, not within months
_STRIDE = 17


def pytest_addoption(parser):
    parser.addoption("--until", type=int, default=None, help="unix time from which on no further test is begun")


def pytest_collection_modifyitems(config, items):
    until = config.getoption("--until")
    if until is None or not items:
        return
    files = list(dict.fromkeys(item.path for item in items))
    # of the limit and not of the clock: all workers must come to the same order
    first = until // _DAY_SECONDS * _STRIDE % len(files)
    place = {path: at for at, path in enumerate(files[first:] + files[:first])}
    items.sort(key=lambda item: place[item.path])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    until = item.config.getoption("--until")
    if until is not None and time.time() >= until:
        file = item.path.relative_to(item.config.rootpath)
        pytest.skip(f"{file} was not run: no time was left. Run it with `pytest -m thorough {file}`.")
