"""Items and users that a file brings, against those of the lake: what is new, what changed, what stays."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from core import columns as c
from core.items import ITEM_SCHEMA, complete
from lake import tables
from lake.ports import Lake


@dataclass(frozen=True, eq=False)
class Changes:
    """The rows to write, and what they come to. `absent` rows of the lake are not in the file."""

    rows: pl.DataFrame
    new: int
    changed: int
    unchanged: int
    absent: int
    hidden: int = 0  # of the absent ones, from now on

    def __str__(self) -> str:
        rest = f"; {self.absent:,} that the file does not have stay" if self.absent else ""
        hidden = f", {self.hidden:,} of them hidden from now on" if self.hidden else ""
        return f"{self.changed:,} changed, {self.new:,} new, {self.unchanged:,} unchanged{rest}{hidden}"


def stored_items(lake: Lake) -> pl.DataFrame:
    """The items table; empty if there is none."""
    return lake.read(tables.ITEMS) if lake.version(tables.ITEMS) >= 0 else ITEM_SCHEMA.to_frame()


def item_changes(stored: pl.DataFrame, brought: pl.DataFrame, whole: pl.DataFrame, hide_missing: bool = False) -> Changes:
    """`brought` has item_id and some columns: what it does not speak of, and an empty cell, leave the lake's item as it is.

    `whole` has the same items with every column, for those that are new.
    """
    old = stored.filter(pl.col(c.ITEM).is_in(brought[c.ITEM].implode())).sort(c.ITEM)
    given = [name for name in brought.columns if name != c.ITEM]
    joined = old.join(brought.select(c.ITEM, *(pl.col(name).alias(f"new {name}") for name in given)), on=c.ITEM, how="left")
    spoken = [pl.coalesce(f"new {name}", name).cast(ITEM_SCHEMA[name]).alias(name) for name in given]
    merged = complete(joined.with_columns(spoken)).sort(c.ITEM)
    differs = pl.Series([a != b for a, b in zip(old.rows(), merged.rows(), strict=True)], dtype=pl.Boolean)
    changed = merged.filter(differs)
    new = complete(whole.filter(~pl.col(c.ITEM).is_in(stored[c.ITEM].implode())))
    absent = stored.filter(~pl.col(c.ITEM).is_in(brought[c.ITEM].implode()))
    hidden = absent.filter(~pl.col(c.HIDDEN).fill_null(False) & hide_missing).with_columns(pl.lit(True).alias(c.HIDDEN))
    return Changes(pl.concat([changed, new, hidden]), len(new), len(changed), len(old) - len(changed), len(absent), len(hidden))


def user_changes(lake: Lake, brought: pl.DataFrame) -> Changes:
    """`brought` has `core.items.PROFILE_SCHEMA`; a user's profile is replaced as a whole."""
    stored = lake.read(tables.USERS) if lake.version(tables.USERS) >= 0 else tables.SCHEMAS[tables.USERS].to_frame()
    old = dict(stored.select(c.USER, c.PROFILE).iter_rows())
    fates = [
        "new" if user not in old else "unchanged" if old[user] == profile else "changed"
        for user, profile in brought.select(c.USER, c.PROFILE).iter_rows()
    ]
    fate = pl.Series(fates, dtype=pl.String)
    new, changed, unchanged = (int((fate == name).sum()) for name in ("new", "changed", "unchanged"))
    return Changes(brought.filter(fate != "unchanged"), new, changed, unchanged, len(old) - changed - unchanged)
