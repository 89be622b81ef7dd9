"""The latest impressions of users, in this process: what a policy with the part `fatigue` goes by.

At most IMPRESSIONS of 12 bytes for each of the USERS that came last: 4 KB a user and 41 MB in all, and only for users whose
policy asks for it. A restart forgets them, and each of several processes counts what it showed itself, so somebody is tired of
an item later and never too early (docs/decisions/0030).
"""

from __future__ import annotations

from array import array
from collections import OrderedDict

import numpy as np

from recommender.exposure import Exposure
from recommender.recommender import RecommendationResult

IMPRESSIONS, USERS = 300, 10_000


class Exposures:
    """By user key. Used from the event loop alone."""

    def __init__(self, users: int = USERS, impressions: int = IMPRESSIONS) -> None:
        self._most_users = users
        self._most = impressions
        self._users: OrderedDict[int, tuple[array[int], array[int]]] = OrderedDict()  # keys, seconds; the latest user last

    def __len__(self) -> int:
        return len(self._users)

    def of(self, user: int) -> Exposure:
        """What this process showed to a user (key)."""
        found = self._users.get(user)
        if found is None:
            return Exposure.none()
        keys, seconds = found
        return Exposure(np.array(keys, dtype=np.int64), np.array(seconds, dtype=np.float64))

    def add(self, made: RecommendationResult) -> None:
        """A page that is shown now. Its time is rounded up to a second, so that it is not older than the answer before it."""
        keys, seconds = self._users.pop(made.query.user_id, (array("q"), array("I")))
        page = made.snapshot.catalogue.ids[made.selection.rows].tolist()
        keys.extend(page)
        seconds.extend([int(np.ceil(made.query.now))] * len(page))
        del keys[: -self._most], seconds[: -self._most]
        self._users[made.query.user_id] = keys, seconds
        if len(self._users) > self._most_users:
            self._users.popitem(last=False)

    def forget(self, user: int) -> None:
        """What was shown to a user (key)."""
        self._users.pop(user, None)
