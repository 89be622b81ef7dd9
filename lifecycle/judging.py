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
from evaluation.comparison import lift
from evaluation.metrics import Facts, measure, ndcg
from evaluation.queries import LabelledQuery, labelled_queries
from evaluation.ranking import FixedScores, K, Ranked, rank_all, rank_lists
from evaluation.report import markdown
from feature_repo.item_stats import item_stats
from ranking.candidate_features import CANDIDATE_FEATURES, candidate_features
from ranking.ranker import Ranker
from retrieval.encoder import UserEncoder

PROTOCOL = (
    "Successive prediction: events later than everything that the release, or a choice about it, has seen are predicted one "
    "by one from what their users did before, ranked in the whole catalogue without what the user consumed, ties broken by a "
    "hash. Popularity is the stronger of recent and all-time. Intervals: bootstrap over users, 95 %."
)
JUDGED = ("hr@10", "ndcg@10", "mrr", "debiased_ndcg@10", "coverage@10")
MAX_QUERIES = 4000  # at most this many events of a period are predicted, drawn evenly: seconds instead of minutes


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
class WithFallback:
    """The retriever as a scorer of the whole catalogue; users without history get the popularity [n]."""

    name: str
    retriever: Retriever
    popularity: NDArray[np.float32]

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        scores = self.retriever.scores(queries)
        scores[[query.user is None for query in queries]] = self.popularity
        return scores


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
    max_queries: int = MAX_QUERIES,
    seed: int = 0,
    profiles: Profiles | None = None,
) -> list[LabelledQuery]:
    return list(labelled_queries(interactions, catalogue, start, end, max_queries, seed, profiles))


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

    def as_served(at: int, query: LabelledQuery) -> NDArray[np.intp]:
        if query.user is None:
            return stats.popular_rows(retriever.candidates)
        rows = retriever.best(towers[at], query)
        if candidate.scorer == "retrieval":
            return rows
        ranked = candidate.ranker.score(_features(query, rows, towers[at][rows], retriever, stats))
        return rows[np.argsort(-ranked, kind="stable")]

    popular = _best_popularity(found, stats, catalogue)
    retrieval = rank_all(WithFallback("two towers", retriever, stats.recent), found, catalogue)
    served = rank_lists((as_served(at, query) for at, query in enumerate(found)), found, "as served")
    return _judgement(found, stats, catalogue, {"as served": served, "two towers": retrieval} | popular)


def _best_popularity(found: Sequence[LabelledQuery], stats: ItemStats, catalogue: Catalogue) -> dict[str, Ranked]:
    """The stronger of recent and all-time popularity on these very queries, by name: a floor that was not picked to be low."""
    both = (FixedScores("popular now", stats.recent), FixedScores("popular ever", stats.n_events))
    ranked = {scorer.name: rank_all(scorer, found, catalogue) for scorer in both}
    best = max(ranked, key=lambda name: float(ndcg(ranked[name].ranks, K).mean()))
    return {best: ranked[best]}


def _judgement(found: Sequence[LabelledQuery], stats: ItemStats, catalogue: Catalogue, ranked: dict[str, Ranked]) -> Judgement:
    """`ranked` are, in this order and by name, what is served, retrieval alone, and popularity."""
    facts = Facts.of(found, stats.n_events.astype(np.float64), catalogue)
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
    return Judgement(metrics, markdown(summaries))


def _features(
    query: LabelledQuery, rows: NDArray[np.intp], scores: NDArray[np.float32], retriever: Retriever, stats: ItemStats
) -> NDArray[np.float32]:
    return candidate_features(query.user, rows, scores, retriever.catalogue, stats, retriever.encoder.embeddings)
