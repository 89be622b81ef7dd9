"""Evaluates a release: successive prediction of later events over the whole catalogue, compared with popularity.

The lists are those of the recommender that will serve them: same policy, same parts, same filters. Only exploration is off,
because how much to explore is a choice and not a property of the release. What is popular is counted up to shortly before each
event, as it is when a release serves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.catalogue import Catalogue
from core.errors import DatasetError
from core.features import Profiles, UserFeatures
from core.progress import steps
from evaluation.beyond import popularity_shares
from evaluation.comparison import lift
from evaluation.metrics import Facts, measure, ndcg
from evaluation.queries import LabelledQuery, labelled_queries
from evaluation.ranking import K, Ranked, rank_all, rank_lists
from evaluation.report import markdown
from feature_repo.stats_over_time import StatsOverTime
from ranking.candidate_features import CANDIDATE_FEATURES
from ranking.ranking_rows import RankingRows
from recommender.live import Snapshot
from recommender.policy import Policy
from recommender.recommender import Offline
from recommender.roles import Page, Query
from retrieval.popularity_prior import EVER, RECENT

PROTOCOL = (
    "Successive prediction: events later than everything that the release, or a choice about it, has seen are predicted one "
    "by one from what their users did before, ranked in the whole catalogue without what the user consumed, ties broken by a "
    "hash. The lists are the serving pipeline's own, without exploration. Popularity is the stronger of recent and all-time, and "
    "like all statistics it is counted anew ten times within the period. "
    "Intervals: bootstrap over users, 95 %."
)
JUDGED = ("hr@10", "ndcg@10", "mrr", "debiased_ndcg@10", "coverage@10")
MAX_QUERIES = 4000  # at most this many events of a period are predicted, drawn evenly: seconds instead of minutes
DEPTH = 200  # positions of the lists that are judged
TAKEN_UP = "taken up"  # the events themselves, beside what lists show


@dataclass(frozen=True)
class Judgement:
    """The figures of a release, and a table that shows them beside the alternatives.

    `popularity`: of what each of them shows, and of what people took up, the share by tenth of the items, the most popular last.
    """

    metrics: dict[str, float]
    table: str
    popularity: dict[str, list[float]]


def queries(
    interactions: pl.DataFrame,
    catalogue: Catalogue,
    start: float,
    end: float,
    max_queries: int = MAX_QUERIES,
    seed: int = 0,
    profiles: Profiles | None = None,
) -> list[LabelledQuery]:
    return list(labelled_queries(interactions, catalogue, start, end, max_queries, seed, profiles))


def ranking_rows(
    found: Sequence[LabelledQuery], now: Snapshot, policy: Policy, followed: pl.DataFrame | None = None
) -> RankingRows:
    """The candidates that the policy has ranked, for those queries whose next item is among them: others teach a ranker nothing.

    `followed` are all events, where what is popular is counted as they come. Else the statistics are those of `now`.
    """
    features, relevant = [np.empty((0, len(CANDIDATE_FEATURES)), np.float32)], [np.empty(0, np.int8)]
    groups: list[int] = []
    weights: list[float] = []
    known = [query for query in found if query.user is not None]
    stats = StatsOverTime([now.stats]) if followed is None else over(known, followed, now.catalogue)
    progress = steps("candidates", len(known))
    for then, part in as_time_passes(known, now, stats):
        with Offline(then, policy.greedy()) as offline:
            for query, candidates in zip(part, offline.candidates(requests(part, DEPTH)), strict=True):
                progress.update()
                hit = candidates.rows[candidates.ranked] == query.target
                if hit.any():
                    features.append(candidates.features.matrix(CANDIDATE_FEATURES)[candidates.ranked])
                    relevant.append(hit.astype(np.int8))
                    groups.append(len(hit))
                    weights.append(query.weight)
    progress.close()
    counts = np.array(groups, dtype=np.int64)
    counted = np.array(weights, dtype=np.float32)
    return RankingRows(CANDIDATE_FEATURES, np.concatenate(features), np.concatenate(relevant), counts, counted)


def over(found: Sequence[LabelledQuery], interactions: pl.DataFrame, catalogue: Catalogue) -> StatsOverTime:
    """Statistics from shortly before each of the queries."""
    return StatsOverTime.over(interactions, catalogue, [query.ts for query in found])


def as_time_passes(
    found: Sequence[LabelledQuery], now: Snapshot, stats: StatsOverTime
) -> Iterator[tuple[Snapshot, Sequence[LabelledQuery]]]:
    """Queries that follow on each other, with the release as it would have served them: its statistics from before them."""
    pairs = zip(stats.at([query.ts for query in found]).tolist(), found, strict=True)
    for moment, part in groupby(pairs, key=itemgetter(0)):
        yield now.with_stats(stats.stats[moment]), [query for _, query in part]


def judge(
    interactions: pl.DataFrame, release: Snapshot, policy: Policy, start: float, end: float, profiles: Profiles | None = None
) -> Judgement:
    """Predict the events of a period with everything known before each, and compare with popularity and the towers alone.

    Raises DatasetError for a period without an event on an item of the catalogue.
    """
    catalogue = release.catalogue
    found, stats = _period(interactions, catalogue, start, end, profiles)
    served = rank_lists(_served(found, release, stats, policy), found, "as served")
    popular = {one.name: one for one in (Popularity("popular now", stats, RECENT), Popularity("popular ever", stats, EVER))}
    retrieval = rank_all(TowerScorer(release, popular["popular now"]), found, catalogue)
    ranked = {name: rank_all(scorer, found, catalogue) for name, scorer in popular.items()}
    best = max(ranked, key=lambda name: float(ndcg(ranked[name].ranks, K).mean()))  # not a baseline chosen to be weak
    return _judgement(found, stats, catalogue, {"as served": served, "two towers": retrieval, best: ranked[best]})


def compare(
    interactions: pl.DataFrame,
    release: Snapshot,
    policies: Mapping[str, Policy],
    start: float,
    end: float,
    profiles: Profiles | None = None,
) -> dict[str, float]:
    """NDCG@10 of the lists that each policy would have served in a period, by name: what a choice between them needs.

    The same figures as `judge` has, without the alternatives and the intervals. Raises DatasetError as `judge` does.
    """
    found, stats = _period(interactions, release.catalogue, start, end, profiles)
    return {
        name: float(ndcg(rank_lists(_served(found, release, stats, policy), found, name).ranks, K).mean())
        for name, policy in policies.items()
    }


@dataclass(frozen=True, eq=False)
class Popularity:
    """By how many users items were liked before each query, as a scorer."""

    name: str
    stats: StatsOverTime
    counted: str  # RECENT or EVER

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        counts = np.stack([one.recent if self.counted == RECENT else one.users for one in self.stats.stats])
        return np.asarray(counts[self.stats.at([query.ts for query in queries])])


@dataclass(frozen=True, eq=False)
class TowerScorer:
    """The towers alone as a scorer of the whole catalogue; users without history get what is popular."""

    release: Snapshot
    popularity: Popularity
    name: str = "two towers"

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        users = [query.user or UserFeatures(query.user_id) for query in queries]
        scores = self.release.encoder.encode_many(users) @ self.release.item_vectors.T
        unknown = np.array([query.user is None for query in queries], dtype=np.bool_)
        scores[unknown] = self.popularity.scores(queries)[unknown]
        return scores


def _period(
    interactions: pl.DataFrame, catalogue: Catalogue, start: float, end: float, profiles: Profiles | None
) -> tuple[list[LabelledQuery], StatsOverTime]:
    """The events to predict, and the statistics from before each. Raises DatasetError for a period without any."""
    found = queries(interactions, catalogue, start, end, profiles=profiles)
    if not found:
        raise DatasetError(f"no event on a known item lies from {start:.0f} to {end:.0f}: there is nothing to judge by")
    return found, over(found, interactions, catalogue)


def requests(found: Iterable[LabelledQuery], depth: int) -> Iterator[Query]:
    """The labelled queries as the requests that they would have been."""
    for number, query in enumerate(found):
        yield Query(f"judged-{number}", query.user_id, query.ts, seed=number, user=query.user, page=Page(depth))


def _served(found: Sequence[LabelledQuery], now: Snapshot, stats: StatsOverTime, policy: Policy) -> Iterator[NDArray[np.intp]]:
    """The list of each query, as rows."""
    for then, part in as_time_passes(found, now, stats):
        with Offline(then, policy.greedy()) as offline:
            for made in offline.recommend(requests(part, DEPTH)):
                yield made.selection.rows


def _judgement(
    found: Sequence[LabelledQuery], stats: StatsOverTime, catalogue: Catalogue, ranked: dict[str, Ranked]
) -> Judgement:
    """`ranked` are, in this order and by name, what is served, retrieval alone, and popularity."""
    facts = Facts.of(found, stats.stats[0].n_events.astype(np.float64), catalogue)
    summaries = {name: measure(JUDGED, [(one, facts)]) for name, one in ranked.items()}
    prefixes = zip(("", "retrieval_", "popularity_"), summaries.values(), strict=True)
    metrics = {prefix + name: value for prefix, summary in prefixes for name, value in summary.items()}
    served, retrieval, popular = ranked.values()
    users = np.array([query.user_id for query in found], dtype=np.int64)
    over_popularity = lift(served.ranks, popular.ranks, users)
    over_retrieval = lift(served.ranks, retrieval.ranks, users)
    warm = np.array([query.user is not None for query in found], dtype=np.bool_)
    metrics |= {
        "lift": over_popularity.mean,
        "lift_low": over_popularity.low,
        "lift_high": over_popularity.high,
        "ranking_lift": over_retrieval.mean,
        "ranking_lift_low": over_retrieval.low,
        "ranking_lift_high": over_retrieval.high,
        "warm_ndcg@10": float(ndcg(served.ranks[warm], K).mean()) if warm.any() else 0.0,
        "retrieval_hr@200": measure(["hr@200"], [(retrieval, facts)])["hr@200"],
        "queries": float(len(found)),
        "users": float(len(np.unique(users))),
        "warm_share": float(warm.mean()),
    }
    targets = np.array([query.target for query in found], dtype=np.intp)
    shown = {name: one.shown for name, one in ranked.items()} | {TAKEN_UP: targets}
    shares = {name: popularity_shares(rows, facts.item_counts).tolist() for name, rows in shown.items()}
    return Judgement(metrics, markdown(summaries), shares)
