"""Response schemas of what is looked at beside lists, for OpenAPI only."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from core.ids import ExternalId
from serving.models import Film, Reason, RecommendationList


class Tie(BaseModel):
    """What two items have in common."""

    code: Literal["series", "people", "next", "genres", "taste"]
    text: str


class ShelfItem(Film):
    score: float = Field(description="only the order within one answer means something")


class ShelfOfItems(BaseModel):
    """Items, best first."""

    items: list[ShelfItem]


class NewItem(ShelfItem):
    since: float | None = Field(description="Unix seconds from which it may be shown; null where nobody said so")


class NewItems(BaseModel):
    """The newest items; with a user, in that user's order."""

    items: list[NewItem]


class SimilarItem(ShelfItem):
    reasons: list[Tie] = Field(description="what it has in common with the item; empty where the item is newer than the release")


class SimilarItems(BaseModel):
    """The nearest items, best first."""

    item_id: ExternalId
    items: list[SimilarItem]


class Matched(BaseModel):
    field: Literal["title", "person", "genre", "tag"]
    text: str


class SearchHit(ShelfItem):
    matched: Matched = Field(description="where the query was found")


class SearchResult(BaseModel):
    query: str
    corrected: str | None = Field(description="what was searched for instead; null where the query itself found something")
    items: list[SearchHit]


class GenreCount(BaseModel):
    name: str
    items: int = Field(description="that may be shown now")


class Genres(BaseModel):
    genres: list[GenreCount]


class Person(BaseModel):
    name: str = Field(description="as the catalogue has it")
    items: list[ShelfItem] = Field(description="the most popular first")


class Questions(BaseModel):
    """What to ask a new user; the answers go to `POST /users/{user_id}/onboarding`."""

    items: list[Film] = Field(description="what says most about a taste first")
    genres: list[str]
    people: list[str]
    age_bands: list[str]


class RankedItem(ShelfItem):
    reasons: list[Reason | Tie]


class Ranked(BaseModel):
    """Cards, best first."""

    request_id: str | None = Field(
        description="of the list that was shown, to put into events that answer it; null without a user"
    )
    strategy: str = Field(description="how the list was made, as in a recommendation list; similar where it is like an item")
    items: list[RankedItem]
    left_out: list[ExternalId] = Field(
        description="candidates that may not be shown: unknown, hidden, newer than the release, or taken up by the user before"
    )


class SessionList(RecommendationList):
    ignored: list[ExternalId] = Field(description="items of the request that are not in the catalogue")


class MapOfItems(BaseModel):
    """Parallel arrays, one entry an item. Coordinates lie within -1 and 1."""

    release: str
    genres: list[str]
    items: list[ExternalId]
    x: list[float]
    y: list[float]
    genre: list[int] = Field(description="index of the item's first genre in `genres`; -1 where it has none")


class MapStep(BaseModel):
    ts: float
    x: float
    y: float


class PathOfUser(BaseModel):
    """Where a user's taste lay after each of the latest events, oldest first."""

    release: str
    now: list[float] | None = Field(description="x and y; null where nothing is known that the release could read")
    path: list[MapStep]
