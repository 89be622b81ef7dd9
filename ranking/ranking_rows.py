"""What a ranker learns from: the candidates of several queries, and which of them came next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking.source_features import ORDER_SCORE

ORDER_WEIGHTS = (0.0, 0.1, 0.2, 0.4, 0.8)
HELD_OUT = 0.2  # of the queries, the latest
MIN_HELD_OUT = 50  # queries, below which nothing is chosen and the sources' order gets the weight in the middle
_K = 10  # of the NDCG that chooses


@dataclass(frozen=True, eq=False)
class RankingRows:
    """Candidates of several queries, one after the other: features [n, len(names)], and relevant [n], 1 for the next item.

    Of the m queries, in order of time: the candidate counts, and how much each of them counts (`evaluation.event_weights`).
    """

    names: tuple[str, ...]
    features: NDArray[np.float32]
    relevant: NDArray[np.int8]
    groups: NDArray[np.int64]
    weights: NDArray[np.float32]

    @classmethod
    def alike(
        cls, names: Sequence[str], features: NDArray[np.float32], relevant: NDArray[np.int8], groups: Sequence[int]
    ) -> RankingRows:
        """With queries that count alike."""
        return cls(tuple(names), features, relevant, np.array(groups, dtype=np.int64), np.ones(len(groups), dtype=np.float32))

    @property
    def starts(self) -> NDArray[np.int64]:
        return np.asarray(np.cumsum(self.groups) - self.groups)

    @property
    def order(self) -> NDArray[np.float32]:
        """What the sources' order says of each candidate [n]; nothing where that is no feature."""
        if ORDER_SCORE not in self.names:
            return np.zeros(len(self.features), dtype=np.float32)
        return self.features[:, self.names.index(ORDER_SCORE)]

    @property
    def order_weights(self) -> tuple[float, ...]:
        """What the sources' order may weigh beside a ranker."""
        return ORDER_WEIGHTS if ORDER_SCORE in self.names else (0.0,)

    def held_out(self) -> tuple[RankingRows, RankingRows] | None:
        """The queries to learn from and the later ones to choose by; None where these would be too few."""
        n = int(HELD_OUT * len(self.groups))
        if n < MIN_HELD_OUT:
            return None
        first = len(self.groups) - n
        at = int(self.groups[:first].sum())
        parts = (slice(at), slice(first)), (slice(at, None), slice(first, None))
        learned, later = (
            RankingRows(self.names, self.features[rows], self.relevant[rows], self.groups[queries], self.weights[queries])
            for rows, queries in parts
        )
        return learned, later

    def sampled(self, near: int, far: int, rng: np.random.Generator) -> RankingRows:
        """Of each query the relevant candidate, the `near` first in the sources' order, and `far` others."""
        kept, order = np.zeros(len(self.relevant), dtype=np.bool_), self.order
        for start, size in zip(self.starts.tolist(), self.groups.tolist(), strict=True):
            own = kept[start : start + size]
            if size <= near + far:
                own[:] = True
                continue
            best = np.argsort(-order[start : start + size], kind="stable")
            own[best[:near]] = True
            own[rng.choice(best[near:], far, replace=False)] = True
        kept |= self.relevant > 0
        groups = np.add.reduceat(kept.astype(np.int64), self.starts)
        return RankingRows(self.names, self.features[kept], self.relevant[kept], groups, self.weights)

    def ndcg(self, scores: NDArray[np.floating]) -> float:
        """NDCG@10 of the order by scores [n]: a weighted mean over queries, each of which has a relevant candidate. Ties count
        against it."""
        own = np.repeat(np.maximum.reduceat(np.where(self.relevant > 0, scores, -np.inf), self.starts), self.groups)
        ahead = np.add.reduceat((scores >= own) & (self.relevant == 0), self.starts, dtype=np.int64)
        gains = np.where(ahead < _K, 1 / np.log2(2 + ahead), 0.0)
        return float(gains @ self.weights / max(float(self.weights.sum()), 1e-9))

    def best(self, scores: Mapping[int, NDArray[np.floating]]) -> tuple[int, float]:
        """Of rankers of several sizes, by what they score [n]: the size, and the weight of the sources' order beside it, that put
        what came next highest. Of equals the heavier order, then the smaller size."""
        found = {
            (size, weight): self.ndcg(own + weight * self.order) for size, own in scores.items() for weight in self.order_weights
        }
        return max(found, key=lambda point: (found[point], point[1], -point[0]))
