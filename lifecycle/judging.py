"""How a release is judged: successive prediction of later events over the whole catalogue, against popularity."""

from __future__ import annotations

from collections.abc import Sequence
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
from ranking.candidate_features import CANDIDATE_FEATURES, candidate_features
from ranking.ranker import Ranker
from retrieval.encoder import UserEncoder

PROTOCOL = (
    "Successive prediction: events later than everything that the release, or a choice about it, has seen are predicted one "
    "by one from what their users did before, ranked in the whole catalogue without what the user consumed, ties broken by a "
    "hash. Popularity is the stronger of recent and all-time. Intervals: bootstrap over users, 95 %."
)
QUERIES = 4000  # at most this many events of a period are predicted, drawn evenly: seconds instead of minutes


@dataclass(frozen=True, eq=False)
class Retriever:
    """The towers as they are served: user features to the best unseen catalogue rows."""

    encoder: UserEncoder
    catalogue: Catalogue
    candidates: int

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        """Inner products [queries, items]; a row of zeros for a user without history."""
        users = [query.user or UserFeatures(query.user_id) for query in queries]
        return self.encoder.encode_many(users) @ self.encoder.embeddings.T

    def best(self, scores: NDArray[np.float32], query: LabelledQuery) -> NDArray[np.intp]:
        """The candidate rows for one query's scores [items], best first."""
        unseen = scores.copy()
        unseen[query.excluded(self.catalogue)] = -np.inf
        count = min(self.candidates, len(unseen))
        top = np.argpartition(-unseen, count - 1)[:count]
        top = top[np.argsort(-unseen[top], kind="stable")]
        return top[np.isfinite(unseen[top])]


@dataclass(frozen=True, eq=False)
class Candidate:
    """What a release would serve: retrieval, the ranker, and which of the two has the last word."""

    retriever: Retriever
    ranker: Ranker
    scorer: str  # lambdamart or retrieval


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
    most: int = QUERIES,
    seed: int = 0,
    profiles: Profiles | None = None,
) -> list[LabelledQuery]:
    return list(labelled_queries(interactions, catalogue, start, end, most, seed, profiles))


def ranking_rows(found: Sequence[LabelledQuery], retriever: Retriever, stats: ItemStats) -> RankingRows:
    """Candidates of the queries whose next film retrieval found; the ranker cannot learn from the others."""
    features, relevant, groups = [np.empty((0, len(CANDIDATE_FEATURES)), np.float32)], [np.empty(0, np.int8)], []
    pairs = zip(found, retriever.scores(found), strict=True)
    for query, scores in tqdm(pairs, "candidates", len(found), leave=False, disable=None):
        rows = retriever.best(scores, query)
        if query.user is None or query.target not in rows:
            continue
        features.append(_features(query, rows, scores[rows], retriever, stats))
        relevant.append((rows == query.target).astype(np.int8))
        groups.append(len(rows))
    return RankingRows(np.concatenate(features), np.concatenate(relevant), groups)


def judge(
    interactions: pl.DataFrame, candidate: Candidate, start: float, end: float, profiles: Profiles | None = None
) -> Judgement:
    """Predict the events of a period with everything known before each, and compare with popularity and retrieval alone.

    Raises DatasetError for a period without an event on an item of the catalogue.
    """
    retriever = candidate.retriever
    catalogue = retriever.catalogue
    found = queries(interactions, catalogue, start, end, profiles=profiles)
    if not found:
        raise DatasetError(f"no event on a known item lies from {start:.0f} to {end:.0f}: there is nothing to judge by")
    stats = item_stats(interactions, catalogue, start)
    towers = retriever.scores(found)

    def by_towers(at: int, query: LabelledQuery) -> NDArray[np.float32]:
        return stats.recent if query.user is None else towers[at]

    def as_served(at: int, query: LabelledQuery) -> NDArray[np.intp]:
        if query.user is None:
            return stats.popular_rows(retriever.candidates)
        rows = retriever.best(towers[at], query)
        if candidate.scorer == "retrieval":
            return rows
        ranked = candidate.ranker.score(_features(query, rows, towers[at][rows], retriever, stats))
        return rows[np.argsort(-ranked, kind="stable")]

    popular = _best_popularity(found, stats, catalogue)
    retrieval = judge_full("two towers", found, by_towers, catalogue)
    served = judge_lists("as served", found, as_served)
    return _judgement(found, stats, served, retrieval, popular)


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


def _features(
    query: LabelledQuery, rows: NDArray[np.intp], scores: NDArray[np.float32], retriever: Retriever, stats: ItemStats
) -> NDArray[np.float32]:
    return candidate_features(query.user, rows, scores, retriever.catalogue, stats, retriever.encoder.embeddings)
