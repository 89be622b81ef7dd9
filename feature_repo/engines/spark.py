"""The engine for data that outgrows one machine: Spark hands whole users to the batch engine, partition by partition.

Spark moves the rows; what an event does to a user's features stays where it is defined. A partition has to fit into the memory
of one worker, so their number is the knob.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from core import columns as c
from core.errors import DependencyUnavailable
from core.features import USER_SCHEMA, Profiles
from feature_repo.engines.batch import Genres, batch_features
from feature_repo.signals import DEFAULT_SIGNALS, Signals
from feature_repo.table import SCHEMA
from lake.tables import owned

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_NEEDED = pl.Schema(
    {
        c.USER: pl.Int64(),
        c.ITEM: pl.Int64(),
        c.KIND: pl.String(),
        c.VALUE: pl.Float64(),
        c.TS: pl.Float64(),
        c.OFFSET: pl.Int64(),
        c.EXTERNAL_USER: pl.String(),
    }
)


def local_session(cores: str = "*", memory: str = "4g") -> SparkSession:
    """Spark in this process, on this machine. Raises DependencyUnavailable without pyspark or Java."""
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise DependencyUnavailable("spark", "pyspark is not installed", "pip install 'marquee[spark]'") from error
    builder = SparkSession.builder.master(f"local[{cores}]").appName("marquee").config("spark.driver.memory", memory)
    for name, value in (
        ("spark.ui.enabled", "false"),
        ("spark.driver.bindAddress", "127.0.0.1"),
        ("spark.driver.host", "127.0.0.1"),
        ("spark.sql.session.timeZone", "UTC"),
    ):
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
        session.sparkContext.pythonExec = sys.executable  # the workers need what this process has
        return session
    except PySparkException as error:
        raise DependencyUnavailable("spark", str(error).splitlines()[0], "Spark needs Java 17: set JAVA_HOME") from error


def spark_features(
    interactions: DataFrame,
    genres: Genres,
    signals: Signals = DEFAULT_SIGNALS,
    profiles: Profiles | None = None,
    partitions: int = 200,
) -> DataFrame:
    """`batch_features` of a Spark table with the lake's columns, without the users who have only a profile."""
    from pyspark.sql.functions import lit
    from pyspark.sql.pandas.types import from_arrow_schema

    known, schema = dict(profiles or {}), _arrow_schema()

    def features(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows = list(batches)
        if rows:
            table = owned(pl.DataFrame(pa.Table.from_batches(rows)))
            own = {user: known[user] for user in table[c.USER].unique().to_list() if user in known}
            yield from batch_features(table, genres, signals, own).to_arrow().cast(schema).to_batches()

    if c.EXTERNAL_USER not in interactions.columns:  # files written before ids could be strings
        interactions = interactions.withColumn(c.EXTERNAL_USER, lit(None).cast("string"))
    return interactions.select(*_NEEDED).repartition(partitions, c.USER).mapInArrow(features, from_arrow_schema(schema))


def spark_frame(
    session: SparkSession,
    files: Sequence[Path | str],
    genres: Genres,
    signals: Signals,
    profiles: Profiles,
    partitions: int = 200,
) -> pl.DataFrame:
    """The features of the users in these Parquet files of the lake, collected, by ascending user id."""
    table = session.read.option("mergeSchema", "true").parquet(*(str(file) for file in files))
    made = pl.DataFrame(spark_features(table, genres, signals, profiles, partitions).toArrow())
    seen = set(made[c.USER].to_list())
    without_events = {user: tokens for user, tokens in profiles.items() if user not in seen}
    return pl.concat([made.cast(SCHEMA), batch_features(_NEEDED.to_frame(), genres, signals, without_events)]).sort(c.USER)


def _arrow_schema() -> pa.Schema:
    """`feature_repo.table.SCHEMA` in the Arrow types that Spark knows: no large lists, no large strings."""
    scalars = {"int64": pa.int64(), "float64": pa.float64(), "float32": pa.float32(), "string": pa.string()}
    fields = [(c.USER, pa.int64())]
    for name, kind in (one.split(":") for one in USER_SCHEMA):
        scalar = scalars[kind.removesuffix("[]")]
        fields.append((name, pa.list_(scalar) if kind.endswith("[]") else scalar))
    return pa.schema(fields)
