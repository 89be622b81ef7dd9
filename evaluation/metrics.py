"""Metrics by name: how good a ranking with one relevant item per query is, and properties of the shown lists.

A metric is requested as "name@k" ("ndcg@10", for any k); `METRICS` contains all of them. With one relevant item DCG is
1 / log2(rank + 2) and the ideal is 1, so NDCG needs no more than the rank.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.catalogue import Catalogue
from core.errors import InvalidInput
from evaluation.beyond import ShownRows, coverage, intra_list_diversity, miscalibration, novelty
from evaluation.queries import LabelledQuery
from evaluation.ranking import NOT_FOUND, Ranked

Ranks = NDArray[np.int64]
Values = NDArray[np.float64]
_REQUEST = re.compile(r"(?P<name>[a-z_]+)(?:@(?P<k>[1-9][0-9]*))?")


@dataclass(frozen=True, eq=False)
class Facts:
    """What a metric may use besides the ranking: facts about m queries and n items as of the end of training."""

    target_counts: Values  # [m] events of each query's target; 0 is a cold item
    item_counts: Values  # [n] events of each item
    genres: NDArray[np.float32]  # [n, G] of 0 and 1
    histories: Sequence[NDArray[np.intp]]  # per query [m]: the rows that its user had consumed

    @classmethod
    def of(cls, queries: Sequence[LabelledQuery], item_counts: Values, catalogue: Catalogue) -> Facts:
        targets = np.array([query.target for query in queries], dtype=np.intp)
        histories = [query.excluded(catalogue) for query in queries]
        return cls(item_counts[targets], item_counts, catalogue.genres, histories)


Part = tuple[Ranked, Facts]  # how the queries of one fold were ranked, and the facts as of its training


@dataclass(frozen=True)
class RankMetric:
    """A metric of the targets' ranks. The queries of all parts are pooled."""

    name: str
    description: str
    paper: str
    of: Callable[[Ranks, Values, int], float]  # ranks [m], target counts [m] and the cut-off
    needs_cutoff: bool = True

    def value(self, parts: Sequence[Part], k: int) -> float:
        ranks = np.concatenate([ranked.ranks for ranked, _ in parts])
        counts = np.concatenate([facts.target_counts for _, facts in parts])
        return self.of(ranks, counts, k) if len(ranks) else 0.0


@dataclass(frozen=True)
class ListMetric:
    """A metric of the shown lists. Each part is measured with its own facts; the mean is weighted by number of queries."""

    name: str
    description: str
    paper: str
    of: Callable[[ShownRows, Facts], float]  # the lists [m, k] cut at k
    needs_cutoff: bool = True

    def value(self, parts: Sequence[Part], k: int) -> float:
        """Raises InvalidInput for lists that are shorter than k."""
        length = min(ranked.shown.shape[1] for ranked, _ in parts)
        if k > length:
            raise InvalidInput(f"k of {self.name}", k, f"1 to {length}, the length of the lists that were kept")
        sizes = [len(ranked.ranks) for ranked, _ in parts]
        values = [self.of(ranked.shown[:, :k], facts) for ranked, facts in parts]
        return float(np.average(values, weights=sizes)) if sum(sizes) else 0.0


Metric = RankMetric | ListMetric


def hit_rate(ranks: Ranks, k: int) -> Values:
    """1 where the item is in the top k. `ranks` [n] start at 0."""
    return (ranks < k).astype(np.float64)


def ndcg(ranks: Ranks, k: int) -> Values:
    """Discounted gain per query [n]: 1 at the top, 0 from position k on."""
    inside = ranks < k
    return np.where(inside, 1.0 / np.log2(np.where(inside, ranks, 0) + 2.0), 0.0)


def reciprocal_rank(ranks: Ranks, k: int = NOT_FOUND) -> Values:
    """1 / (rank + 1) per query [n]; 0 from position k on, and for an item that was not found."""
    inside = ranks < k
    return np.where(inside, 1.0 / (np.where(inside, ranks, 0) + 1.0), 0.0)


def popularity_debiased(values: Values, popularity: Values) -> float:
    """The mean of per-query values [n], weighted by 1 / popularity of the target (at least 1), self-normalised."""
    weights = 1.0 / np.maximum(popularity, 1.0)
    return float((values * weights).sum() / weights.sum()) if len(values) else 0.0


def _mean(per_query: Callable[[Ranks, int], Values]) -> Callable[[Ranks, Values, int], float]:
    return lambda ranks, _, k: float(per_query(ranks, k).mean())


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        RankMetric(
            "hr", "Share of queries with the target in the top k; with one relevant item also recall.", "", _mean(hit_rate)
        ),
        RankMetric("ndcg", "Gain of the target, discounted by its rank.", "Jaervelin and Kekaelaeinen, TOIS 2002", _mean(ndcg)),
        RankMetric(
            "mrr", "Mean of 1 / rank; without @k every rank counts.", "Voorhees, TREC-8 1999", _mean(reciprocal_rank), False
        ),
        RankMetric("map", "Average precision; with one relevant item 1 / rank in the top k.", "", _mean(reciprocal_rank)),
        RankMetric(
            "debiased_ndcg",
            "NDCG weighted by 1 / popularity of the target: self-normalised inverse propensities.",
            "Yang et al., RecSys 2018",
            lambda ranks, counts, k: popularity_debiased(ndcg(ranks, k), counts),
        ),
        ListMetric(
            "coverage", "Share of the catalogue in any list.", "", lambda shown, facts: coverage(shown, len(facts.item_counts))
        ),
        ListMetric(
            "novelty",
            "Mean of -log2 of the shown items' share of the events, in bits.",
            "Vargas and Castells, RecSys 2011",
            lambda shown, facts: novelty(shown, facts.item_counts),
        ),
        ListMetric(
            "diversity",
            "Mean cosine distance of genres between two items of a list.",
            "Ziegler et al., WWW 2005",
            lambda shown, facts: intra_list_diversity(shown, facts.genres),
        ),
        ListMetric(
            "miscalibration",
            "Divergence of the list's genres from the history's, in nats.",
            "Steck, RecSys 2018",
            lambda shown, facts: miscalibration(shown, facts.histories, facts.genres),
        ),
    )
}


def requested(name: str) -> tuple[Metric, int]:
    """The metric and the cut-off that "name@k" asks for. Raises InvalidInput that lists the known metrics."""
    match = _REQUEST.fullmatch(name)
    metric = METRICS.get(match["name"]) if match else None
    if match is None or metric is None or (metric.needs_cutoff and not match["k"]):
        known = ", ".join(f"{one.name}@k" if one.needs_cutoff else one.name for one in METRICS.values())
        raise InvalidInput("metric", name, known)
    return metric, int(match["k"] or NOT_FOUND)


def max_cutoff(names: Sequence[str]) -> int:
    """How long the shown lists must be for these metrics, at least 1."""
    wanted = [requested(name) for name in names]
    return max([1, *(k for metric, k in wanted if isinstance(metric, ListMetric))])


def measure(names: Sequence[str], parts: Sequence[Part]) -> dict[str, float]:
    """The named metrics over all parts, which are usually folds; every metric of no queries is 0."""
    wanted = {name: requested(name) for name in names}
    return {name: metric.value(parts, k) for name, (metric, k) in wanted.items()}
