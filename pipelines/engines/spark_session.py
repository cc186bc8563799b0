"""Opens the session of Spark that a build works in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import duckdb
import pyarrow as pa

from pipelines.errors import HandoffError
from pipelines.settings import prepare_spark

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

_SETTINGS: Final = {
    # the same answers as DuckDB's: instants are shown in UTC, and what overflows stops the run instead of becoming null
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "false",
    # DuckDB reads instants only from this form
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # a chain of agreements may be longer than Spark expects of a recursive query
    "spark.sql.cteRecursionLevelLimit": "-1",
    "spark.sql.cteRecursionRowLimit": "-1",
    # Spark 4.3 makes plans of some models with these two that it then finds to be wrong
    "spark.sql.optimizer.excludedRules": ",".join(
        f"org.apache.spark.sql.catalyst.optimizer.{rule}" for rule in ("RemoveRedundantAliases", "PushProjectionThroughUnion")
    ),
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


def open_session(master_url: str, folder: Path) -> SparkSession:
    """Return a session on the master at ``master_url``; its log and what it spills lie in ``folder``.

    Raises HandoffError when the master does not answer.
    """
    prepare_spark()
    from pyspark.sql import SparkSession  # noqa: PLC0415 - seconds, and only where it was asked for

    log = folder / "spark.log"
    logging = folder / "log4j2.properties"
    logging.write_text(
        "rootLogger.level = warn\nrootLogger.appenderRef.file.ref = file\n"
        f"appender.file.type = File\nappender.file.name = file\nappender.file.fileName = {log}\n"
        "appender.file.layout.type = PatternLayout\nappender.file.layout.pattern = %d{ISO8601} %p %c{1}: %m%n%ex\n",
        encoding="utf-8",
    )
    builder: Any = SparkSession.builder.appName("handoff").master(master_url)
    for name, value in _SETTINGS.items():
        builder = builder.config(name, value)
    if "127.0.0.1" in master_url or master_url.startswith("local"):
        builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
    builder = builder.config("spark.sql.warehouse.dir", str(folder / "warehouse"))
    builder = builder.config("spark.driver.extraJavaOptions", f"-Dlog4j2.configurationFile=file:{logging}")
    try:
        session: SparkSession = builder.getOrCreate()
    except Exception as error:
        raise HandoffError(
            f"Spark did not start at {master_url} ({str(error).splitlines()[0][:200]}). Look whether the master runs and can be reached, "
            "correct SPARK_MASTER_URL, or unset HANDOFF_ENGINE to build with DuckDB."
        ) from error
    _register(session)
    return session


def _register(session: SparkSession) -> None:
    """Give the session the two functions of DuckDB that Spark lacks: they are DuckDB's own, called on batches in the workers."""
    from pyspark.sql.functions import arrow_udf  # noqa: PLC0415 - as above

    def nfc_normalize(text: pa.Array) -> pa.Array:
        return _by_duckdb("nfc_normalize(one)", {"one": text.cast(pa.string())})

    def jaro_winkler_similarity(one: pa.Array, other: pa.Array) -> pa.Array:
        texts = {"one": one.cast(pa.string()), "other": other.cast(pa.string())}
        return _by_duckdb("jaro_winkler_similarity(one, other)", texts)

    def _by_duckdb(call: str, texts: dict[str, pa.Array]) -> pa.Array:
        with duckdb.connect() as connection:
            connection.register("texts", pa.table(texts))
            return connection.execute(f"select {call} as value from texts").to_arrow_table()["value"].combine_chunks()

    session.udf.register("nfc_normalize", arrow_udf(nfc_normalize, "string"))
    session.udf.register("jaro_winkler_similarity", arrow_udf(jaro_winkler_similarity, "double"))
