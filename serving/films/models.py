"""Response schemas of what is looked at beside lists, for OpenAPI only."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from core.ids import ExternalId
from serving.models import Film, Reason, RecommendationList


class Tie(BaseModel):
    """What two items have in common."""

    code: Literal["series", "people", "next", "genres", "taste"] = Field(description="what sort of tie it is")
    text: str = Field(description="for people")


class ShelfItem(Film):
    """An item on a shelf."""

    score: float = Field(description="only the order within one answer means something")


class ShelfOfItems(BaseModel):
    """Items, best first."""

    items: list[ShelfItem] = Field(description="best first")


class NewItem(ShelfItem):
    """A new item."""

    since: float | None = Field(description="Unix seconds from which it may be shown; null where nobody said so")


class NewItems(BaseModel):
    """The newest items; with a user, in that user's order."""

    items: list[NewItem] = Field(description="the newest, or what fits best, first")


class SimilarItem(ShelfItem):
    """An item that is like another one."""

    reasons: list[Tie] = Field(description="what it has in common with the item; empty where the item is newer than the release")


class SimilarItems(BaseModel):
    """The nearest items, best first."""

    item_id: ExternalId = Field(description="what they are like")
    items: list[SimilarItem] = Field(description="the nearest first")


class Matched(BaseModel):
    """Where a query was found."""

    field: Literal["title", "person", "genre", "tag"] = Field(description="of the item")
    text: str = Field(description="that matched")


class SearchHit(ShelfItem):
    """An item that was found."""

    matched: Matched = Field(description="where the query was found")


class SearchResult(BaseModel):
    """What was found."""

    query: str = Field(description="as it was sent")
    corrected: str | None = Field(description="what was searched for instead; null where the query itself found something")
    items: list[SearchHit] = Field(description="best first")


class GenreCount(BaseModel):
    """A genre."""

    name: str = Field(description="of the genre")
    items: int = Field(description="that may be shown now")


class Genres(BaseModel):
    """Every genre that has items."""

    genres: list[GenreCount] = Field(description="the largest first")


class Person(BaseModel):
    """Somebody of cast or crew."""

    name: str = Field(description="as the catalogue has it")
    items: list[ShelfItem] = Field(description="the most popular first")


class Questions(BaseModel):
    """What to ask a new user; the answers go to `POST /users/{user_id}/onboarding`."""

    items: list[Film] = Field(description="what says most about a taste first")
    genres: list[str] = Field(description="to choose from")
    people: list[str] = Field(description="to choose from")
    age_bands: list[str] = Field(description="to choose from")


class RankedItem(ShelfItem):
    """A card."""

    reasons: list[Reason | Tie] = Field(description="why it is there; empty without explain")


class Ranked(BaseModel):
    """Cards, best first."""

    request_id: str | None = Field(
        description="of the list that was shown, to put into events that answer it; null without a user"
    )
    strategy: str = Field(description="how the list was made, as in a recommendation list; similar where it is like an item")
    items: list[RankedItem] = Field(description="best first")
    left_out: list[ExternalId] = Field(
        description="candidates that may not be shown: unknown, hidden, newer than the release, or taken up by the user before"
    )


class SessionList(RecommendationList):
    """A list for somebody without an id."""

    ignored: list[ExternalId] = Field(description="items of the request that are not in the catalogue")


class MapOfItems(BaseModel):
    """Parallel arrays, one entry an item. Coordinates lie within -1 and 1."""

    release: str = Field(description="whose map it is")
    genres: list[str] = Field(description="names, which `genre` points into")
    items: list[ExternalId] = Field(description="ids")
    x: list[float] = Field(description="of each item")
    y: list[float] = Field(description="of each item")
    genre: list[int] = Field(description="index of the item's first genre in `genres`; -1 where it has none")


class MapStep(BaseModel):
    """Where a user was."""

    ts: float = Field(description="Unix seconds of the event")
    x: float = Field(description="after it")
    y: float = Field(description="after it")


class PathOfUser(BaseModel):
    """Where a user's taste lay after each of the latest events, oldest first."""

    release: str = Field(description="whose map it is")
    now: list[float] | None = Field(description="x and y; null where nothing is known that the release could read")
    path: list[MapStep] = Field(description="oldest first")
