"""The house keeps its shape: who may touch what, and which layer reads which."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from conftest import PROJECT

VENDORS = ("hubspot", "airtable", "asana", "github", "aws", "sheets", "intacct", "prometheus")
PYTHON_FILES = sorted([*PROJECT.glob("pipelines/**/*.py"), *PROJECT.glob("dashboards/**/*.py")])
MODELS = sorted(PROJECT.glob("dbt/models/**/*.sql"))


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_has_the_same_word_in_every_layer(vendor):
    assert (PROJECT / f"pipelines/sources/{vendor}.py").exists()
    assert list(PROJECT.glob(f"pipelines/sandbox/{vendor}*"))
    assert list(PROJECT.glob(f"dbt/models/staging/{vendor}/stg_{vendor}__*.sql"))


@pytest.mark.parametrize("vendor", ["hubspot", "airtable", "github"])
def test_a_vendor_that_is_written_to_has_an_action_module(vendor):
    assert (PROJECT / f"pipelines/actions/{vendor}.py").exists()


def test_sources_and_actions_do_not_know_the_sandbox():
    for folder in ("sources", "actions"):
        for path in (PROJECT / "pipelines" / folder).glob("*.py"):
            assert not {name for name in imported(path) if name.startswith("pipelines.sandbox")}, path


def test_sources_do_not_import_actions_nor_the_write_tokens():
    for path in (PROJECT / "pipelines/sources").glob("*.py"):
        assert not {name for name in imported(path) if name.startswith("pipelines.actions")}, path
        assert "write_token" not in path.read_text(), path


def test_dashboard_pages_hold_no_sql_and_queries_read_published_schemas_only():
    for path in (PROJECT / "dashboards/pages").glob("*.py"):
        assert not re.search(r"\bfrom\s+(marts|raw_\w+|staging|intermediate)\.", path.read_text()), path
    queries = re.sub(r"(?m)^\s*from .* import .*$", "", (PROJECT / "dashboards/queries.py").read_text())
    schemas = set(re.findall(r"\b(?:from|join)\s+(\w+)\.\w+", queries))
    assert schemas <= {"marts", "actions"}, schemas


def test_dbt_is_not_a_python_package():
    assert not list((PROJECT / "dbt").rglob("__init__.py"))


def test_staging_reads_sources_and_nothing_else_reads_them():
    for path in MODELS:
        text = path.read_text()
        if "/staging/" in path.as_posix():
            assert "ref(" not in text.replace("ref('map_", "").replace("ref('rule_", ""), path
        else:
            assert "source(" not in text, path


def test_no_file_is_called_after_nothing():
    for path in PYTHON_FILES:
        assert path.stem not in {"utils", "helpers", "common", "manager", "core", "misc"}, path


def test_files_fit_in_a_head():
    for path in [*PYTHON_FILES, *MODELS]:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 600, path


def public_definitions(node):
    """Yield public functions and classes, and their public members; what stands inside a function or a private class is private."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not child.name.startswith("_"):
            yield child
            if isinstance(child, ast.ClassDef):
                yield from public_definitions(child)


def test_public_functions_say_what_they_do():
    for path in PYTHON_FILES:
        for node in public_definitions(ast.parse(path.read_text(encoding="utf-8"))):
            assert ast.get_docstring(node), f"{path}:{node.lineno} {node.name}"
