"""An ensemble of models votes: a position goes to the best remaining candidate of one model drawn evenly.

With M models drawn from a posterior this is Thompson sampling by ensemble (Lu and Van Roy, NeurIPS 2017), position by position.
The probability of a candidate, given those above it, is the share of the models whose best remaining candidate it is: a count, so
that it is exact for what was played, where the probability under the whole posterior could only be estimated.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ranking.policies.caps import Caps
from ranking.policies.choice import Choice, best
from ranking.policies.drawing import draw_list, probabilities
from ranking.policies.new_items import NOTHING_NEW, NewItems, drawn
from ranking.policies.remaining import Options, Remaining


def choose(
    scores: NDArray[np.float32],
    k: int,
    votes: NDArray[np.float64],
    floor: float,
    pool: int,
    seed: int,
    new: NewItems = NOTHING_NEW,
    caps: Caps | None = None,
) -> Choice:
    """Each position draws from the `pool` best of scores [n] that remain.

    `votes` [min(pool, n), M] are what each model gives to the pool, best of `scores` first. With probability `floor` the position
    is drawn evenly from the remaining pool, so that no propensity inside it is 0, and with probability `new.share`, while there
    are `new` items, it goes to one of them by its weight. Once the pool is used up, the others follow in order. The same seed
    makes the same draws, and a longer list begins with the shorter one.
    """
    draws = np.random.default_rng(seed).random((k, 2)).tolist()
    return draw_list(_Ensemble(scores, votes, floor, pool, new.share, draws), Remaining(scores, pool, new, caps), k)


def propensities(
    scores: NDArray[np.float32],
    index: NDArray[np.intp],
    votes: NDArray[np.float64],
    floor: float,
    pool: int,
    new: NewItems = NOTHING_NEW,
    caps: Caps | None = None,
) -> NDArray[np.float32]:
    """The probability [m] of each candidate of a given list `index` [m], given those above it; 0 for what is no candidate."""
    return probabilities(_Ensemble(scores, votes, floor, pool, new.share), Remaining(scores, pool, new, caps), index)


class _Ensemble:
    def __init__(
        self,
        scores: NDArray[np.float32],
        votes: NDArray[np.float64],
        floor: float,
        pool: int,
        new_share: float,
        draws: list[list[float]] | None = None,
    ) -> None:
        self._place = {one: place for place, one in enumerate(best(scores, pool).tolist())}
        self._votes = votes
        self._floor = floor
        self._new_share = new_share
        self._draws = draws or []

    def draw(self, position: int, options: Options) -> int:
        share = self._new_share if options.new else 0.0
        coin, where = self._draws[position]
        if coin < share:
            return drawn(options.new, where)
        candidates = options.candidates
        if coin < share + (1.0 - share) * self._floor:
            return candidates[int(where * len(candidates))]
        winners = self._winners(candidates)
        return candidates[int(winners[int(where * len(winners))])]

    def probability(self, position: int, options: Options, one: int) -> float:  # noqa: ARG002 - one signature for every policy
        share = self._new_share if options.new else 0.0
        probability = share * options.new[one] / sum(options.new.values()) if one in options.new else 0.0
        if one in options.candidates:
            won = float(np.mean(self._winners(options.candidates) == options.candidates.index(one)))
            probability += (1.0 - share) * ((1.0 - self._floor) * won + self._floor / len(options.candidates))
        return probability

    def _winners(self, candidates: list[int]) -> NDArray[np.intp]:
        """Of each model, its best of the candidates [M]; of equal ones the one that comes first."""
        return np.asarray(np.argmax(self._votes[[self._place[one] for one in candidates]], axis=0), dtype=np.intp)
