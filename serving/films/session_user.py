"""The features of somebody who is known by one request only: what they did in this visit, which the request brings along."""

from __future__ import annotations

from collections.abc import Sequence

from core.features import UserFeatures
from core.ids import ExternalId, original, user_key
from core.item_facts import ItemFacts
from core.kinds import STARS, Kind
from feature_repo.transforms import UserEvent, UserState
from serving.films.session_body import SessionEvent

_STEP = 60.0  # seconds between two events: the request says in which order they came, and not when


def session_user(
    who: ExternalId, events: Sequence[SessionEvent], facts: ItemFacts, now: float
) -> tuple[UserFeatures, list[ExternalId]]:
    """The user after these events, oldest first, the last of them `now` (Unix seconds); and the items that nobody knows here."""
    key = user_key(who)
    state = UserState(UserFeatures(key, external_id=original(who)))
    unknown = []
    for at, event in enumerate(events):
        row = facts.row(item := facts.key_of(event.item_id))
        if row < 0:
            unknown.append(event.item_id)
            continue
        kind, value = (event.kind, event.value) if event.kind is not None else (Kind.RATING, STARS.high)
        ts = now - _STEP * (len(events) - 1 - at)
        state.add(UserEvent(key, item, kind, value, ts), facts.describe(row)["genres"])
    return state.features(), unknown
