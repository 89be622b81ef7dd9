"""Source: a few of the items that hardly anybody takes up, for exploration."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from recommender.live import Snapshot
from recommender.parts.part import SourceConfig
from recommender.roles import Eligible, Fetched, Query


class LongTailConfig(SourceConfig):
    """Items outside of the most popular ones, drawn anew for each request."""

    blocks: ClassVar[bool] = False
    part: Literal["long_tail"] = "long_tail"
    k: int = Field(20, ge=1, le=10_000, description="candidates that it draws")
    fills: bool = True
    head: float = Field(0.2, ge=0, lt=1, description="the most popular share of the catalogue, which is left out")

    def build(self, now: Snapshot) -> LongTailSource:
        return LongTailSource(now, self.k, self.head)


class LongTailSource:
    """k eligible items of the tail, evenly drawn by the query's seed. Scores are below 0 and fall in the order of the draw."""

    name = "long_tail"

    def __init__(self, now: Snapshot, k: int, head: float) -> None:
        order = np.argsort(-now.stats.recent, kind="stable")
        self._tail = np.zeros(len(order), dtype=np.bool_)
        self._tail[order[int(head * len(order)) :]] = True
        self._k = k

    def fetch(self, query: Query, eligible: Eligible) -> Fetched:
        open_ = np.flatnonzero(self._tail & eligible)
        drawn = np.random.default_rng([query.seed, 0x7A11]).permutation(open_)[: self._k]
        return Fetched(drawn, -np.arange(1, len(drawn) + 1, dtype=np.float32))
