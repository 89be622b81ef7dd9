"""The catalogue, and what is looked at beside lists: each class is a JSON object as the API answers it."""

from __future__ import annotations

from typing import Literal, TypedDict

from marquee_client.answers.lists import Film, Tie
from marquee_client.ids import Id


class ShelfItem(TypedDict):
    """An item on a shelf."""

    item_id: Id  # its id
    title: str  # its title
    genres: list[str]  # its genres; none where they are unknown
    year: int | None  # null where it is unknown
    poster: str | None  # address of a picture; null where the catalogue has none
    score: float  # only the order within one answer means something


class ShelfOfItems(TypedDict):
    """Items, best first."""

    items: list[ShelfItem]  # best first


class NewItem(TypedDict):
    """A new item."""

    item_id: Id  # its id
    title: str  # its title
    genres: list[str]  # its genres; none where they are unknown
    year: int | None  # null where it is unknown
    poster: str | None  # address of a picture; null where the catalogue has none
    score: float  # only the order within one answer means something
    since: float | None  # Unix seconds from which it may be shown; null where nobody said so


class NewItems(TypedDict):
    """The newest items; with a user, in that user's order."""

    items: list[NewItem]  # the newest, or what fits best, first


class SimilarItem(TypedDict):
    """An item that is like another one."""

    item_id: Id  # its id
    title: str  # its title
    genres: list[str]  # its genres; none where they are unknown
    year: int | None  # null where it is unknown
    poster: str | None  # address of a picture; null where the catalogue has none
    score: float  # only the order within one answer means something
    reasons: list[Tie]  # what it has in common with the item; empty where the item is newer than the release


class SimilarItems(TypedDict):
    """The nearest items, best first."""

    item_id: Id  # what they are like
    items: list[SimilarItem]  # the nearest first


class Matched(TypedDict):
    """Where a query was found."""

    field: Literal["title", "person", "genre", "tag"]  # of the item
    text: str  # that matched


class SearchHit(TypedDict):
    """An item that was found."""

    item_id: Id  # its id
    title: str  # its title
    genres: list[str]  # its genres; none where they are unknown
    year: int | None  # null where it is unknown
    poster: str | None  # address of a picture; null where the catalogue has none
    score: float  # only the order within one answer means something
    matched: Matched  # where the query was found


class SearchResult(TypedDict):
    """What was found."""

    query: str  # as it was sent
    corrected: str | None  # what was searched for instead; null where the query itself found something
    items: list[SearchHit]  # best first


class GenreCount(TypedDict):
    """A genre."""

    name: str  # of the genre
    items: int  # that may be shown now


class Genres(TypedDict):
    """Every genre that has items."""

    genres: list[GenreCount]  # the largest first


class Person(TypedDict):
    """Somebody of cast or crew."""

    name: str  # as the catalogue has it
    items: list[ShelfItem]  # the most popular first


class Questions(TypedDict):
    """What to ask a new user; the answers go to `POST /users/{user_id}/onboarding`."""

    items: list[Film]  # what says most about a taste first
    genres: list[str]  # to choose from
    people: list[str]  # to choose from
    age_bands: list[str]  # to choose from


class MapOfItems(TypedDict):
    """Parallel arrays, one entry an item. Coordinates lie within -1 and 1."""

    release: str  # whose map it is
    genres: list[str]  # names, which `genre` points into
    items: list[Id]  # ids
    x: list[float]  # of each item
    y: list[float]  # of each item
    genre: list[int]  # index of the item's first genre in `genres`; -1 where it has none


class MapStep(TypedDict):
    """Where a user was."""

    ts: float  # Unix seconds of the event
    x: float  # after it
    y: float  # after it


class PathOfUser(TypedDict):
    """Where a user's taste lay after each of the latest events, oldest first."""

    release: str  # whose map it is
    now: list[float] | None  # x and y; null where nothing is known that the release could read
    path: list[MapStep]  # oldest first


class ItemDetails(TypedDict):
    """An item, as it is known now."""

    item_id: Id  # its id
    title: str  # its title
    genres: list[str]  # its genres; none where they are unknown
    year: int | None  # null where it is unknown
    poster: str | None  # address of a picture; null where the catalogue has none
    overview: str | None  # what it is about
    maturity: int | None  # the age in years from which it is suitable
    available_from: float | None  # Unix seconds from which it may be shown
    available_until: float | None  # Unix seconds from which it may not be shown any more
    series: str | None  # that it belongs to; null where it is unknown or belongs to none
    cost: float | None  # of the licence, for one play
    runtime: int | None  # minutes
    language: str | None  # of the item; null where it is unknown
    people: list[str] | None  # cast and crew; null where they are unknown
    shown: bool  # whether it may be in lists; a hidden film is still readable here and in histories
    in_release: bool  # whether the release that is served has it
    events: float  # interactions so far
    popularity_now: float  # interactions with time decay
    rating_mean: float | None  # stars, shrunk towards the mean of all films


class ItemChanged(TypedDict):
    """What became of a change."""

    item_id: Id  # of the item
    changed: bool  # false if the item had these values already


class Words(TypedDict):
    """Each in the form in which it stands within a sentence or on a button."""

    item: str  # one of the things that are recommended
    items: str  # several of them
    genre: str  # a group of items
    genres: str  # several groups
    person: str  # who made an item or is in it
    people: str  # several of them
    watch: str  # to use an item
    watched: str  # that was used
    rate: str  # to give an item stars
    rated: str  # that was given stars
    save: str  # to keep an item for later
    saved: str  # that was kept for later
    hide: str  # to want an item no more
    hidden: str  # that is not wanted any more


class Stars(TypedDict):
    """How people rate."""

    max: int  # stars of the best rating
    step: float  # the smallest difference between two ratings, in stars


class Links(TypedDict):
    """Where people find what this page does not show; null where the settings name no address."""

    mlflow: str | None  # the pages of MLflow: runs and releases
    grafana: str | None  # dashboards
    docs: str  # the description of this API


class DomainWords(TypedDict):
    """What is recommended here, in words."""

    name: str  # what the page is called
    words: Words  # what things are called here
    stars: Stars  # how people rate
    links: Links  # where to find more
