"""A contextual bandit over ranking features: Bayesian linear regression of acceptance, for Thompson sampling and LinUCB.

Linear Thompson sampling (Agrawal and Goyal, ICML 2013) draws weights from the posterior N(A^-1 b, v^2 A^-1); LinUCB (Li et al.,
WWW 2010) adds alpha standard deviations to each candidate's mean. A and b add up x x' and r x over the shown items, with
exponential forgetting, on top of a prior whose mean puts weight on the release's own score alone: before anything is learned the
order is the release's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidInput
from ranking.policies.choice import best

SCORE = "score"  # of the pipeline's last scorer
CONTEXT: tuple[str, ...] = (
    SCORE,
    "log_popularity",
    "log_recent_popularity",
    "rating_mean",
    "genre_affinity",
    "recent_genre_overlap",
    "cosine_recent",
    "transition_score",
    "ease_score",
)
PRIOR_NOISE = 0.05  # variance of one answer while nothing is known: one shown item in twenty is accepted


@dataclass(frozen=True, slots=True)
class BanditConfig:
    """How the posterior learns."""

    ridge: float = 100.0  # the prior counts as so many shown items along each feature
    prior_weight: float = 0.02  # acceptance that a standard deviation of the release's score is worth, before anything is learned
    forgetting: float = 0.99999  # what is left of an item's weight after each later one
    max_step: float = 0.05  # distance between the means of two published versions

    def __post_init__(self) -> None:
        if not (self.ridge > 0 and 0 < self.forgetting <= 1 and self.max_step > 0):
            given = (self.ridge, self.forgetting, self.max_step)
            raise InvalidInput("ridge, forgetting, max_step", given, "above 0; forgetting at most 1")


@dataclass(frozen=True, eq=False)
class Posterior:
    """Of the weights of CONTEXT: mean [d] and covariance [d, d], in units of acceptance. Version 0 is the prior."""

    version: int
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @classmethod
    def prior(cls, config: BanditConfig | None = None) -> Posterior:
        config = config or BanditConfig()
        return cls(0, _prior_mean(config), PRIOR_NOISE * np.eye(len(CONTEXT)) / config.ridge)

    @cached_property
    def _root(self) -> NDArray[np.float64]:
        values, vectors = np.linalg.eigh(self.covariance)
        return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)), dtype=np.float64)

    def thompson(self, contexts: NDArray[np.float32], models: int, spread: float) -> NDArray[np.float64]:
        """Scores [n, models] of contexts [n, d] by weights drawn from the posterior, `spread` times as wide.

        The draws depend on the version alone: the same for every request, so that a list needs no more than the version to be
        made again.
        """
        noise = np.random.default_rng(self.version).standard_normal((models, len(self.mean)))
        weights = self.mean + spread * noise @ self._root.T
        return _rows_times(contexts, weights)

    def upper(self, contexts: NDArray[np.float32], alpha: float) -> NDArray[np.float64]:
        """Upper confidence bounds [n, 1] of contexts [n, d]."""
        spread = np.sqrt(np.maximum((_rows_times(contexts, self.covariance) * contexts).sum(axis=1), 0.0))
        return np.asarray(_rows_times(contexts, self.mean[None, :])[:, 0] + alpha * spread)[:, None]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the shown items add up to, forgotten exponentially: X'X [d, d], X'(r - mean r) [d], and how many were accepted."""

    precision: NDArray[np.float64]
    response: NDArray[np.float64]
    shown: float = 0.0
    accepted: float = 0.0

    @classmethod
    def none(cls) -> Evidence:
        return cls(np.zeros((len(CONTEXT), len(CONTEXT))), np.zeros(len(CONTEXT)))

    @property
    def rate(self) -> float:
        """Mean acceptance: contexts are standardised in each list, so the level of all items is no weight's to explain."""
        return self.accepted / self.shown if self.shown else 0.0

    def later(self, contexts: NDArray[np.float32], rewards: NDArray[np.float64], forgetting: float) -> Evidence:
        """With more shown items: contexts [m, d], rewards [m]."""
        kept, x, m = forgetting ** len(rewards), contexts.astype(np.float64), len(rewards)
        shown, accepted = kept * self.shown + m, kept * self.accepted + float(rewards.sum())
        centred = rewards - (accepted / shown if shown else 0.0)
        return Evidence(kept * self.precision + x.T @ x, kept * self.response + x.T @ centred, shown, accepted)


class LinearBandit:
    """Learns the posterior from shown items and what came of them. Not thread-safe; deterministic in the order of the items."""

    def __init__(self, config: BanditConfig | None = None) -> None:
        self.config = config or BanditConfig()
        self.version = 0
        self.evidence = Evidence.none()
        self._prior = _prior_mean(self.config)
        self._mean = self._prior  # as published

    def resume(self, published: Posterior, evidence: Evidence) -> None:
        """Go on from what an earlier process published."""
        self.version, self._mean, self.evidence = published.version, published.mean, evidence

    def learn(self, contexts: NDArray[np.float32], rewards: NDArray[np.float64]) -> None:
        """From shown items: contexts [m, d], and 1 for each that was accepted, else 0 [m]."""
        self.evidence = self.evidence.later(contexts, rewards, self.config.forgetting)

    def posterior(self) -> Posterior:
        """The next version. Its mean is at most `max_step` from that of the version before."""
        d, ridge = len(CONTEXT), self.config.ridge
        precision = self.evidence.precision + ridge * np.eye(d)
        covariance: NDArray[np.float64] = np.asarray(np.linalg.inv(precision), dtype=np.float64)
        step = covariance @ (self.evidence.response + ridge * self._prior) - self._mean
        length = float(np.linalg.norm(step))
        self._mean = self._mean + step * min(1.0, self.config.max_step / max(length, 1e-12))
        self.version += 1
        noise = max(self.evidence.rate * (1.0 - self.evidence.rate), 1e-4)  # variance of one answer
        return Posterior(self.version, self._mean, np.multiply(noise, covariance))

    def release_order(self) -> Posterior:
        """The next version, which is the prior again: what the guard falls back to."""
        self.evidence = Evidence.none()
        self._mean = self._prior
        self.version += 1
        return Posterior(self.version, self._prior, PRIOR_NOISE * np.eye(len(CONTEXT)) / self.config.ridge)


def contexts_of(
    scores: NDArray[np.float32], features: NDArray[np.float32], names: tuple[str, ...], pool: int
) -> NDArray[np.float32]:
    """CONTEXT [min(pool, n), d] of the pool best of scores [n], best first, each column standardised over them.

    `features` [n, len(names)]; one that nobody attached, or that is the same for all, is 0.
    """
    at = best(scores, pool)
    out = np.zeros((len(at), len(CONTEXT)), dtype=np.float64)
    for column, name in enumerate(CONTEXT):
        if name == SCORE:
            out[:, column] = scores[at]
        elif name in names:
            out[:, column] = features[at, names.index(name)]
    if len(at):
        spread = out.std(axis=0)
        out = np.where(spread > 1e-9, (out - out.mean(axis=0)) / np.maximum(spread, 1e-9), 0.0)
    return out.astype(np.float32)


def _prior_mean(config: BanditConfig) -> NDArray[np.float64]:
    mean = np.zeros(len(CONTEXT))
    mean[CONTEXT.index(SCORE)] = config.prior_weight
    return mean


def _rows_times(contexts: NDArray[np.float32], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """contexts [n, d] times weights [m, d], transposed: [n, m].

    Summed feature by feature and not by BLAS, whose last bits depend on shapes and machine: a list is made again bit for bit.
    """
    out = np.zeros((len(contexts), len(weights)))
    for column in range(contexts.shape[1]):
        out += contexts[:, column, None].astype(np.float64) * weights[None, :, column]
    return out
