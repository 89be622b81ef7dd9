"""The online features of one user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.kinds import KINDS

HISTORY_LENGTH = 200  # events that the user tower reads; older ones live on in counts, affinities and `consumed`
Profiles = Mapping[int, Sequence[str]]  # static attributes of users as tokens, by user id


# By kind code: the value (stars, minutes, 0 for none) from which an event counts as a liking; infinite for kinds that never do.
_ENJOYED_FROM = np.array([np.inf if kind.spec.enjoyed_from is None else kind.spec.enjoyed_from for kind in KINDS], np.float32)


def _no_ints() -> NDArray[np.int64]:
    return np.empty(0, dtype=np.int64)


def _no_floats() -> NDArray[np.float32]:
    return np.empty(0, dtype=np.float32)


def _no_times() -> NDArray[np.float64]:
    return np.empty(0, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class UserFeatures:
    """What the system knows about one user now. The first four arrays share length n <= HISTORY_LENGTH, oldest first."""

    user_id: int
    item_ids: NDArray[np.int64] = field(default_factory=_no_ints)
    kinds: NDArray[np.int64] = field(default_factory=_no_ints)  # codes of core.kinds.KIND_CODE
    values: NDArray[np.float32] = field(default_factory=_no_floats)  # stars or minutes; 0 where the kind has none
    times: NDArray[np.float64] = field(default_factory=_no_times)  # Unix seconds
    genres: tuple[str, ...] = ()  # sorted; aligned with genre_weights
    genre_weights: NDArray[np.float32] = field(default_factory=_no_floats)  # decayed affinity
    n_events: int = 0
    rating_count: int = 0
    rating_sum: float = 0.0
    last_seen: float = 0.0  # Unix seconds of the latest event
    consumed: NDArray[np.int64] = field(default_factory=_no_ints)  # sorted ids never to recommend again
    profile: tuple[str, ...] = ()  # static attributes as tokens ("age:25"); no event changes them
    applied_offset: int = -1  # position in the event log up to which events are in; makes redelivery harmless
    external_id: str = ""  # the original id, where it is not an integer; identifies the user, not a feature

    @property
    def tastes(self) -> dict[str, float]:
        """The decayed affinity with each genre that any event told of; a new dictionary each time."""
        return dict(zip(self.genres, self.genre_weights.tolist(), strict=True))

    @property
    def enjoyed(self) -> NDArray[np.bool_]:
        """Which events of the history [n] say that the user liked the item."""
        return np.asarray(self.values >= _ENJOYED_FROM[self.kinds], dtype=np.bool_)


# name:type of each user feature, in storage order. Dropping or retyping one makes the releases that use it unloadable.
USER_SCHEMA: tuple[str, ...] = (
    "item_ids:int64[]",
    "kinds:int64[]",
    "values:float32[]",
    "times:float64[]",
    "genres:string[]",
    "genre_weights:float32[]",
    "n_events:int64",
    "rating_count:int64",
    "rating_sum:float64",
    "last_seen:float64",
    "consumed:int64[]",
    "profile:string[]",
    "applied_offset:int64",
)
