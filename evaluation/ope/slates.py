"""Estimators for lists whose reward is the sum over positions.

`weights` [n, K] are, at each position, the probability of the item given those above it under the evaluated policy divided by
that under the logging one; 1 behind the end of a list. `rewards` [n, K] are what each position earned; 0 behind the end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.ope.weighting import snips

Floats = NDArray[np.float64]


def whole_list(weights: Floats) -> Floats:
    """The weight of each list [n], which assumes nothing about how people read a list; the largest variance."""
    return np.asarray(weights.prod(axis=1))


def item_position_ips(weights: Floats, rewards: Floats) -> Floats:
    """IIPS (Li et al. 2018): a position's reward depends on its own item alone.

    With weights of `P(item at position)` it estimates such a policy's value. With weights given the items above, these count as
    part of the request: the value of changing one position at a time.
    """
    return np.asarray((weights * rewards).sum(axis=1))


def reward_interaction_ips(weights: Floats, rewards: Floats) -> Floats:
    """RIPS (McInerney et al. 2020): a position's reward depends on its item and those above, as for people who read from the top.

    Each position's weights are normalised by their mean, as published. Raises Unsupported where all are 0 at some position.
    """
    upto = np.asarray(np.cumprod(weights, axis=1), dtype=np.float64)
    values = [snips(upto[:, at], rewards[:, at]) for at in range(weights.shape[1])]
    return np.asarray(np.sum([np.zeros(len(weights)), *values], axis=0))


def cascade_dr(weights: Floats, rewards: Floats, predicted: Floats, expected: Floats) -> Floats:
    """Cascade-DR (Kiyohara et al. 2022) without normalisation: unbiased if people read from the top, whatever the model.

    `predicted` [n, K] is the model's reward of each position from the items down to it. `expected` [n] has the same mean as
    the sum of `predicted` under the evaluated policy: the published sum over positions of (weight down to the one above) times
    (mean prediction there), or simply the mean prediction of the evaluated policy's lists.
    """
    upto = np.cumprod(weights, axis=1)
    return np.asarray(expected + (upto * (rewards - predicted)).sum(axis=1))
