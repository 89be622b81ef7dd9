"""The lake's tables: their names and columns, and rows converted to them."""

from __future__ import annotations

import polars as pl

from core import columns as c
from core.items import ITEM_SCHEMA, PROFILE_SCHEMA, TAG_SCHEMA, complete
from lake.ports import Lake

INTERACTIONS = "interactions"
IMPRESSIONS = "impressions"
LISTS = "lists"  # how each list was made: by which release, in what time
ITEMS = "items"
TAGS = "tags"
USERS = "users"
POLICIES = "policies"  # every policy that ever made lists, by the id that impressions carry
ITEM_IDS = "item_ids"  # the ids that other systems give to items, and the numbers that stand for them here
LEDGER = "ledger"  # every registration, promotion, refusal and rollback of a release, as a chain of hashes
ERASED = "erased"  # who was erased, by a hash of the key, and when

_ID_SCHEMA = pl.Schema({c.KEY: pl.Int64, c.ID: pl.String})
SCHEMAS: dict[str, pl.Schema] = {
    INTERACTIONS: pl.Schema(
        {
            c.EVENT_ID: pl.String,
            c.USER: pl.Int64,
            c.ITEM: pl.Int64,
            c.KIND: pl.String,
            c.VALUE: pl.Float64,
            c.TS: pl.Float64,
            c.REQUEST_ID: pl.String,
            c.OFFSET: pl.Int64,
            c.DAY: pl.String,
            c.EXTERNAL_USER: pl.String,
        }
    ),
    IMPRESSIONS: pl.Schema(
        {
            c.REQUEST_ID: pl.String,
            c.USER: pl.Int64,
            c.ITEM: pl.Int64,
            c.POSITION: pl.Int64,
            c.PROPENSITY: pl.Float64,
            c.SCORE: pl.Float64,
            c.POLICY: pl.String,
            c.ARM: pl.String,
            c.MODEL_VERSION: pl.String,
            c.TS: pl.Float64,
            c.OFFSET: pl.Int64,
            c.DAY: pl.String,
            c.EXPLORED: pl.Boolean,
            c.LABEL: pl.String,
        }
    ),
    LISTS: pl.Schema(
        {
            c.REQUEST_ID: pl.String,
            c.USER: pl.Int64,
            c.ARM: pl.String,
            c.MODEL_VERSION: pl.String,
            c.TS: pl.Float64,
            c.SECONDS: pl.Float64,
            c.FAILED: pl.Boolean,
            c.DEGRADED: pl.Boolean,
            c.SHADOW: pl.Boolean,
            c.OVERLAP: pl.Float64,
            c.OFFSET: pl.Int64,
            c.DAY: pl.String,
            c.MADE_FROM: pl.String,
        }
    ),
    ITEMS: ITEM_SCHEMA,
    TAGS: TAG_SCHEMA,
    USERS: pl.Schema([*PROFILE_SCHEMA.items(), (c.EXTERNAL_USER, pl.String)]),
    POLICIES: pl.Schema({c.POLICY_ID: pl.String, c.NAME: pl.String, c.BODY: pl.String, c.FIRST_SEEN: pl.Float64}),
    ITEM_IDS: _ID_SCHEMA,
    ERASED: pl.Schema({c.HASH: pl.String, c.TS: pl.Float64}),
    LEDGER: pl.Schema(
        {
            c.NUMBER: pl.Int64,
            c.TS: pl.Float64,
            c.ACTOR: pl.String,
            c.ACTION: pl.String,
            c.ALIAS: pl.String,
            c.VERSION: pl.String,
            c.RELEASE: pl.String,
            c.FROM_VERSION: pl.String,
            c.WHY: pl.String,
            c.EVIDENCE: pl.String,
            c.PREVIOUS_HASH: pl.String,
            c.HASH: pl.String,
        }
    ),
}
# One partition a day suits a stream; twenty years of imported history would be thousands of tiny files, so rows that
# were imported (log_offset -1) share the partition of their year.
PARTITIONED = (INTERACTIONS, IMPRESSIONS, LISTS)
# The tables with rows of users, and the column that names the user in each.
OF_USERS = {INTERACTIONS: c.USER, IMPRESSIONS: c.USER, LISTS: c.USER, TAGS: c.USER, USERS: c.USER}
OWNED_BY = (c.USER, c.EXTERNAL_USER, c.OFFSET, c.TS)  # the columns that tell whose key a user's is
_OPTIONAL = (
    c.EXPLORED,
    c.LABEL,
    c.EXTERNAL_USER,
    c.MADE_FROM,
)  # columns that rows may omit, because they were added to their table later


def conform(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with the table's columns in order and type, and the partition derived."""
    if table == ITEMS:
        return complete(rows)
    if table in PARTITIONED:
        when = pl.from_epoch(pl.col(c.TS).cast(pl.Int64), time_unit="s")
        imported = pl.col(c.OFFSET) < 0
        rows = rows.with_columns(
            pl.when(imported).then(when.dt.strftime("%Y-01-01")).otherwise(when.dt.strftime("%Y-%m-%d")).alias(c.DAY)
        )
    rows = rows.with_columns(
        pl.lit(None).alias(name) for name in _OPTIONAL if name in SCHEMAS[table] and name not in rows.columns
    )
    return rows.select(pl.col(name).cast(dtype) for name, dtype in SCHEMAS[table].items())


def read_or_empty(lake: Lake, table: str) -> pl.DataFrame:
    """The table as it is now, without rows if it was never written. Raises DependencyUnavailable."""
    return lake.read(table) if lake.version(table) >= 0 else SCHEMAS[table].to_frame()


def widened(table: str, stored: pl.DataFrame) -> pl.DataFrame:
    """What was stored, with the table's columns of today; one that it did not have when it was written is null."""
    return stored.select(
        pl.col(name) if name in stored.columns else pl.lit(None, dtype).alias(name) for name, dtype in SCHEMAS[table].items()
    )


def owned(interactions: pl.DataFrame) -> pl.DataFrame:
    """Without the events of users whose key belongs to a user who came earlier: their hashes collide (`core.ids`).

    Needs the columns OWNED_BY.
    """
    if interactions[c.EXTERNAL_USER].null_count() == len(interactions):
        return interactions
    owner = pl.col(c.EXTERNAL_USER).sort_by(c.OFFSET, c.TS).first().over(c.USER)
    return interactions.filter(pl.col(c.EXTERNAL_USER).eq_missing(owner))
