"""A candidate and the release in production on the same newest events, which neither has learned from, by the same recommender.

Each serves the lists that it would have served: its own catalogue, statistics from before each event, the same policy without
exploration. An item that production does not know counts as a miss of production, as it is for users.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.bundle import Comparison
from core.catalogue import Catalogue
from core.features import Profiles
from evaluation.comparison import lift
from evaluation.metrics import ndcg
from evaluation.queries import LabelledQuery
from evaluation.ranking import K, rank_lists
from lifecycle import judging
from recommender.live import Snapshot
from recommender.policy import Policy
from recommender.recommender import Offline
from recommender.release import Release
from retrieval.adapters.mirror import MirrorIndex

MAX_QUERIES = 2_000  # events of the window that are predicted, drawn evenly
MAX_TIMED = (
    200  # earlier events for which lists are made where the window has none: they say how long a list takes, if nothing else
)


@dataclass(frozen=True, eq=False)
class Served:
    """A release, and the policy by which its lists are made."""

    now: Snapshot
    policy: Policy


def face_off(
    interactions: pl.DataFrame, candidate: Served, production: Served, start: float, end: float, profiles: Profiles | None = None
) -> Comparison:
    """Predict the events from `start` to `end` (Unix seconds) with both. `queries` is 0 for a window without any; lists are timed
    all the same."""
    catalogue = candidate.now.catalogue
    found = judging.queries(interactions, catalogue, start, end, MAX_QUERIES, profiles=profiles)
    asked = found or judging.queries(interactions, catalogue, 0.0, end, MAX_TIMED, profiles=profiles)
    ranks, seconds = [], []
    for side in (candidate, production):
        lists = _lists(asked, side, interactions, catalogue)
        ranked = rank_lists((rows for rows, _ in lists[: len(found)]), found, side.now.name)
        ranks.append(ranked.ranks)
        seconds.append(float(np.median([took for _, took in lists])) if lists else 0.0)
    users = np.array([query.user_id for query in found], dtype=np.int64)
    gain = lift(ranks[0], ranks[1], users)
    return Comparison(
        production=production.now.name,
        start=start,
        end=end,
        queries=len(found),
        users=len(np.unique(users)),
        ndcg=float(ndcg(ranks[0], K).mean()) if found else 0.0,
        production_ndcg=float(ndcg(ranks[1], K).mean()) if found else 0.0,
        low=gain.low,
        high=gain.high,
        milliseconds=seconds[0] * 1e3,
        production_milliseconds=seconds[1] * 1e3,
    )


def as_served(release: Release, policy: Policy) -> Served:
    """A release as it was built, searched in this process."""
    index = MirrorIndex()
    index.publish(release.name, release.catalogue.ids, release.item_vectors)
    return Served(Snapshot.of(release, index), policy)


def _lists(
    found: Sequence[LabelledQuery], side: Served, interactions: pl.DataFrame, catalogue: Catalogue
) -> list[tuple[NDArray[np.intp], float]]:
    """The list of each query as rows of `catalogue`, and the seconds that it took."""
    own = side.now.catalogue
    lists = []
    for now, part in judging.as_time_passes(found, side.now, judging.over(found, interactions, own)):
        with Offline(now, side.policy.greedy()) as offline:
            for made in offline.recommend(judging.requests(part, judging.DEPTH)):
                rows = catalogue.rows(own.ids[made.selection.rows])
                lists.append((rows[rows >= 0].astype(np.intp), made.seconds))
    return lists
