"""Chooses the weights of the transitions and of the spectral channel by how well the blend with the towers predicts.

The weights are chosen on events of the data set itself that neither the towers nor the counts have seen, because no weight is
best for all data. With many events per user the towers are better; with a shop's few baskets per user, the counts are
(docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from core.catalogue import Catalogue
from evaluation.metrics import ndcg
from evaluation.queries import LabelledQuery, ties_for
from evaluation.ranking import K, ranks_of
from evaluation.two_tower import tower_scores
from retrieval.training import TrainedTowers
from retrieval.transitions import Transitions

TRANSITION_WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)  # from the towers alone to hardly anything but counts
SPECTRAL_WEIGHTS = (0.0, 0.1, 0.2, 0.4, 0.8, 1.6)
MAX_QUERIES = 2_000  # used to choose the weights
_BATCH = 128  # queries whose scores of the whole catalogue are held at a time

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Blend:
    """The chosen weights, and the NDCG@10 of every pair that was tried: (spectral, transitions) -> NDCG@10."""

    spectral: float
    transitions: float
    tried: dict[tuple[float, float], float]

    def __str__(self) -> str:
        chosen = self.tried[self.spectral, self.transitions]
        alone = max((figure for (_, weight), figure in self.tried.items() if not weight), default=0.0)
        return (
            f"transitions weigh {self.transitions:g} beside the towers, the spectral channel {self.spectral:g} in them: "
            f"NDCG@10 {chosen:.4f} on later events, towers alone {alone:.4f}"
        )


def standardised(scores: Scores) -> Scores:
    """Scores [m, n] of users by items in units of each user's spread over the items; a constant row becomes zeros."""
    centred = scores - scores.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    return np.asarray(np.where(spread > 0, centred / np.maximum(spread, 1e-9), 0.0), dtype=np.float32)


def blend(towers: Scores, counts: Scores, weight: float) -> Scores:
    """Both [m, n] in units of their spread, the counts times `weight`. The scorer `retrieval` does this for candidates."""
    return standardised(towers) + np.float32(weight) * standardised(counts)


def choose_blend(
    trained: TrainedTowers, transitions: Transitions, queries: Sequence[LabelledQuery], catalogue: Catalogue
) -> Blend:
    """The weights with the highest NDCG@10 on these queries; ties go to the smallest. Sets the spectral weight of the towers.

    Queries of users without history are not used. If there are no others, the configured weights are kept and nothing is scored.
    """
    warm = _drawn([query for query in queries if query.user is not None])
    configured = trained.spectral_weight
    spectral = sorted({*SPECTRAL_WEIGHTS, configured}) if trained.has_spectral else [configured]
    if not warm:
        return Blend(configured, 0.0, {(configured, 0.0): 0.0})
    gains = np.zeros((len(spectral), len(TRANSITION_WEIGHTS)))
    for start in tqdm(range(0, len(warm), _BATCH), "weights", leave=False, disable=None):
        gains += _gains(trained, transitions, warm[start : start + _BATCH], catalogue, spectral)
    figures = (gains / len(warm)).tolist()
    pairs = product(zip(spectral, figures, strict=True), enumerate(TRANSITION_WEIGHTS))
    tried = {(channel, weight): row[at] for (channel, row), (at, weight) in pairs}
    best = max(tried, key=lambda pair: (tried[pair], -pair[1], -pair[0]))
    trained.weigh_spectral(best[0])
    return Blend(*best, tried)


def _drawn(queries: Sequence[LabelledQuery]) -> list[LabelledQuery]:
    """At most MAX_QUERIES of them, evenly spaced from first to last."""
    if len(queries) <= MAX_QUERIES:
        return list(queries)
    return [queries[at] for at in np.linspace(0, len(queries) - 1, MAX_QUERIES).astype(int)]


def _gains(
    trained: TrainedTowers,
    transitions: Transitions,
    warm: Sequence[LabelledQuery],
    catalogue: Catalogue,
    spectral: Sequence[float],
) -> NDArray[np.float64]:
    """The sums of NDCG@10 over these queries: a row for each spectral weight, a column for each of TRANSITION_WEIGHTS."""
    users = [query.user for query in warm if query.user is not None]
    counts = standardised(transitions.scores_of(users, catalogue))
    ties = np.stack([ties_for(query.user_id, catalogue) for query in warm])
    excluded = [query.excluded(catalogue) for query in warm]
    targets = np.array([query.target for query in warm], dtype=np.intp)
    gains = np.zeros((len(spectral), len(TRANSITION_WEIGHTS)))
    for row, channel in enumerate(spectral):
        trained.weigh_spectral(channel)
        towers = standardised(tower_scores(trained, users, catalogue))
        for at, weight in enumerate(TRANSITION_WEIGHTS):
            ranks = ranks_of(towers + np.float32(weight) * counts, targets, excluded, ties)
            gains[row, at] = float(ndcg(ranks, K).sum())
    return gains
