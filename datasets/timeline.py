"""One timeline for all users, so that a cut through it takes the latest events of everybody."""

from __future__ import annotations

import numpy as np
import polars as pl

from core import columns as c
from core.ordering import tie_hash
from datasets.positions import are_times


def has_times(interactions: pl.DataFrame) -> bool:
    """Whether the `ts` of different users compare; without, they only order each user's events (`datasets.positions`)."""
    first = interactions.group_by(c.USER).agg(pl.col(c.TS).min())[c.TS].to_numpy()
    return are_times(interactions[c.TS].to_numpy(), first)


def timeline(interactions: pl.DataFrame) -> pl.DataFrame:
    """The events with a `ts` that a cut goes through sensibly: as they are if they have times, else `ending_together`."""
    return interactions if has_times(interactions) else ending_together(interactions)


def ending_together(interactions: pl.DataFrame) -> pl.DataFrame:
    """The events with a `ts` that counts each user's history back from its end, which lies in the second before 0.

    When exactly is drawn by a hash of the user. A cut then takes the last events of everybody, or of a random part of the users
    where histories are too short for that; of positions, it would take the ends of the few longest histories.
    """
    users = interactions[c.USER].to_numpy()
    ends = -(tie_hash(users, np.zeros_like(users)) / 2.0**64)
    back = pl.col(c.TS).rank("ordinal", descending=True).over(c.USER) - 1
    return interactions.with_columns((pl.Series(ends) - back).alias(c.TS))
