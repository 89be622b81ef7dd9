"""Asks a policy what it would have shown to the requests of the logs.

Where it only chooses otherwise among the same candidates, it is asked with those that were stored with the list
(`evaluation.ope.stored`), which is exact. Else the request is replayed through the recommender that serves. A replay sees what
the lake and the release know: the user's events before the request, statistics as of the day's beginning, the release as it was
built. It does not see what a request asked of its list (genres, years), nor vectors that were learned online. So the policy that
made the logs is asked beside, and the share of its lists whose logged propensities come out again is part of what is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.features import Profiles
from evaluation.ope.features import NAMES, position_features
from evaluation.ope.logs import LoggedList, requests
from evaluation.ope.stored import StoredDraws
from feature_repo.item_stats import item_stats
from recommender.alternatives import Alternatives
from recommender.live import Snapshot
from recommender.policy import Policy
from recommender.recommender import Offline
from recommender.roles import Query

Floats = NDArray[np.float64]
SnapshotOf = Callable[[str], Snapshot | None]  # by the release's name; None for one that is gone
DRAWS = 8  # lists of the evaluated policy for each request, for what it would show on average
SAME = 1e-3  # relative difference of two propensities that are the same
GONE = "the release that made it is gone"
_DAY = 86_400.0
_HISTORY = {0: "no events", 1: "1 to 20 events", 2: "more than 20 events"}


@dataclass(frozen=True, eq=False)
class Replayed:
    """n lists of up to K positions, and how the evaluated policy would have made them. Behind a list's end: 0, propensities 1."""

    rewards: Floats  # [n, K]
    logged: Floats  # [n, K] propensities, of each item given those above it
    evaluated: Floats  # [n, K] the same under the evaluated policy
    shown: NDArray[np.bool_]  # [n, K]
    users: NDArray[np.int64]  # [n]
    features: Floats  # [n, K, d] of what was shown
    expected: Floats  # [n, d] of what the evaluated policy would show, summed over positions; mean over DRAWS lists
    unseen: float | None  # share of these lists that the logging policy cannot make; None where that policy is not on record
    reproduced: float | None  # share of the logged lists whose propensities a replay of the logging policy gives again
    stored: float  # share of these lists that were judged by what they were drawn from, and not by a replay
    slices: Mapping[str, NDArray[np.str_]]  # labels [n] by what they say
    left_out: Mapping[str, int]  # lists, by reason


@dataclass(frozen=True)
class LogReplay:
    """What a replay needs: the lake's interactions and all impressions (item_id and ts alone), releases and policies.

    `logging` are the policies that made the logs, by their id; `of_release` gives the release on which the evaluated policy is
    asked, for a release that made lists.
    """

    interactions: pl.DataFrame
    impressions: pl.DataFrame
    snapshot_of: SnapshotOf
    logging: Mapping[str, Policy]
    of_release: Callable[[str], str] = lambda name: name
    profiles: Profiles | None = None
    stored: StoredDraws = field(default_factory=StoredDraws)

    def run(self, lists: Sequence[LoggedList], policy: Policy, advance: Callable[[], object] = lambda: None) -> Replayed:
        """Ask `policy` for every list; `advance` is called after each. Lists of releases that are gone are left out."""
        judged: list[_Judged] = []
        gone = 0
        for (release, day), same in groupby(sorted(lists, key=_release_and_day), _release_and_day):
            part = tuple(same)
            logged_on, other = self._at(release, day), self.of_release(release)
            evaluated_on = logged_on if other == release else self._at(other, day)
            if logged_on is None or evaluated_on is None:
                gone += len(part)
                continue
            for one in self._part(part, policy, logged_on, evaluated_on):
                judged.append(one)
                advance()
        return _arrays(judged, {GONE: gone} if gone else {})

    def _at(self, release: str, day: float) -> Snapshot | None:
        """A release with the statistics of the beginning of a day (Unix seconds)."""
        now = self.snapshot_of(release)
        if now is None:
            return None
        stats = item_stats(self.interactions, now.catalogue, day)
        shown = now.catalogue.rows(self.impressions.filter(pl.col(c.TS) < day)[c.ITEM].to_numpy())
        counts = np.bincount(shown[shown >= 0], minlength=len(now.catalogue)).astype(np.float32)
        return now.with_stats(replace(stats, impressions=counts))

    def _part(self, lists: tuple[LoggedList, ...], policy: Policy, logged_on: Snapshot, now: Snapshot) -> Iterator[_Judged]:
        """Lists of one release and one day."""
        asked = list(requests(lists, self.interactions, logged_on.catalogue, self.profiles))
        left: list[tuple[LoggedList, Query]] = []
        for one, query in zip(lists, asked, strict=True):
            drawn = self._stored(one, query, policy, logged_on) if now is logged_on else ()
            if drawn:
                yield _judge(one, drawn[0].query, drawn[0], now, drawn[1], logged_on, True)
            else:
                left.append((one, query))
        before = {name: self._alternatives(name, left, logged_on) for name in {one.policy for one, _ in left}}
        with Offline(now, policy) as offline:
            for (one, query), found in zip(left, offline.alternatives(query for _, query in left), strict=True):
                source = before[one.policy]
                yield _judge(one, query, found, now, None if source is None else next(source), logged_on)

    def _stored(self, one: LoggedList, query: Query, policy: Policy, now: Snapshot) -> tuple[Alternatives, ...]:
        logging = self.logging.get(one.policy)
        return () if logging is None else self.stored.of(one, query, policy, logging, now)

    def _alternatives(
        self, policy: str, lists: Sequence[tuple[LoggedList, Query]], now: Snapshot
    ) -> Iterator[Alternatives] | None:
        """What the logging policy could show, of its own lists in order; None where it is not on record."""
        if policy not in self.logging:
            return None
        mine = [query for one, query in lists if one.policy == policy]

        def each() -> Iterator[Alternatives]:
            with Offline(now, self.logging[policy]) as offline:
                yield from offline.alternatives(mine)

        return each()


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """One list, replayed."""

    one: LoggedList
    evaluated: Floats  # [m]
    features: Floats  # [m, d]
    expected: Floats  # [d]
    unseen: float | None
    reproduced: bool | None
    history: int  # key of _HISTORY
    stored: bool


def _judge(
    one: LoggedList,
    query: Query,
    found: Alternatives,
    now: Snapshot,
    before: Alternatives | None,
    logged_on: Snapshot,
    stored: bool = False,
) -> _Judged:
    size, rows = len(one.items), now.catalogue.rows(one.items)
    drawn = [found.draw(query.seed + number + 1, size) for number in range(DRAWS)]
    features = position_features(now, found, np.stack([_padded(row, size) for row in (rows, *drawn)]))
    unseen = reproduced = None
    if before is not None:
        others = [logged_on.catalogue.rows(now.catalogue.ids[draw]) for draw in drawn]
        unseen = float(np.mean([not before.propensities(other).all() for other in others]))
        again = before.propensities(logged_on.catalogue.rows(one.items))
        reproduced = bool(np.allclose(again, one.propensities, rtol=SAME, atol=0.0))
    events = 0 if query.user is None else query.user.n_events
    return _Judged(
        one,
        found.propensities(rows).astype(np.float64),
        features[0],
        features[1:].sum(axis=1).mean(axis=0),
        unseen,
        reproduced,
        0 if not events else 1 if events <= 20 else 2,
        stored,
    )


def _padded(rows: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """With -1 behind the end of a list that had to be shorter."""
    return np.pad(rows, (0, size - len(rows)), constant_values=-1)


def _arrays(judged: Sequence[_Judged], left_out: Mapping[str, int]) -> Replayed:
    n, k = len(judged), max((len(one.evaluated) for one in judged), default=0)
    rewards, logged, evaluated = np.zeros((n, k)), np.ones((n, k)), np.ones((n, k))
    shown, features = np.zeros((n, k), dtype=np.bool_), np.zeros((n, k, len(NAMES)))
    for row, found in enumerate(judged):
        m = len(found.evaluated)
        rewards[row, :m], logged[row, :m], evaluated[row, :m] = found.one.rewards, found.one.propensities, found.evaluated
        shown[row, :m], features[row, :m] = True, found.features
    unseen = [one.unseen for one in judged if one.unseen is not None]
    reproduced = [one.reproduced for one in judged if one.reproduced is not None]
    return Replayed(
        rewards,
        logged,
        evaluated,
        shown,
        np.array([found.one.user_id for found in judged], dtype=np.int64),
        features,
        np.array([found.expected for found in judged]).reshape(n, len(NAMES)),
        float(np.mean(unseen)) if unseen else None,
        float(np.mean(reproduced)) if reproduced else None,
        float(np.mean([one.stored for one in judged])) if judged else 0.0,
        {
            "user's history": np.array([_HISTORY[found.history] for found in judged], dtype=np.str_),
            "release": np.array([found.one.release for found in judged], dtype=np.str_),
        },
        left_out,
    )


def _release_and_day(one: LoggedList) -> tuple[str, float]:
    return one.release, one.ts // _DAY * _DAY
