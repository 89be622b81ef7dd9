"""Items and users that a file brings, against those of the lake: what is new, what changed, what stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from core import columns as c
from core.answers import Answers, is_answer, with_answers
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
    back: int = 0  # of the changed ones: a catalogue lacked them before, and they are shown again

    def __str__(self) -> str:
        rest = f"; {self.absent:,} that the file does not have stay" if self.absent else ""
        hidden = f", {self.hidden:,} of them hidden from now on" if self.hidden else ""
        back = f" ({self.back:,} of them had been left out before and are back)" if self.back else ""
        return f"{self.changed:,} changed{back}, {self.new:,} new, {self.unchanged:,} unchanged{rest}{hidden}"


def upsert(lake: Lake, table: str, on: str, compare: Callable[[pl.DataFrame], Changes], dry_run: bool) -> Changes:
    """What `compare` finds against the table, as other processes leave it until the write; written unless it is a dry run."""
    if dry_run:
        return compare(tables.read_or_empty(lake, table))
    found: list[Changes] = []

    def revision(stored: pl.DataFrame) -> pl.DataFrame:
        found.append(compare(stored))
        return found[-1].rows

    lake.revise(table, revision, [on])
    return found[-1]


def item_changes(stored: pl.DataFrame, brought: pl.DataFrame, whole: pl.DataFrame, hide_missing: bool = False) -> Changes:
    """`brought` has item_id and some columns: a column that it lacks and an empty cell leave the lake's item as it is.

    `whole` has the same items with every column, for those that are new. An item that is brought is no longer absent; whether it
    is hidden is what somebody decided, or the file says. With `hide_missing`, what is not brought is absent from now on.
    """
    old = stored.filter(pl.col(c.ITEM).is_in(brought[c.ITEM].implode())).sort(c.ITEM)
    given = [name for name in brought.columns if name not in (c.ITEM, c.ABSENT)]
    joined = old.join(brought.select(c.ITEM, *(pl.col(name).alias(f"new {name}") for name in given)), on=c.ITEM, how="left")
    spoken = [pl.coalesce(f"new {name}", name).cast(ITEM_SCHEMA[name]).alias(name) for name in given]
    merged = complete(joined.with_columns(*spoken, pl.lit(False).alias(c.ABSENT))).sort(c.ITEM)
    differs = pl.Series([a != b for a, b in zip(_decided(old), _decided(merged), strict=True)], dtype=pl.Boolean)
    changed = merged.filter(differs)
    back = int(old[c.ABSENT].sum())
    new = complete(whole.filter(~pl.col(c.ITEM).is_in(stored[c.ITEM].implode())))
    absent = stored.filter(~pl.col(c.ITEM).is_in(brought[c.ITEM].implode()))
    hidden = absent.filter(~pl.col(c.ABSENT).fill_null(False) & hide_missing).with_columns(pl.lit(True).alias(c.ABSENT))
    rows = pl.concat([changed, new, hidden])
    return Changes(rows, len(new), len(changed), len(old) - len(changed), len(absent), len(hidden), back)


def _decided(items: pl.DataFrame) -> list[tuple[object, ...]]:
    """The rows; an item about which nobody decided is the same as one that was decided to be shown."""
    return items.with_columns(pl.col(c.HIDDEN, c.ABSENT).fill_null(False)).rows()


def user_changes(stored: pl.DataFrame, brought: pl.DataFrame) -> Changes:
    """`brought` has `core.items.PROFILE_SCHEMA`; a user's profile is replaced as a whole, but for what the user answered."""
    old = dict(stored.select(c.USER, c.PROFILE).iter_rows())
    told = {user: Answers.of(profile) for user, profile in old.items() if any(map(is_answer, profile))}
    if told:
        profiles = [
            list(with_answers(profile, told[user])) if user in told else profile
            for user, profile in brought.select(c.USER, c.PROFILE).iter_rows()
        ]
        names = stored.select(c.USER, c.EXTERNAL_USER)
        brought = brought.with_columns(pl.Series(c.PROFILE, profiles, dtype=pl.List(pl.String))).join(
            names, on=c.USER, how="left"
        )
    fates = [
        "new" if user not in old else "unchanged" if old[user] == profile else "changed"
        for user, profile in brought.select(c.USER, c.PROFILE).iter_rows()
    ]
    fate = pl.Series(fates, dtype=pl.String)
    new, changed, unchanged = (int((fate == name).sum()) for name in ("new", "changed", "unchanged"))
    return Changes(brought.filter(fate != "unchanged"), new, changed, unchanged, len(old) - changed - unchanged)
