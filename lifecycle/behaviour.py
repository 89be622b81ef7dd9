"""Behavioural tests of a release: what must hold of its lists whatever the data, and what tells whether it reacts to anybody.

As in "Beyond NDCG: behavioral testing of recommender systems with RecList" (Chia et al. 2022): an average can be good while lists
are broken.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.catalogue import Catalogue
from core.features import UserFeatures
from feature_repo.transforms import fold_history
from lifecycle.gates import REPEATS, SHORT, UNSTABLE
from recommender.live import Snapshot
from recommender.policy import Policy
from recommender.recommender import Offline
from recommender.roles import Page, Query

LENGTH, USERS = 10, 100
PERSONAL = "behaviour_personal"  # share of the items of a list that the next user's list does not have


def behave(now: Snapshot, policy: Policy, users: Sequence[UserFeatures]) -> dict[str, float]:
    """Figures by name; lists of a release whose vectors are not finite count as short."""
    with Offline(now, policy.greedy()) as offline:
        first, again = (
            [
                made.selection.rows
                for made in offline.recommend(
                    Query(f"behaviour-{n}", user.user_id, now.stats.as_of, n, user, Page(LENGTH)) for n, user in enumerate(users)
                )
            ]
            for _ in range(2)
        )
    known = [now.catalogue.known_rows(user.consumed) for user in users]
    finite = bool(np.isfinite(now.item_vectors).all())
    return {
        REPEATS: float(sum(_repeats(rows, consumed) for rows, consumed in zip(first, known, strict=True))),
        SHORT: float(
            sum(
                not finite or len(rows) < min(LENGTH, len(now.catalogue) - len(consumed))
                for rows, consumed in zip(first, known, strict=True)
            )
        ),
        UNSTABLE: float(sum(not np.array_equal(*pair) for pair in zip(first, again, strict=True))),
        PERSONAL: float(np.mean([_new(a, b) for a, b in itertools.pairwise(first)])) if len(first) > 1 else 0.0,
    }


def some_users(interactions: pl.DataFrame, catalogue: Catalogue) -> list[UserFeatures]:
    """At most `USERS` users as they are after these lake rows, drawn evenly."""
    users = interactions[c.USER].unique().sort()
    some = users.sample(min(USERS, len(users)), seed=0)
    return list(fold_history(interactions.filter(pl.col(c.USER).is_in(some.implode())), catalogue))


def _repeats(rows: NDArray[np.intp], consumed: NDArray[np.intp]) -> bool:
    return len(np.unique(rows)) < len(rows) or bool(np.isin(rows, consumed).any())


def _new(rows: NDArray[np.intp], other: NDArray[np.intp]) -> float:
    return float(1 - np.isin(rows, other).mean()) if len(rows) else 0.0
