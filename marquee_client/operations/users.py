"""Users, and what they did."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

from marquee_client.answers import Erased, History, Onboarded, Receipt, Users
from marquee_client.calls import Call, only, part
from marquee_client.ids import Id


class Event(TypedDict):
    """Something that a user did with an item. `docs/events.md` has the kinds, and the value of each."""

    user_id: Id
    item_id: Id
    kind: str
    value: NotRequired[float | None]
    ts: NotRequired[float | str]  # Unix seconds, or ISO 8601 with a zone; the server's time if left out
    request_id: NotRequired[str | None]  # of the list that it answers
    event_id: NotRequired[str]  # made here if left out
    schema_version: NotRequired[int]


def post_events(events: Event | Sequence[Event]) -> Call[Receipt]:
    """Store what users did. Each event has an `event_id` before it is sent, so that it counts once however often it arrives."""
    body: object = _named(events) if isinstance(events, Mapping) else [_named(event) for event in events]
    return Call("post_events", "POST", "/events", body=body)


def users(*, limit: int | None = None) -> Call[Users]:
    """Some users with a history, to try."""
    return Call("users", "GET", "/users", {"limit": limit})


def history(user_id: Id, *, limit: int | None = None) -> Call[History]:
    """What a user did, newest first."""
    return Call("history", "GET", f"/users/{part(user_id)}/history", {"limit": limit})


def onboarding(
    user_id: Id,
    *,
    items: Sequence[Id] | None = None,
    genres: Sequence[str] | None = None,
    people: Sequence[str] | None = None,
    age_band: str | None = None,
) -> Call[Onboarded]:
    """What a new user says that they like; takes the place of earlier answers."""
    told = only(items=items, genres=genres, people=people, age_band=age_band)
    return Call("onboarding", "POST", f"/users/{part(user_id)}/onboarding", body=told)


def erase_user(user_id: Id) -> Call[Erased]:
    """Erase everything that is known of a user (scope `admin`)."""
    return Call("erase_user", "DELETE", f"/users/{part(user_id)}")


def _named(event: Event) -> Event:
    return event if event.get("event_id") else {**event, "event_id": uuid.uuid4().hex}
