"""What each item of a user's history adds to the scores of a list, by leaving it out and scoring again.

Leave-one-out on the very sources and scorers that made the list (as in "influence" of an example; Koh and Liang 2017), so it
holds for any of them. An item is left out of the history that the user tower and the tables read and of the ranker's features
of it; counts and genre weights, which are sums over years, stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.features import UserFeatures
from recommender.candidates import Candidates
from recommender.live import Snapshot
from recommender.roles import Query
from recommender.runner import Pipeline

LATEST = 6  # items of the history that are left out in turn, the latest
VOTERS = 4  # and of the others those with the most votes for the list in the item-to-item tables


@dataclass(frozen=True, slots=True, eq=False)
class Influence:
    """`effects` [h, m]: by how much the score of each of m shown items falls without each of h items of the history."""

    items: NDArray[np.int64]  # [h] keys
    effects: NDArray[np.float32]


def influence(now: Snapshot, pipeline: Pipeline, query: Query, rows: NDArray[np.intp], scored: Candidates) -> Influence:
    """On shown catalogue rows [m]; `scored` are the query's candidates. Raises DependencyUnavailable.

    What may be shown stays as it is, so an item that is left out does not come back as a candidate. Where a shown item is no
    candidate any more, its effect is the least that it can be (`scores_of`).
    """
    user = query.user
    if user is None or not len(rows):
        return _nothing(rows)
    items = _examined(now, user, rows)
    if not len(items):
        return _nothing(rows)
    others = [without(user, item) for item in items.tolist()]
    vectors = now.encoder.encode_many(others)
    eligible, before = pipeline.eligible(query), scores_of(scored, rows)
    after = [
        scores_of(pipeline.scored(replace(query, user=one, user_vector=vector if vector.any() else None), eligible), rows)
        for one, vector in zip(others, vectors, strict=True)
    ]
    return Influence(items, before - np.stack(after))


def without(user: UserFeatures, item: int) -> UserFeatures:
    """The user as if nothing had ever happened with an item (its key)."""
    kept = user.item_ids != item
    return replace(
        user,
        item_ids=user.item_ids[kept],
        kinds=user.kinds[kept],
        values=user.values[kept],
        times=user.times[kept],
        consumed=user.consumed[user.consumed != item],
    )


def scores_of(candidates: Candidates, rows: NDArray[np.intp]) -> NDArray[np.float32]:
    """The scores of catalogue rows [m]. One that no source of the user's own found counts as the worst one that they found:
    what only fills up stands behind them by a distance that means nothing."""
    primary = np.flatnonzero(candidates.primary)
    if not len(primary):
        return np.zeros(len(rows), dtype=np.float32)
    scores = candidates.scores[primary]
    known = dict(zip(candidates.rows[primary].tolist(), scores.tolist(), strict=True))
    lowest = float(scores.min())
    return np.array([known.get(row, lowest) for row in rows.tolist()], dtype=np.float32)


def _examined(now: Snapshot, user: UserFeatures, rows: NDArray[np.intp]) -> NDArray[np.int64]:
    """Keys of the history's latest items, and of those with the most votes for the shown rows; none twice."""
    known = user.item_ids[now.catalogue.rows(user.item_ids) >= 0]
    latest = list(dict.fromkeys(known[::-1].tolist()))[:LATEST]
    votes: dict[int, float] = {}
    for table in (now.transitions, now.release.ease):
        if table is not None:
            voters, weights = table.votes_by_item(user, now.catalogue, rows)
            for item, total in _totals(now.catalogue.ids[voters], weights):
                votes[item] = max(votes.get(item, 0.0), total)
    voters_first = sorted((item for item in votes if item not in latest), key=lambda item: -votes[item])
    return np.array([*latest, *voters_first[:VOTERS]], dtype=np.int64)


def _totals(items: NDArray[np.int64], weights: NDArray[np.float32]) -> Sequence[tuple[int, float]]:
    """Each voter's share of all votes; negative ones take nothing away."""
    positive = np.maximum(weights, 0.0).sum(axis=1)
    return list(zip(items.tolist(), (positive / max(float(positive.sum()), 1e-9)).tolist(), strict=True))


def _nothing(rows: NDArray[np.intp]) -> Influence:
    return Influence(np.empty(0, dtype=np.int64), np.empty((0, len(rows)), dtype=np.float32))
