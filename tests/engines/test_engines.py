"""Which engine builds: DuckDB unless another one is asked for, and what cannot run says so before anything is read."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from conftest import PROJECT

from pipelines.engines import SparkPlace, java, spark_of
from pipelines.errors import ConfigurationError
from pipelines.settings import load_settings


def engine(home, **settings):
    return load_settings(handoff_home=home, _env_file=None, **settings)


def test_nothing_of_spark_is_imported_where_duckdb_builds():
    program = "import sys, pipelines.sync, pipelines.doctor; print([m for m in sys.modules if 'spark' in m or m == 'py4j'])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_duckdb_builds_unless_another_engine_is_asked_for(home):
    assert spark_of(engine(home)) is None


def test_ducklake_is_not_built_yet_and_says_so(home):
    with pytest.raises(ConfigurationError, match="ducklake is not built yet"):
        spark_of(engine(home, handoff_engine="ducklake"))


def test_spark_builds_where_it_is_told_to_once_nothing_is_missing(home, monkeypatch, tmp_path):
    settings = engine(home, handoff_engine="spark", spark_master_url="spark://127.0.0.1:7077", spark_lake_dir=tmp_path)
    monkeypatch.setattr("pipelines.engines.what_spark_lacks", lambda: None)
    assert spark_of(settings) == SparkPlace("spark://127.0.0.1:7077", tmp_path)
    monkeypatch.setattr("pipelines.engines.what_spark_lacks", lambda: "No Java.")
    with pytest.raises(ConfigurationError, match="No Java"):
        spark_of(settings)


def test_spark_without_its_package_names_what_to_install(monkeypatch):
    monkeypatch.setattr(java.importlib.util, "find_spec", lambda _name: None)
    assert "pyspark, which is not installed" in (java.what_spark_lacks() or "")


def test_spark_without_java_names_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(java.importlib.util, "find_spec", lambda _name: object())
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert "openjdk-17-jre-headless" in (java.what_spark_lacks() or "")


def test_a_java_that_is_too_old_is_named(monkeypatch, tmp_path):
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n", encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setattr(java.importlib.util, "find_spec", lambda _name: object())
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert "11.0.2" in (java.what_spark_lacks() or "")
