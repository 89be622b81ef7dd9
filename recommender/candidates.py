"""Candidates: items in columns, each with every source that found it, that source's score, and features by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranking.candidate_features import worst_where_missing

if TYPE_CHECKING:
    from recommender.roles import Fetched

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """A matrix whose columns have names."""

    names: tuple[str, ...]
    values: Floats  # [n, len(names)]

    def matrix(self, names: Sequence[str]) -> Floats:
        """These columns, in this order [n, len(names)]. Raises KeyError for a feature that nobody attached."""
        if tuple(names) == self.names:
            return self.values
        at = {name: column for column, name in enumerate(self.names)}
        return self.values[:, [at[name] for name in names]]

    def beside(self, names: Sequence[str], values: Floats) -> Features:
        """With more columns."""
        if not self.names:
            return Features(tuple(names), values)
        return Features((*self.names, *names), np.concatenate([self.values, values], axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """n items, row-aligned. An item that several sources found is here once, with the score of each."""

    rows: NDArray[np.intp]  # [n] catalogue rows
    scores: Floats  # [n]: of the first source that found the item, and after scoring the scorer's
    sources: tuple[str, ...]  # the pipeline's sources, in order
    source_scores: Floats  # [n, len(sources)], NaN where the source did not find the item
    filling: tuple[str, ...] = ()  # those of the sources that only fill lists up
    spreads: tuple[float, ...] = ()  # of each source's scores over the whole catalogue; 1 where there is none
    weights: Mapping[str, float] = field(default_factory=dict)  # what the policy says of sources that no release weighs
    features: Features = field(default_factory=lambda: Features((), np.empty((0, 0), dtype=np.float32)))
    chosen: NDArray[np.bool_] | None = None  # [n] which of the primary ones a ranker orders; all of them where nobody chose
    contexts: Floats | None = (
        None  # of the best ones, best first, where a list of a bandit is drawn again (`ranking.linear_bandit`)
    )

    def __len__(self) -> int:
        return len(self.rows)

    def only(self, kept: NDArray[np.bool_]) -> Candidates:
        """Those of `kept` [n]."""
        features = Features(self.features.names, self.features.values[kept]) if self.features.names else self.features
        return replace(
            self,
            rows=self.rows[kept],
            scores=self.scores[kept],
            source_scores=self.source_scores[kept],
            features=features,
            chosen=None if self.chosen is None else self.chosen[kept],
        )

    @property
    def primary_sources(self) -> list[str]:
        """The sources that do more than fill up, in order."""
        return [name for name in self.sources if name not in self.filling]

    @property
    def primary_scores(self) -> Floats:
        """The scores of the sources that do more than fill up [n, their number]."""
        return self.source_scores[:, [self.sources.index(name) for name in self.primary_sources]]

    @property
    def primary(self) -> NDArray[np.bool_]:
        """Which items one of those sources found. [n]"""
        return np.asarray(~np.isnan(self.primary_scores).all(axis=1), dtype=np.bool_)

    @property
    def ranked(self) -> NDArray[np.bool_]:
        """Which items a ranker orders: those that have features. [n]"""
        return self.primary if self.chosen is None else self.chosen

    @property
    def found(self) -> NDArray[np.bool_]:
        """[n, len(sources)]"""
        return ~np.isnan(self.source_scores)

    def index(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """The place of each catalogue row [m] among the candidates, -1 for one that is none."""
        places = dict(zip(self.rows.tolist(), range(len(self)), strict=True))
        return np.array([places.get(row, -1) for row in rows.tolist()], dtype=np.intp)

    def scores_of(self, source: str) -> Floats:
        """A source's scores [n], NaN where it did not find the item; all NaN for a source that is not in the pipeline."""
        if source not in self.sources:
            return np.full(len(self), np.nan, dtype=np.float32)
        return self.source_scores[:, self.sources.index(source)]

    def filled_scores_of(self, source: str) -> Floats:
        """A source's scores [n]; an item that it did not find counts as good as the worst one that it found.

        Zeros if it found nothing.
        """
        return worst_where_missing(self.scores_of(source))

    def standard_scores_of(self, source: str) -> Floats:
        """The same in units of their spread over the catalogue. [n]"""
        spread = self.spreads[self.sources.index(source)] if self.spreads and source in self.sources else 1.0
        return np.asarray(self.filled_scores_of(source) / max(spread, 1e-9), dtype=np.float32)

    def with_features(self, names: Sequence[str], values: Floats) -> Candidates:
        """With more features, `values` [n, len(names)]."""
        return replace(self, features=self.features.beside(names, values))


def merge(fetched: Mapping[str, Fetched], filling: Sequence[str] = (), weights: Mapping[str, float] | None = None) -> Candidates:
    """One set of columns from what each source found, in order of the sources; `filling` names those that only fill up.

    Features that sources named come along, NaN for items that the source did not find.
    """
    names = tuple(fetched)
    rows = np.concatenate([one.rows for one in fetched.values()]) if fetched else np.empty(0, dtype=np.intp)
    scores = np.concatenate([one.scores for one in fetched.values()]) if fetched else np.empty(0, dtype=np.float32)
    origin = np.repeat(np.arange(len(names)), [len(one.rows) for one in fetched.values()])
    _, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
    order = np.argsort(first)  # as found: the first source's items lead
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    at = place[inverse]
    table = np.full((len(first), len(names)), np.nan, dtype=np.float32)
    table[at, origin] = scores
    first = first[order]
    merged = Candidates(
        rows=rows[first],
        scores=scores[first].astype(np.float32),
        sources=names,
        source_scores=table,
        filling=tuple(filling),
        spreads=tuple(one.spread for one in fetched.values()),
        weights=weights or {},
    )
    start = 0
    for one in fetched.values():
        own = at[start : start + len(one.rows)]
        start += len(one.rows)
        for name, values in one.features.items():
            column = np.full((len(merged), 1), np.nan, dtype=np.float32)
            column[own, 0] = values
            merged = merged.with_features((name,), column)
    return merged
