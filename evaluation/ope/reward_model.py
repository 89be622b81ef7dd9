"""A linear model of a list's reward, cross-fitted: each user's rewards are predicted by a model that has not seen that user.

Linear in features that add up over positions, so that it says what a position is worth as well, and so that the interval of the
direct method can include the error of the model's own coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidInput

Floats = NDArray[np.float64]
_CONSTANT = 1e-9  # relative spread of a feature that is the same in every list but for rounding


@dataclass(frozen=True)
class ModelConfig:
    """How the model is fitted."""

    folds: int = 5  # of users
    ridge: float = 1.0  # penalty, in rows: so many rows say that a feature of unit spread has no effect
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class RewardModel:
    """What it says of n lists, and what its coefficients rest on."""

    predicted: Floats  # [n] reward of what was shown
    expected: Floats  # [n] mean reward of what the evaluated policy would show
    effects: Floats  # [n, d] what one unit of each feature adds, by the model that predicts this list
    folds: NDArray[np.int64]  # [n]
    rows: Floats  # [n, 1 + d] what was shown, as the regression sees it
    wanted: Floats  # [n, 1 + d] what the evaluated policy would show
    counts: Floats  # [n] how much each row counts
    grams: Floats  # [folds, 1 + d, 1 + d] of the other folds' rows

    def parts(self, features: Floats) -> Floats:
        """Of features [n, K, d] whose sum over K is what was fitted on: each part's reward [n, K], less the constant."""
        return np.asarray(np.einsum("nkd,nd->nk", features, self.effects))

    def coefficient_error(self, weights: Floats, rewards: Floats) -> Floats:
        """What each list adds to the error of the mean of `expected + weights * (rewards - predicted)` through the coefficients
        [n], 0 on average: linearised (the delta method).

        With weights 0 that is the whole error of the direct method; with the full weights of DR next to nothing.
        """
        pull, left = np.zeros(len(self.rows)), self.wanted - weights[:, None] * self.rows
        for fold, gram in enumerate(self.grams):
            rest = self.folds != fold
            moved = np.linalg.lstsq(gram, left[~rest].sum(axis=0), rcond=None)[0]
            pull[rest] += self.counts[rest] * (self.rows[rest] @ moved)
        error = pull * (rewards - self.predicted)
        return np.asarray(error - error.mean())


def fit(
    shown: Floats,
    evaluated: Floats,
    rewards: Floats,
    users: NDArray[np.int64],
    config: ModelConfig = ModelConfig(),
    importance: Floats | None = None,
) -> RewardModel:
    """Ridge regression of rewards [n] on the features of what was shown [n, d].

    `evaluated` [n, d] are the mean features of what the evaluated policy would show to the same request; `importance` [n] weighs
    rows. Raises InvalidInput for lists of fewer than two users.
    """
    folds = _folds(users, config)
    spread = shown.std(axis=0)
    spread = np.where(spread > _CONSTANT * np.abs(shown).max(axis=0, initial=0.0), spread, 1.0)
    constant = np.ones((len(shown), 1))
    rows = np.concatenate([constant, shown / spread], axis=1)
    wanted = np.concatenate([constant, evaluated / spread], axis=1)
    counts = np.ones(len(rows)) if importance is None or not importance.sum() else importance / importance.mean()
    predicted, expected, effects = np.zeros(len(rows)), np.zeros(len(rows)), np.zeros((len(rows), shown.shape[1]))
    penalty = config.ridge * np.diag([0.0] + [1.0] * shown.shape[1])  # the constant is free
    grams = []
    for fold in range(folds.max() + 1):
        out, rest = folds == fold, folds != fold
        grams.append((rows[rest] * counts[rest, None]).T @ rows[rest] + penalty)
        found = np.linalg.lstsq(grams[-1], rows[rest].T @ (counts[rest] * rewards[rest]), rcond=None)[0]
        predicted[out], expected[out], effects[out] = rows[out] @ found, wanted[out] @ found, found[1:] / spread
    return RewardModel(predicted, expected, effects, folds, rows, wanted, counts, np.array(grams))


def _folds(users: NDArray[np.int64], config: ModelConfig) -> NDArray[np.int64]:
    """The fold of each row, by user [n]."""
    names, at = np.unique(users, return_inverse=True)
    if len(names) < 2:
        raise InvalidInput("users", len(names), "at least 2, so that one can be predicted from another")
    folds = np.arange(len(names)) % min(config.folds, len(names))
    return np.asarray(np.random.default_rng(config.seed).permutation(folds)[at])
