"""The one definition of the user features: a fold over events, the same for the batch, the stream and training.

`UserState.add` is the only place that says what an event does to a user's features. `apply` runs it for one event of the
stream, `fold_history` for a whole table. Everything but `genre_weights` is independent of the order of arrival; those
are float32 sums, so two orders of arrival agree within a relative 1e-4 (`GENRE_TOLERANCE`).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.catalogue import Catalogue
from core.features import HISTORY_LENGTH, Profiles, UserFeatures
from core.kinds import CONSUMING, KIND_CODE, STARRED
from core.ordering import chronological, tie_hash
from feature_repo.signals import DEFAULT_SIGNALS, DEFAULT_WEIGHTS, Signals, SignalWeights

__all__ = ["DEFAULT_WEIGHTS", "SignalWeights", "UserEvent", "UserState", "apply", "fold_history", "item_genres"]

GENRE_TOLERANCE = 1e-4  # relative difference of genre_weights between two orders of arrival


class UserEvent(NamedTuple):
    """What the features need to know of an interaction; `core.events.Interaction` without its envelope."""

    user_id: int
    item_id: int
    kind: str  # a value of core.kinds.Kind
    value: float | None  # stars or minutes
    ts: float  # Unix seconds


class UserState:
    """One user's features while events are folded in. Not thread-safe; `features` freezes a copy."""

    __slots__ = (
        "_consumed",
        "_genres",
        "_half_life",
        "_items",
        "_kinds",
        "_newly_consumed",
        "_signals",
        "_times",
        "_values",
        "_weights",
        "applied_offset",
        "external_id",
        "last_seen",
        "n_events",
        "profile",
        "rating_count",
        "rating_sum",
        "user_id",
    )

    def __init__(self, features: UserFeatures, signals: Signals = DEFAULT_SIGNALS) -> None:
        self._signals = signals
        self._half_life = signals.weights.half_life
        self.user_id = features.user_id
        self.n_events = features.n_events
        self.rating_count = features.rating_count
        self.rating_sum = features.rating_sum
        self.last_seen = features.last_seen
        self.profile = features.profile
        self.applied_offset = features.applied_offset
        self.external_id = features.external_id
        self._items: list[int] = features.item_ids.tolist()
        self._kinds: list[int] = features.kinds.tolist()
        self._values: list[float] = features.values.tolist()
        self._times: list[float] = features.times.tolist()
        self._genres = {name: column for column, name in enumerate(features.genres)}
        self._weights = features.genre_weights.copy()
        self._consumed = features.consumed
        self._newly_consumed: set[int] = set()

    def deliver(self, event: UserEvent, genres: Sequence[str], offset: int) -> bool:
        """Fold in an event from the log, once: False if `offset` is at or before `applied_offset`, the redelivery of an event.

        Imported history has offset -1 and is always folded in.
        """
        if 0 <= offset <= self.applied_offset:
            return False
        self.add(event, genres)
        self.applied_offset = max(self.applied_offset, offset)
        return True

    def add(self, event: UserEvent, genres: Sequence[str]) -> None:
        """Fold in one event; `genres` are those of its item."""
        self._remember(event)
        self._prefer(event, genres)
        if event.kind in CONSUMING:
            self._consume(event.item_id)
        if event.kind in STARRED and event.value is not None:
            self.rating_count += 1
            self.rating_sum += event.value
        self.n_events += 1
        self.last_seen = max(self.last_seen, event.ts)

    def features(self) -> UserFeatures:
        """The features as they are now."""
        names = sorted(self._genres)
        return UserFeatures(
            user_id=self.user_id,
            item_ids=np.array(self._items, dtype=np.int64),
            kinds=np.array(self._kinds, dtype=np.int64),
            values=np.array(self._values, dtype=np.float32),
            times=np.array(self._times, dtype=np.float64),
            genres=tuple(names),
            genre_weights=self._weights[[self._genres[name] for name in names]],
            n_events=self.n_events,
            rating_count=self.rating_count,
            rating_sum=self.rating_sum,
            last_seen=self.last_seen,
            consumed=self._all_consumed(),
            profile=self.profile,
            applied_offset=self.applied_offset,
            external_id=self.external_id,
        )

    def _remember(self, event: UserEvent) -> None:
        code = KIND_CODE[event.kind]
        value = 0.0 if event.value is None else float(np.float32(event.value))
        at = self._place(event.item_id, code, value, event.ts)
        self._items.insert(at, event.item_id)
        self._kinds.insert(at, code)
        self._values.insert(at, value)
        self._times.insert(at, event.ts)
        if len(self._times) > HISTORY_LENGTH:
            del self._items[0], self._kinds[0], self._values[0], self._times[0]

    def _place(self, item: int, code: int, value: float, ts: float) -> int:
        """Where in the history an event belongs: by time, then `tie_hash`, then kind and value."""
        low = bisect_left(self._times, ts)
        high = bisect_right(self._times, ts)
        if low == high:
            return low
        tied = np.array([*self._items[low:high], item], dtype=np.int64)
        *hashes, own = tie_hash(np.array([self.user_id]), tied).tolist()
        keys = list(zip(hashes, self._kinds[low:high], self._values[low:high], strict=True))
        return low + bisect_right(keys, (own, code, value))

    def _prefer(self, event: UserEvent, genres: Sequence[str]) -> None:
        """Genre weights are as of `last_seen`: a newer event ages them all, a late one arrives aged."""
        half_lives_late = (self.last_seen - event.ts) / self._half_life
        if half_lives_late < 0 and len(self._weights):
            self._weights *= np.float32(math.exp2(half_lives_late))
        weight = self._signals.of(event.kind, event.item_id)
        if not weight or not genres:
            return
        share = np.float32(weight / len(genres) * math.exp2(-max(half_lives_late, 0.0)))
        for name in genres:
            column = self._genres.get(name)
            if column is None:
                self._genres[name] = len(self._weights)
                self._weights = np.append(self._weights, share)
            else:
                self._weights[column] += share

    def _consume(self, item: int) -> None:
        at = int(self._consumed.searchsorted(item))
        if at == len(self._consumed) or self._consumed[at] != item:
            self._newly_consumed.add(item)

    def _all_consumed(self) -> NDArray[np.int64]:
        if not self._newly_consumed:
            return self._consumed
        new = np.array(sorted(self._newly_consumed), dtype=np.int64)
        return np.insert(self._consumed, self._consumed.searchsorted(new), new)


def apply(
    features: UserFeatures,
    event: UserEvent,
    genres: Sequence[str],
    offset: int = -1,
    signals: Signals = DEFAULT_SIGNALS,
) -> UserFeatures:
    """The features after one event of that user. Pure; a redelivered event (see `UserState.deliver`) changes nothing."""
    state = UserState(features, signals)
    return state.features() if state.deliver(event, genres, offset) else features


def item_genres(catalogue: Catalogue) -> dict[int, tuple[str, ...]]:
    """Item id -> genre names, for the `genres` argument of `apply`."""
    return {item: catalogue.genres_of(row) for row, item in enumerate(catalogue.ids.tolist())}


def fold_history(
    interactions: pl.DataFrame, catalogue: Catalogue, signals: Signals = DEFAULT_SIGNALS, profiles: Profiles | None = None
) -> Iterator[UserFeatures]:
    """The features of each user of a lake table of interactions, by ascending user id; then those known by a profile alone.

    Every row counts: the lake holds an event once. `applied_offset` becomes the user's highest `log_offset`, so that
    the stream goes on after the table.
    """
    genres, known = item_genres(catalogue), profiles or {}
    ordered = _by_user_and_time(interactions)
    users = ordered[c.USER].to_numpy()
    starts = [0, *(np.flatnonzero(np.diff(users)) + 1).tolist(), len(users)]
    for start, end in pairwise(starts):
        if start < end:
            yield _fold_user(ordered[start:end], genres, signals, known)
    for user in sorted(known.keys() - set(np.unique(users).tolist())):
        yield UserFeatures(user, profile=tuple(known[user]))


def _by_user_and_time(interactions: pl.DataFrame) -> pl.DataFrame:
    users = interactions[c.USER].to_numpy()
    order = chronological(interactions[c.TS].to_numpy(), users, interactions[c.ITEM].to_numpy())
    return interactions[order[np.argsort(users[order], kind="stable")]]


def _fold_user(rows: pl.DataFrame, genres: Mapping[int, tuple[str, ...]], signals: Signals, profiles: Profiles) -> UserFeatures:
    user = int(rows[c.USER][0])
    state = UserState(UserFeatures(user, profile=tuple(profiles.get(user, ()))), signals)
    for event in map(UserEvent._make, rows.select(UserEvent._fields).iter_rows()):
        state.add(event, genres.get(event.item_id, ()))
    state.applied_offset = max(-1, int(rows[c.OFFSET].to_numpy().max()))
    return state.features()
