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
from core.item_facts import ItemFacts
from feature_repo.transforms import fold_history
from lifecycle.balance import balance, changed_a_little, steadiness
from lifecycle.gates import HIDDEN, REPEATS, SHORT, UNSTABLE
from recommender.live import Snapshot
from recommender.policy import Policy
from recommender.recommender import Offline
from recommender.roles import Page, Query

LENGTH, USERS = 10, 100
SLICE, FIRST = 30, 3  # users who are asked for again as they were after their first events, and with hidden items
PERSONAL = "behaviour_personal"  # share of the items of a list that the next user's list does not have


def behave(now: Snapshot, policy: Policy, users: Sequence[UserFeatures]) -> dict[str, float]:
    """Figures by name; lists of a release whose vectors are not finite count as short."""
    changed = changed_a_little(now, users)
    everybody = [*users, *(_at_first(user) for user in users[:SLICE]), UserFeatures(0)]  # heavy, light and new users
    first, again, after = (_lists(now, policy, some) for some in (everybody, everybody, list(changed.values())))
    of_users = first[: len(users)]
    known = [now.catalogue.known_rows(user.consumed) for user in everybody]
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
        HIDDEN: float(_with_hidden(now, policy, users[:SLICE], of_users)),
        PERSONAL: float(np.mean([_new(a, b) for a, b in itertools.pairwise(of_users)])) if len(users) > 1 else 0.0,
        **balance(now, of_users, users),
        **steadiness([of_users[at] for at in changed], after),
    }


def _lists(now: Snapshot, policy: Policy, users: Sequence[UserFeatures]) -> list[NDArray[np.intp]]:
    with Offline(now, policy.greedy()) as offline:
        return [
            made.selection.rows
            for made in offline.recommend(
                Query(f"behaviour-{n}", user.user_id, now.stats.as_of, n, user, Page(LENGTH)) for n, user in enumerate(users)
            )
        ]


def _with_hidden(now: Snapshot, policy: Policy, users: Sequence[UserFeatures], lists: Sequence[NDArray[np.intp]]) -> int:
    """Lists that still have an item of those that lead the users' lists, once these are hidden."""
    leading = np.unique([rows[0] for rows in lists[: len(users)] if len(rows)])
    hidden = now.catalogue.ids[leading.astype(np.intp)].tolist()
    facts = ItemFacts(now.catalogue.to_frame().with_columns(pl.col(c.ITEM).is_in(hidden).alias(c.HIDDEN)))
    return sum(bool(np.isin(rows, leading).any()) for rows in _lists(now.with_facts(facts), policy, users))


def _at_first(user: UserFeatures) -> UserFeatures:
    """After the first events that are still known of the user, without counts and tastes."""
    some = slice(FIRST)
    return UserFeatures(
        user.user_id,
        user.item_ids[some],
        user.kinds[some],
        user.values[some],
        user.times[some],
        n_events=min(FIRST, user.n_events),
        consumed=np.unique(user.item_ids[some]),
        profile=user.profile,
    )


def some_users(interactions: pl.DataFrame, catalogue: Catalogue) -> list[UserFeatures]:
    """At most `USERS` users as they are after these lake rows, drawn evenly."""
    users = interactions[c.USER].unique().sort()
    some = users.sample(min(USERS, len(users)), seed=0)
    return list(fold_history(interactions.filter(pl.col(c.USER).is_in(some.implode())), catalogue))


def _repeats(rows: NDArray[np.intp], consumed: NDArray[np.intp]) -> bool:
    return len(np.unique(rows)) < len(rows) or bool(np.isin(rows, consumed).any())


def _new(rows: NDArray[np.intp], other: NDArray[np.intp]) -> float:
    return float(1 - np.isin(rows, other).mean()) if len(rows) else 0.0
