"""What is known of users, and what became of their events: each class is a JSON object as the API answers it."""

from __future__ import annotations

from typing import TypedDict

from marquee_client.ids import Id


class Quarantined(TypedDict):
    """An event that is kept and not applied."""

    index: int  # in the request, from 0
    event_id: str  # of the event
    reason: str  # why it cannot be applied


class Receipt(TypedDict):
    """What became of the events; every one of them is durable."""

    accepted: int  # new events, on their way into the features
    duplicates: int  # events whose event_id was known
    quarantined: list[Quarantined]  # kept in the dead-letter topic, not applied
    event_ids: list[str]  # of every event, in the order of the request


class HistoryEvent(TypedDict):
    """Something that a user did."""

    item_id: Id  # with which item
    title: str | None  # null for an item that is not in the catalogue
    genres: list[str]  # of the item; none where they are unknown
    kind: str  # what was done
    value: float | None  # stars or minutes; null for kinds without a value
    ts: float  # Unix seconds


class History(TypedDict):
    """A user's recent events, newest first."""

    user_id: Id  # whose history it is
    known: bool  # false for a user never seen
    n_events: int  # all events, also those too old to be listed
    events: list[HistoryEvent]  # newest first


class Onboarded(TypedDict):
    """The answers that are kept, under the names that the catalogue has."""

    user_id: Id  # who answered
    items: list[Id]  # that they like
    genres: list[str]  # that they like
    people: list[str]  # cast or crew that they like
    age_band: str | None  # of the user; null where it was not answered


class Users(TypedDict):
    """Users to try."""

    users: list[Id]  # their ids


class ErasedFrom(TypedDict):
    """One place where something of a user may be kept."""

    store: str  # what it is called
    found: int  # records that were there
    left: int  # records that are there now
    stays: str  # why records stay there until their time is over; empty where they do not


class Erased(TypedDict):
    """The receipt of an erasure."""

    user_id: Id  # of the user
    at: float  # Unix seconds; events of before are forgotten from now on, whenever they arrive
    clean: bool  # whether a second look found nothing that could have been erased
    stores: list[ErasedFrom]  # every place where something of a user may be kept
