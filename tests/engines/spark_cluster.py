"""A standalone master of Spark with two workers on the loopback address, as `pip install pyspark` brings them.

https://spark.apache.org/docs/latest/spark-standalone.html
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ports import free_port

_WORKERS = 2
_SECONDS_TO_START = 90


@dataclass
class Cluster:
    """Where the master listens, the processes of the workers, and where their logs lie."""

    url: str
    workers: list[subprocess.Popen]
    folder: Path

    def tasks_of(self, number: int) -> int:
        """Return how many tasks the executors of a worker finished."""
        logs = (self.folder / f"worker-{number}").glob("app-*/*/stderr")
        return sum(path.read_text(encoding="utf-8").count("Finished task ") for path in logs)


@contextmanager
def running(folder: Path):
    """Start a master and two workers of one core each, and stop them in the end."""
    import pyspark

    home = Path(pyspark.__file__).parent
    port, pages = free_port(), free_port()
    url = f"spark://127.0.0.1:{port}"
    environment = os.environ | {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    processes: list[subprocess.Popen] = []

    def start(name, *arguments):
        folder.mkdir(exist_ok=True)
        with (folder / f"{name}.log").open("w", encoding="utf-8") as log:
            command = [str(home / "bin" / "spark-class"), *arguments]
            # a group of its own: the executors of a worker end with it
            processes.append(
                subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True)
            )
        return processes[-1]

    try:
        start(
            "master",
            *("org.apache.spark.deploy.master.Master", "--host", "127.0.0.1"),
            *("--port", str(port), "--webui-port", str(pages)),
        )
        _wait(folder / "master.log", "I have been elected leader", processes)
        workers = [
            start(
                f"worker-{number}",
                *("org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "--cores", "1", "--memory", "2g"),
                *("--webui-port", str(free_port()), "--work-dir", str(folder / f"worker-{number}"), url),
            )
            for number in range(_WORKERS)
        ]
        for number in range(_WORKERS):
            _wait(folder / f"worker-{number}.log", "Successfully registered with master", processes)
        yield Cluster(url, workers, folder)
    finally:
        for process in processes:
            kill(process)


def kill(process: subprocess.Popen) -> None:
    """Kill a process with all that it started."""
    try:
        os.killpg(process.pid, 9)
    except ProcessLookupError:
        return
    process.wait(timeout=60)


def _wait(log: Path, words: str, processes: list[subprocess.Popen]) -> None:
    end = time.monotonic() + _SECONDS_TO_START
    while words not in log.read_text(encoding="utf-8"):
        assert all(process.poll() is None for process in processes), log.read_text(encoding="utf-8")
        assert time.monotonic() < end, log.read_text(encoding="utf-8")
        time.sleep(0.2)
