"""Promise 30: what is installed is pinned by hash, and under licences that were looked at."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, metadata

import pytest
import yaml
from conftest import PROJECT

LOCK = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
PACKAGES = re.findall(r"(?m)^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", LOCK)
# What a licence is called, in classifiers, expressions and old free text
ALLOWED = re.compile(
    r"\b(MIT|BSD|Apache|ISC|MPL|PSF|Python Software Foundation|0BSD|Unlicense|Zlib|Public Domain|HPND|CC0|CNRI|Boost|Historical Permission)",
    re.IGNORECASE,
)
# Read by hand: these are under licences of their own
LOOKED_AT = {
    "text-unidecode": "Artistic License or GPL, at our choice the first; dbt's agate brings it, and nothing of it is in handoff",
}


def licence_of(name):
    found = metadata(name)
    classifiers = [value for value in found.get_all("Classifier") or [] if value.startswith("License")]
    text = (found.get("License") or "").splitlines()
    return "; ".join([found.get("License-Expression") or "", *classifiers, *text[:3]])


def test_every_package_is_pinned_and_hashed(record_property):
    blocks = re.split(r"(?m)^(?=[a-z0-9][a-z0-9._-]*==)", LOCK)[1:]
    assert len(blocks) == len(PACKAGES) > 100
    for block in blocks:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block.splitlines()[0]
    assert not re.search(r"(?m)^[a-z0-9][a-z0-9._-]*\s*(>=|<=|~=|@)", LOCK)
    record_property("tried", len(blocks))
    record_property("figure", f"{len(blocks)} packages, all pinned and hashed")


def test_no_address_of_a_registry_is_in_the_lock():
    assert not re.search(r"https?://", LOCK)


def test_every_licence_is_one_of_those_that_were_looked_at(record_property):
    strange, seen = {}, 0
    for name, _ in PACKAGES:
        try:
            licence = licence_of(name)
        except PackageNotFoundError:
            continue  # of another platform
        seen += 1
        if name not in LOOKED_AT and not ALLOWED.search(licence):
            strange[name] = licence
    assert strange == {}
    assert seen > 100
    record_property("tried", seen)
    record_property("figure", f"{seen} licences looked at")


def workflow():
    return yaml.safe_load((PROJECT / ".github/workflows/release.yml").read_text())


def test_a_release_is_audited_and_says_what_is_in_it():
    steps = workflow()["jobs"]["release"]["steps"]
    commands = "\n".join(step.get("run", "") for step in steps)
    assert "pip-audit" in commands
    assert "cyclonedx-py" in commands
    assert commands.index("pip-audit") < commands.index("gh release create"), "an audit that fails ends the release"
    assert all("@" in step["uses"] for step in steps if "uses" in step)


@pytest.mark.parametrize("name", ["LICENSE", ".github/SECURITY.md"])
def test_the_files_that_a_release_needs_are_there(name):
    assert (PROJECT / name).stat().st_size > 300
