"""How a release is judged: successive prediction of later events over the whole catalogue, against popularity.

The lists are those of the recommender that will serve them: same policy, same parts, same filters. Only exploration is off,
because what it costs is a choice and no property of the release, and statistics are as of the start of the period.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from tqdm import tqdm

from core.catalogue import Catalogue, ItemStats
from core.errors import DatasetError
from core.features import Profiles, UserFeatures
from evaluation.metrics import ndcg
from evaluation.offline import Judged, K, judge_full, judge_lists, lift, markdown
from evaluation.queries import LabelledQuery, labelled_queries
from feature_repo.item_stats import item_stats
from ranking.candidate_features import CANDIDATE_FEATURES
from recommender.live import Snapshot
from recommender.policy import Policy
from recommender.recommender import Offline
from recommender.roles import Page, Query

PROTOCOL = (
    "Successive prediction: events later than everything that the release, or a choice about it, has seen are predicted one "
    "by one from what their users did before, ranked in the whole catalogue without what the user consumed, ties broken by a "
    "hash. The lists are the serving pipeline's own, without exploration. Popularity is the stronger of recent and all-time. "
    "Intervals: bootstrap over users, 95 %."
)
MAX_QUERIES = 4000  # at most this many events of a period are predicted, drawn evenly: seconds instead of minutes
DEPTH = 200  # positions of the lists that are judged


@dataclass(frozen=True, eq=False)
class RankingRows:
    """Training rows of the ranker: features [n, F], relevant [n], and how many rows each query has."""

    features: NDArray[np.float32]
    relevant: NDArray[np.int8]
    groups: list[int]


@dataclass(frozen=True)
class Judgement:
    """The figures of a release, and a table that shows them beside the alternatives."""

    metrics: dict[str, float]
    table: str


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


def ranking_rows(found: Sequence[LabelledQuery], now: Snapshot, policy: Policy) -> RankingRows:
    """The policy's own candidates for those queries whose next film is among them; the ranker cannot learn from the others."""
    features, relevant, groups = [np.empty((0, len(CANDIDATE_FEATURES)), np.float32)], [np.empty(0, np.int8)], []
    known = [query for query in found if query.user is not None]
    with Offline(now, policy) as offline:
        made = offline.candidates(_asked(known, DEPTH))
        for query, candidates in zip(known, tqdm(made, "candidates", len(known), leave=False, disable=None), strict=True):
            hit = candidates.rows[candidates.primary] == query.target
            if hit.any():
                features.append(candidates.features.matrix(CANDIDATE_FEATURES)[candidates.primary])
                relevant.append(hit.astype(np.int8))
                groups.append(len(hit))
    return RankingRows(np.concatenate(features), np.concatenate(relevant), groups)


def judge(
    interactions: pl.DataFrame, release: Snapshot, policy: Policy, start: float, end: float, profiles: Profiles | None = None
) -> Judgement:
    """Predict the events of a period with everything known before each, and compare with popularity and the towers alone.

    Raises DatasetError for a period without an event on an item of the catalogue.
    """
    catalogue = release.catalogue
    found = queries(interactions, catalogue, start, end, profiles=profiles)
    if not found:
        raise DatasetError(f"no event on a known item lies from {start:.0f} to {end:.0f}: there is nothing to judge by")
    stats = item_stats(interactions, catalogue, start)
    lists = _served(found, release.with_stats(stats), policy)
    served = judge_lists("as served", found, lambda at, _: lists[at])
    towers = _tower_scores(found, release)
    retrieval = judge_full("two towers", found, lambda at, query: stats.recent if query.user is None else towers[at], catalogue)
    return _judgement(found, stats, served, retrieval, _best_popularity(found, stats, catalogue))


def _asked(found: Iterable[LabelledQuery], depth: int) -> Iterator[Query]:
    """The labelled queries as the requests that they would have been."""
    for number, query in enumerate(found):
        yield Query(f"judged-{number}", query.user_id, query.ts, seed=number, user=query.user, page=Page(depth))


def _served(found: Sequence[LabelledQuery], now: Snapshot, policy: Policy) -> list[NDArray[np.intp]]:
    """The list of each query, as rows."""
    with Offline(now, policy.greedy()) as offline:
        made = offline.recommend(_asked(found, DEPTH))
        return [one.selection.rows for one in tqdm(made, "as served", len(found), leave=False, disable=None)]


def _tower_scores(found: Sequence[LabelledQuery], release: Snapshot) -> NDArray[np.float32]:
    """Inner products [queries, items]; a row of zeros for a user without history."""
    users = [query.user or UserFeatures(query.user_id) for query in found]
    return release.encoder.encode_many(users) @ release.item_vectors.T


def _best_popularity(found: Sequence[LabelledQuery], stats: ItemStats, catalogue: Catalogue) -> Judged:
    """The stronger of recent and all-time popularity on these very queries: a floor that was not picked to be low."""
    both = (
        judge_full("popular now", found, lambda *_: stats.recent, catalogue),
        judge_full("popular ever", found, lambda *_: stats.n_events, catalogue),
    )
    return max(both, key=lambda judged: float(ndcg(judged.ranks, K).mean()))


def _judgement(found: Sequence[LabelledQuery], stats: ItemStats, served: Judged, retrieval: Judged, popular: Judged) -> Judgement:
    popularity = stats.n_events[[query.target for query in found]].astype(np.float64)
    names = {"": served, "retrieval_": retrieval, "popularity_": popular}
    summaries = {prefix: judged.summary("", popularity, len(stats.n_events)) for prefix, judged in names.items()}
    metrics = {prefix + name: value for prefix, summary in summaries.items() for name, value in summary.items()}
    over_popularity = lift(served, popular, found)
    over_retrieval = lift(served, retrieval, found)
    warm = np.array([query.user is not None for query in found], dtype=np.bool_)
    metrics |= {
        "lift": over_popularity.mean,
        "lift_low": over_popularity.low,
        "lift_high": over_popularity.high,
        "ranking_lift": over_retrieval.mean,
        "ranking_lift_low": over_retrieval.low,
        "ranking_lift_high": over_retrieval.high,
        "warm_ndcg@10": float(ndcg(served.ranks[warm], K).mean()) if warm.any() else 0.0,
        "retrieval_hr@200": float((retrieval.ranks < 200).mean()),
        "queries": float(len(found)),
        "users": float(len({query.user_id for query in found})),
        "warm_share": float(warm.mean()),
    }
    table = markdown({judged.name: summaries[prefix] for prefix, judged in names.items()})
    return Judgement(metrics, table)
