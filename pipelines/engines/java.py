"""Says what Spark lacks on this machine, without importing it: its package, and a Java that it runs on."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from typing import Final

from pipelines.settings import java_home

# Spark 4.3 runs on Java 17 and later (https://spark.apache.org/docs/latest/)
_JAVA: Final = 17
_INSTALL: Final = "Run `pip install -r requirements-spark.lock` in the environment that handoff runs in, or unset HANDOFF_ENGINE."


def what_spark_lacks() -> str | None:
    """Return a sentence about what Spark needs and this machine lacks, None when it lacks nothing."""
    if importlib.util.find_spec("pyspark") is None:
        return f"HANDOFF_ENGINE=spark needs the package pyspark, which is not installed. {_INSTALL}"
    java = _java()
    if java is None:
        return (
            f"HANDOFF_ENGINE=spark needs Java {_JAVA} or later, and there is no `java` on the path or in JAVA_HOME. Install it "
            "(Debian: `apt-get install openjdk-17-jre-headless`), or unset HANDOFF_ENGINE."
        )
    said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found.group(1)) < _JAVA:
        return (
            f"HANDOFF_ENGINE=spark needs Java {_JAVA} or later, but {java} says {said.splitlines()[0] if said else 'nothing'!r}. Install it "
            "(Debian: `apt-get install openjdk-17-jre-headless`) and point JAVA_HOME to it, or unset HANDOFF_ENGINE."
        )
    return None


def _java() -> str | None:
    home = java_home()
    if home is not None:
        return str(home / "bin" / "java") if (home / "bin" / "java").is_file() else None
    return shutil.which("java")
