"""Chooses how much transitions, EASE, popularity and the spectral channel weigh beside the towers, by how well it predicts.

The weights are chosen on events of the data set itself that none of them has seen, because no weight is best for all data. With
many events per user the towers are better; with a shop's few baskets per user, transitions are; where people consume much in no
particular order, EASE is, and where most people take what is popular, popularity (docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.catalogue import Catalogue
from core.progress import watched
from evaluation.metrics import ndcg
from evaluation.queries import LabelledQuery, ties_for
from evaluation.ranking import K, ranks_of
from feature_repo.stats_over_time import StatsOverTime
from retrieval.ease import EaseTable
from retrieval.history import history_of
from retrieval.popularity_prior import EVER, RECENT, PopularityWeight, priors
from retrieval.training import TrainedTowers
from retrieval.transitions import Transitions

RELATIVE_WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)  # from the towers alone to hardly anything but counts
SPECTRAL_WEIGHTS = (0.0, 0.1, 0.2, 0.4, 0.8, 1.6)
POPULAR = (RECENT, EVER)
RIDGES = (50.0, 300.0, 1500.0)  # regularisations of EASE that are compared
SHORT_HISTORY = 20  # events of a user below which newcomers' weight is chosen
MIN_SHORT = 100  # queries with a short history, below which nothing is known of newcomers
MAX_QUERIES = 1_000  # used to choose the weights; with twice as many they came out alike, in three times the time
_BATCH = 128  # queries whose scores of the whole catalogue are held at a time

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class BlendWeights:
    """The weights of the spectral channel in the towers, and of transitions, EASE and popularity beside them.

    `ridge` is EASE's own, `popular` how popularity is counted, and `newcomers` what it weighs in addition for new users
    (`retrieval.popularity_prior`).
    """

    spectral: float
    transitions: float = 0.0
    ease: float = 0.0
    ridge: float = RIDGES[1]
    popularity: float = 0.0
    popular: str = RECENT
    newcomers: float = 0.0

    @property
    def prior(self) -> PopularityWeight:
        """The weight of popularity."""
        return PopularityWeight(self.popularity, self.newcomers, self.popular)

    @property
    def counted(self) -> float:
        """How far this is from the towers alone; of two equally good blends the one nearer to them is chosen."""
        return self.transitions + self.ease + self.popularity + self.newcomers


@dataclass(frozen=True)
class Blend:
    """The chosen weights, and the NDCG@10 of all that were tried."""

    weights: BlendWeights
    tried: Mapping[BlendWeights, float]

    def __str__(self) -> str:
        chosen = self.weights
        alone = max((figure for weights, figure in self.tried.items() if not weights.counted), default=0.0)
        return (
            f"transitions weigh {chosen.transitions:g}, EASE {chosen.ease:g} (ridge {chosen.ridge:g}) and popularity "
            f"{chosen.popularity:g} ({chosen.popular}; for newcomers {chosen.newcomers:g} more) beside the towers, "
            f"the spectral channel {chosen.spectral:g} in them: "
            f"NDCG@10 {self.tried[chosen]:.4f} on later events, towers alone {alone:.4f}"
        )


def standardised(scores: Scores) -> Scores:
    """Scores [m, n] of users by items in units of each user's spread over the items; a constant row becomes zeros."""
    centred = scores - scores.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    return np.asarray(np.where(spread > 0, centred / np.maximum(spread, 1e-9), 0.0), dtype=np.float32)


def blend(towers: Scores, others: Iterable[tuple[float, Scores]]) -> Scores:
    """All [m, n] in units of their spread, each of the others times its weight; what `retrieval` does for candidates."""
    total = standardised(towers)
    for weight, scores in others:
        total += np.float32(weight) * standardised(scores)
    return total


def choose_blend(
    trained: TrainedTowers,
    transitions: Transitions,
    ease: Mapping[float, EaseTable],
    stats: StatsOverTime,
    queries: Sequence[LabelledQuery],
    catalogue: Catalogue,
) -> Blend:
    """The weights with the highest NDCG@10 on these queries; ties go to the smallest. Sets the spectral weight of the towers.

    `ease` has a table for each ridge, `stats` are from before the queries. All pairs of weights of the spectral
    channel and the transitions are tried; then, from the best pair on, the weights are improved one after the other until none
    gets better (coordinate ascent). Queries of users without history are not used. If there are no others, the configured weights
    are kept and nothing is scored. What popularity weighs more for newcomers is chosen last, on those with a short history.
    """
    known = [query for query in queries if query.user is not None]
    warm, short = _drawn(known), _drawn([query for query in known if _is_short(query)])
    start = BlendWeights(trained.spectral_weight, ridge=min(ease, default=RIDGES[1]))
    if not warm:
        return Blend(start, {start: 0.0})
    compared = _Compared(trained, transitions, ease, stats, warm, catalogue)
    spectral = sorted({*SPECTRAL_WEIGHTS, start.spectral}) if trained.has_spectral else [start.spectral]
    tried = compared.ndcg([replace(start, spectral=s, transitions=t) for s in spectral for t in RELATIVE_WEIGHTS])
    best, began = _best(tried, tried), None
    while best != began:
        began = best
        for axis in (_of_ease, _of_popularity, _of_transitions, _of_spectral):
            points = axis(best, sorted(ease), spectral)
            tried |= compared.ndcg([point for point in points if point not in tried])
            best = _best(points, tried)
    if len(short) >= MIN_SHORT:
        began = best
        on_short = _Compared(trained, transitions, ease, stats, short, catalogue).ndcg(_of_newcomers(best))
        best = _best(on_short, on_short)
        tried |= compared.ndcg([best]) if best != began else {}
    trained.weigh_spectral(best.spectral)
    return Blend(best, tried)


def _is_short(query: LabelledQuery) -> bool:
    return query.user is not None and len(query.user.item_ids) < SHORT_HISTORY


def _best(points: Iterable[BlendWeights], tried: Mapping[BlendWeights, float]) -> BlendWeights:
    return max(points, key=lambda point: (tried[point], -point.counted, -point.spectral))


def _of_ease(at: BlendWeights, ridges: Sequence[float], _spectral: Sequence[float]) -> list[BlendWeights]:
    others = [replace(at, ease=weight, ridge=ridge) for ridge in ridges for weight in RELATIVE_WEIGHTS[1:]]
    return [replace(at, ease=0.0), *others]


def _of_popularity(at: BlendWeights, _ridges: Sequence[float], _spectral: Sequence[float]) -> list[BlendWeights]:
    others = [replace(at, popularity=weight, popular=kind) for kind in POPULAR for weight in RELATIVE_WEIGHTS[1:]]
    return [replace(at, popularity=0.0), *others]


def _of_transitions(at: BlendWeights, _ridges: Sequence[float], _spectral: Sequence[float]) -> list[BlendWeights]:
    return [replace(at, transitions=weight) for weight in RELATIVE_WEIGHTS]


def _of_spectral(at: BlendWeights, _ridges: Sequence[float], spectral: Sequence[float]) -> list[BlendWeights]:
    return [replace(at, spectral=weight) for weight in spectral]


def _of_newcomers(at: BlendWeights) -> list[BlendWeights]:
    """Where popularity has no weight for everybody, the way of counting is still open."""
    kinds = (at.popular,) if at.popularity else POPULAR
    return [at, *(replace(at, newcomers=weight, popular=kind) for kind in kinds for weight in RELATIVE_WEIGHTS[1:])]


def _drawn(queries: Sequence[LabelledQuery]) -> list[LabelledQuery]:
    """At most MAX_QUERIES of them, evenly spaced from first to last."""
    if len(queries) <= MAX_QUERIES:
        return list(queries)
    return [queries[at] for at in np.linspace(0, len(queries) - 1, MAX_QUERIES).astype(int)]


class _Compared:
    """Scores the same queries with one set of weights after another. User vectors are computed once, scores in batches."""

    def __init__(
        self,
        trained: TrainedTowers,
        transitions: Transitions,
        ease: Mapping[float, EaseTable],
        stats: StatsOverTime,
        warm: Sequence[LabelledQuery],
        catalogue: Catalogue,
    ) -> None:
        self._items = trained.item_embeddings
        self._counted = transitions, ease
        over_time = [priors(one) for one in stats.stats]
        self._priors = {kind: np.stack([one[kind] for one in over_time]) for kind in POPULAR}
        self._moment = stats.at([query.ts for query in warm])
        self._events = np.array([len(query.user.item_ids) if query.user else 0 for query in warm])
        self._warm = warm
        self._catalogue = catalogue
        users = [query.user for query in warm if query.user is not None]
        histories = [history_of(user, catalogue, trained.config.history_length) for user in users]
        self._trained, self._spectral = trained.channels(histories)

    def ndcg(self, points: Sequence[BlendWeights]) -> dict[BlendWeights, float]:
        """NDCG@10 of each point."""
        gains = dict.fromkeys(points, 0.0)
        if points:
            for start in watched(range(0, len(self._warm), _BATCH), "weights, batches"):
                self._add(gains, slice(start, start + _BATCH))
        return {point: gain / len(self._warm) for point, gain in gains.items()}

    def _add(self, gains: dict[BlendWeights, float], part: slice) -> None:
        """Add the gains of some of the queries."""
        warm, (transitions, ease) = self._warm[part], self._counted
        users, catalogue = [query.user for query in warm], self._catalogue
        trained, spectral = self._trained[part] @ self._items.T, self._spectral[part] @ self._items.T
        towers = {weight: standardised(trained + np.float32(weight) * spectral) for weight in {one.spectral for one in gains}}
        votes = standardised(transitions.scores_of(users, catalogue))
        linear = {
            ridge: standardised(ease[ridge].scores_of(users, catalogue)) for ridge in {one.ridge for one in gains if one.ease}
        }
        ties = np.stack([ties_for(query.user_id, catalogue) for query in warm])
        excluded = [query.excluded(catalogue) for query in warm]
        targets = np.array([query.target for query in warm], dtype=np.intp)
        for point in gains:
            scores = towers[point.spectral] + np.float32(point.transitions) * votes
            if point.ease:
                scores += np.float32(point.ease) * linear[point.ridge]
            if point.prior:
                weights = point.prior.after(self._events[part])
                scores += weights[:, None] * self._priors[point.popular][self._moment[part]]
            gains[point] += float(ndcg(ranks_of(scores, targets, excluded, ties), K).sum())
