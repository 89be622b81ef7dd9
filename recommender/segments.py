"""What is popular of late among users who have something in common: an age band, or any other static attribute.

Kept as rows (segment, item, count) by the items' keys, so that it fits any catalogue. A segment with few events says little, so
its shares are shrunk towards those of everybody: with none of its own it is what is popular overall.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from core import columns as c
from core.answers import attributes
from core.catalogue import Catalogue
from core.errors import BundleCorrupt
from core.features import Profiles
from feature_repo.item_stats import HALF_LIFE_DAYS
from feature_repo.likings import DAY_SECONDS, liking

PRIOR_EVENTS = 200.0  # of average taste, recent ones, that every segment starts with
_SEGMENT, _RECENT = "segment", "recent"
_SCHEMA = pl.Schema([(_SEGMENT, pl.String), (c.ITEM, pl.Int64), (_RECENT, pl.Float32)])


@dataclass(frozen=True, eq=False)
class SegmentPopularity:
    """`counts` [segments, n items]: users who like an item, with time decay, as `ItemStats.recent` counts them."""

    segments: tuple[str, ...]
    counts: csr_matrix

    @classmethod
    def load(cls, path: Path, catalogue: Catalogue) -> SegmentPopularity:
        """For the rows of this catalogue. Raises BundleCorrupt."""
        try:
            return cls.of(pl.read_parquet(path).select(_SCHEMA.names()).cast(_SCHEMA), catalogue)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise BundleCorrupt(f"{path} cannot be read: {error}") from error

    @classmethod
    def of(cls, rows: pl.DataFrame, catalogue: Catalogue) -> SegmentPopularity:
        """From `segment_counts`."""
        names = rows[_SEGMENT].unique().sort().to_list()
        at = catalogue.rows(rows[c.ITEM].to_numpy())
        known = at >= 0
        place = rows[_SEGMENT].replace_strict(dict(zip(names, range(len(names)), strict=True)), return_dtype=pl.Int64)
        entries = rows[_RECENT].to_numpy()[known], (place.to_numpy()[known], at[known])
        return cls(tuple(names), csr_matrix(entries, shape=(len(names), len(catalogue)), dtype=np.float32))

    def known(self, profile: Sequence[str]) -> tuple[str, ...]:
        """The segments that a user belongs to and of which something is known, sorted."""
        return tuple(sorted(set(attributes(profile)) & set(self.segments)))

    def scores(self, segments: Sequence[str], overall: NDArray[np.float32]) -> NDArray[np.float32]:
        """Popularity [n] among the users of some of the segments, each alike, on the scale of that among everybody."""
        total = float(overall.sum())
        shares = overall / max(total, 1e-9)
        found = np.zeros(len(overall), dtype=np.float64)
        for segment in segments:
            counts = self.counts[self.segments.index(segment)].toarray()[0]
            found += (counts + PRIOR_EVENTS * shares) / (counts.sum() + PRIOR_EVENTS)
        return np.asarray(found * total / max(len(segments), 1), dtype=np.float32)


def segment_counts(interactions: pl.DataFrame, profiles: Profiles) -> pl.DataFrame:
    """Rows (segment, item, decayed count) from lake rows and static attributes; without rows where there are no attributes."""
    told = [(user, list(attributes(profile))) for user, profile in profiles.items()]
    users = (
        pl.DataFrame(told, schema={c.USER: pl.Int64, _SEGMENT: pl.List(pl.String)}, orient="row").explode(_SEGMENT).drop_nulls()
    )
    if users.is_empty() or interactions.is_empty():
        return _SCHEMA.to_frame()
    age = (pl.col(c.TS) - float(interactions[c.TS].to_numpy().max())) / (HALF_LIFE_DAYS * DAY_SECONDS)
    likings = interactions.filter(liking()).group_by(c.USER, c.ITEM).agg(pl.col(c.TS).max())
    events = likings.select(c.USER, c.ITEM, pl.lit(2.0).pow(age).alias(_RECENT))
    counted = events.join(users, on=c.USER).group_by(_SEGMENT, c.ITEM).agg(pl.col(_RECENT).sum()).sort(_SEGMENT, c.ITEM)
    return counted.select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items())
