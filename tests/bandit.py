"""A bandit with known truth: three kinds of request, four choices; logged by one policy, to be judged as another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LOGGING = np.array([[0.4, 0.3, 0.2, 0.1], [0.1, 0.4, 0.3, 0.2], [0.25, 0.25, 0.25, 0.25]])  # [kinds, choices]
EVALUATED = np.array([[0.1, 0.2, 0.3, 0.4], [0.3, 0.4, 0.2, 0.1], [0.7, 0.1, 0.1, 0.1]])
CHANCE = np.array([[0.1, 0.2, 0.5, 0.7], [0.6, 0.3, 0.2, 0.1], [0.4, 0.3, 0.2, 0.5]])  # that a choice is accepted
TRUTH = float((EVALUATED * CHANCE).sum(axis=1).mean())


@dataclass(frozen=True)
class Logged:
    """n rounds, five of each user."""

    weights: Floats
    rewards: Floats
    logged: Floats  # propensities
    users: NDArray[np.int64]
    shown: Floats  # [n, 12] which kind and choice it was: a model of these can be right
    evaluated: Floats  # [n, 12] the same of the evaluated policy, on average


def play(n: int, seed: int, chance: Floats = CHANCE) -> Logged:
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 3, n)
    choices = (rng.random(n)[:, None] > LOGGING[kinds].cumsum(axis=1)).sum(axis=1)
    users = np.arange(n) // 5
    liking = rng.uniform(-0.1, 0.1, n // 5 + 1)[users]  # what makes a user's rounds alike
    rewards = (rng.random(n) < chance[kinds, choices] + liking * (chance.max() > 0)).astype(np.float64)
    places = np.eye(12).reshape(3, 4, 12)
    return Logged(
        weights=EVALUATED[kinds, choices] / LOGGING[kinds, choices],
        rewards=rewards,
        logged=LOGGING[kinds, choices],
        users=users,
        shown=places[kinds, choices],
        evaluated=np.einsum("nc,nci->ni", EVALUATED[kinds], places[kinds]),
    )
