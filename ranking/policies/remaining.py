"""What a list can still get at its next position: the one place where pools, new items and caps meet.

Every policy draws from what `Remaining.next` returns, and the probabilities of a given list are computed from the same, so that a
propensity is exact whatever forbids a candidate.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ranking.policies.caps import CapCounts, Caps
from ranking.policies.choice import best
from ranking.policies.new_items import NOTHING_NEW, NewItems


class Options(NamedTuple):
    """The candidates of one position, best first, and the new items among all candidates by weight.

    Unless `explores`, it is the first one that the position gets: the pool is used up, and the others follow in order. `relaxed`:
    caps forbid every candidate, so they give way.
    """

    candidates: list[int]
    new: dict[int, float]
    explores: bool
    relaxed: bool = False


class Remaining:
    """Candidates that are not in the list yet. Not thread-safe: one list.

    A position draws among the `pool` best candidates that no cap forbids. If caps forbid all of these, it gets the best of the
    others; if they forbid every candidate, the caps give way for the rest of the list.
    """

    def __init__(self, scores: NDArray[np.float32], pool: int, new: NewItems = NOTHING_NEW, caps: Caps | None = None) -> None:
        self._order = best(scores, len(scores))
        self._size = pool
        self._pool: list[int] = self._order[:pool].tolist()
        self._new: dict[int, float] = dict(zip(new.index.tolist(), new.weights.tolist(), strict=True))
        self._options = Options(self._pool, self._new, True)
        self._caps = None if caps is None else CapCounts(caps)
        self.over_cap = 0  # positions that got a candidate that a cap forbids, because no other was left

    @cached_property
    def _rest(self) -> list[int]:
        """Outside the pool; few lists need it."""
        rest: list[int] = self._order[self._size :].tolist()
        return rest

    def next(self) -> Options:
        """What the next position can get; no candidates once there are none."""
        if self._caps is None:
            return self._options if self._pool else Options(self._rest, {}, False)
        pool = self._caps.allowed(self._pool)
        if pool:
            return Options(pool, {one: self._new[one] for one in self._caps.allowed(list(self._new))}, True)
        rest = self._caps.allowed(self._rest)
        if rest:
            return Options(rest, {}, False)
        return Options(self._pool or self._rest, self._new if self._pool else {}, bool(self._pool), relaxed=True)

    def take(self, one: int) -> None:
        """`one` is in the list; what is no candidate, or is in it already, changes nothing."""
        if one in self._pool:
            self._pool.remove(one)
        elif one in self._rest:
            self._rest.remove(one)
        else:
            return
        if self._new:
            self._new.pop(one, None)
        if self._caps is not None:
            self.over_cap += not self._caps.allowed([one])
            self._caps.take(one)
