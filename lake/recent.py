"""A part of a table, the newest or that of one request, without reading the rest where the lake consists of files."""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl

from core import columns as c
from lake.ports import FileLake, Lake
from lake.tables import SCHEMAS, read_or_empty


def since(lake: Lake, table: str, ts: float, columns: Sequence[str], until: float = math.inf) -> pl.DataFrame:
    """These columns of the rows from `ts` on and before `until` (Unix seconds). Raises DependencyUnavailable."""
    recent = (pl.col(c.TS) >= ts) & (pl.col(c.TS) < until)
    if not isinstance(lake, FileLake):
        return read_or_empty(lake, table).filter(recent).select(columns)
    schema = SCHEMAS[table]
    files = lake.files(table) if lake.version(table) >= 0 else []
    if not files:
        return schema.to_frame().select(columns)
    wanted = pl.Schema({name: schema[name] for name in dict.fromkeys([*columns, c.TS])})
    rows = pl.scan_parquet(files, schema=wanted, missing_columns="insert", extra_columns="ignore")
    return rows.filter(recent).select(columns).collect(engine="streaming")


def of_request(lake: Lake, table: str, request_id: str) -> pl.DataFrame:
    """The rows of one request. Raises DependencyUnavailable."""
    mine = pl.col(c.REQUEST_ID) == request_id
    files = lake.files(table) if isinstance(lake, FileLake) and lake.version(table) >= 0 else []
    if not files:
        return read_or_empty(lake, table).filter(mine)
    rows = pl.scan_parquet(files, schema=SCHEMAS[table], missing_columns="insert", extra_columns="ignore")
    return rows.filter(mine).collect(engine="streaming")
