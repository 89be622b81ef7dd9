"""Plackett-Luce: each position draws by the softmax of the scores of what remains (Luce 1959; Plackett 1975).

A list is drawn at once by the Gumbel top-k trick (Kool, van Hoof and Welling, ICML 2019): every candidate's score, divided by the
temperature, gets independent Gumbel noise, and the list is the order of the sums.
"""

from __future__ import annotations

import math

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
    temperature: float,
    pool: int,
    seed: int,
    new: NewItems = NOTHING_NEW,
    caps: Caps | None = None,
) -> Choice:
    """Each position draws from the `pool` best of scores [n] that remain, with probability proportional to exp(score / t).

    t is `temperature` in units of the standard deviation of the pool's scores, so that it means the same for every scorer. While
    there are `new` items, in the pool or outside, a position goes to one of them with probability `new.share`, drawn by its
    weight. Once the pool is used up, the others follow in order. The propensity of a choice is its exact probability given the
    positions above; the same seed makes the same draws, and a longer list begins with the shorter one.
    """
    policy = _PlackettLuce(scores, temperature, pool, new.share)
    policy.seed(seed, k)
    return draw_list(policy, Remaining(scores, pool, new, caps), k)


def propensities(
    scores: NDArray[np.float32],
    index: NDArray[np.intp],
    temperature: float,
    pool: int,
    new: NewItems = NOTHING_NEW,
    caps: Caps | None = None,
) -> NDArray[np.float32]:
    """The probability [m] of each candidate of a given list `index` [m], given those above it; 0 for what is no candidate."""
    return probabilities(_PlackettLuce(scores, temperature, pool, new.share), Remaining(scores, pool, new, caps), index)


class _PlackettLuce:
    def __init__(self, scores: NDArray[np.float32], temperature: float, pool: int, new_share: float) -> None:
        exact, self._pool = scores.astype(np.float64), best(scores, pool)
        spread = float(exact[self._pool].std()) if len(scores) else 0.0
        self._logits = exact / (temperature * max(spread, 1e-9))
        self._new_share = new_share
        self._keys: dict[int, float] = {}  # the noisy logits of the pool
        self._keys_without_caps: dict[int, float] = {}
        self._draws: list[list[float]] = []

    def seed(self, seed: int, k: int) -> None:
        """Draw for a list of at most k.

        The sums order what was a candidate at every position so far; what a cap has forbidden meanwhile was not, so that it gets
        noise of its own for the case that caps give way.
        """
        rng = np.random.default_rng(seed)
        self._keys = self._noisy(rng)
        self._keys_without_caps = self._noisy(np.random.default_rng([seed, 1]))
        self._draws = rng.random((k, 2)).tolist() if self._new_share else []

    def _noisy(self, rng: np.random.Generator) -> dict[int, float]:
        keys = self._logits[self._pool] + rng.gumbel(size=len(self._pool))
        return dict(zip(self._pool.tolist(), keys.tolist(), strict=True))

    def draw(self, position: int, options: Options) -> int:
        """Given the largest sums, the order of the others is still that of a fresh draw: the noise of a list is drawn once."""
        if options.new and self._draws and self._draws[position][0] < self._new_share:
            return drawn(options.new, self._draws[position][1])
        keys = self._keys_without_caps if options.relaxed else self._keys
        return max(options.candidates, key=keys.__getitem__)

    def probability(self, position: int, options: Options, one: int) -> float:  # noqa: ARG002 - one signature for every policy
        share = self._new_share if options.new else 0.0
        probability = share * options.new[one] / sum(options.new.values()) if one in options.new else 0.0
        if one in options.candidates:
            logits = self._logits[options.candidates]
            highest = float(logits.max())
            total = float(np.exp(logits - highest).sum())
            probability += (1.0 - share) * math.exp(float(self._logits[one]) - highest) / total
        return probability
