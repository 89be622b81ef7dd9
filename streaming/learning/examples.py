"""Training examples from events: the film that a user chose, and the user's features just before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from core.catalogue import Catalogue
from core.events import Interaction
from core.features import UserFeatures
from core.kinds import TARGETS
from retrieval.history import EncodedHistory
from streaming.decoding import Decoded
from streaming.learning.learner import Example


def examples_of(
    batch: Iterable[Decoded],
    users: Mapping[int, UserFeatures | None],
    catalogue: Catalogue,
    history_of: Callable[[UserFeatures], EncodedHistory],
) -> Iterator[Example]:
    """An example per first verdict on a film of the catalogue by somebody with a history; `users` may be ahead of the batch.

    `history_of` returns what the release's tower reads of a user.
    The features may already hold the event itself and later ones: everything from the event's time on is left out.
    """
    for one in batch:
        event, user = one.event, users.get(one.user)
        target = int(catalogue.rows(np.array([one.item]))[0])
        if user is None or target < 0 or event.kind not in TARGETS:
            continue
        past = _before(user, event)
        history = history_of(past)
        if len(history) and one.item not in past.item_ids:
            seen = catalogue.known_rows(user.consumed)
            yield Example(history, target, seen[seen != target])


def _before(user: UserFeatures, event: Interaction) -> UserFeatures:
    """The user's history strictly before the event's time."""
    past = user.times < event.ts
    return replace(user, item_ids=user.item_ids[past], kinds=user.kinds[past], values=user.values[past], times=user.times[past])
