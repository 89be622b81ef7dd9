"""Items, and what is looked at beside lists."""

from __future__ import annotations

from collections.abc import Sequence

from marquee_client.answers import (
    DomainWords,
    Genres,
    ItemChanged,
    ItemDetails,
    MapOfItems,
    NewItems,
    PathOfUser,
    Person,
    Questions,
    SearchResult,
    ShelfOfItems,
    SimilarItems,
)
from marquee_client.calls import Call, part
from marquee_client.ids import Id


def search(q: str, *, k: int | None = None, user_id: Id | None = None) -> Call[SearchResult]:
    """Items by title, person, genre or tag, while the words are being typed."""
    return Call("search", "GET", "/search", {"q": q, "k": k, "user_id": user_id})


def item(item_id: Id, *, if_none_match: str | None = None) -> Call[ItemDetails]:
    """What is known of an item now. Raises NotModified where the copy with the ETag `if_none_match` is still right."""
    return Call("item", "GET", f"/items/{part(item_id)}", headers=_copy(if_none_match))


def change_item(item_id: Id, **values: object) -> Call[ItemChanged]:
    """Hide, show or correct an item (scope `admin`): one or more of its details by name; None makes one unknown again."""
    return Call("change_item", "PATCH", f"/items/{part(item_id)}", body=values)


def similar(item_id: Id, *, k: int | None = None, user_id: Id | None = None) -> Call[SimilarItems]:
    """The nearest items, best first; without what the user has taken up."""
    return Call("similar", "GET", f"/items/{part(item_id)}/similar", {"k": k, "user_id": user_id})


def trending(*, k: int | None = None, genre: Sequence[str] = (), user_id: Id | None = None) -> Call[ShelfOfItems]:
    """What is taken up more often than it used to be."""
    return Call("trending", "GET", "/trending", {"k": k, "genre": list(genre), "user_id": user_id})


def new(*, k: int | None = None, user_id: Id | None = None) -> Call[NewItems]:
    """The newest items, in the user's order."""
    return Call("new", "GET", "/new", {"k": k, "user_id": user_id})


def genres(*, if_none_match: str | None = None) -> Call[Genres]:
    """Genres, and how many items each has. `if_none_match` as in `item`."""
    return Call("genres", "GET", "/genres", headers=_copy(if_none_match))


def person(name: str, *, k: int | None = None) -> Call[Person]:
    """What somebody of cast or crew is named for."""
    return Call("person", "GET", f"/people/{part(name)}", {"k": k})


def questions(*, k: int | None = None) -> Call[Questions]:
    """What to ask a new user; the answers go to `onboarding`."""
    return Call("questions", "GET", "/onboarding", {"k": k})


def item_map(*, if_none_match: str | None = None) -> Call[MapOfItems]:
    """All items in two dimensions. `if_none_match` as in `item`."""
    return Call("item_map", "GET", "/map", headers=_copy(if_none_match))


def map_path(user_id: Id) -> Call[PathOfUser]:
    """A user's way over the map."""
    return Call("map_path", "GET", f"/map/users/{part(user_id)}")


def domain() -> Call[DomainWords]:
    """What is recommended here, in words."""
    return Call("domain", "GET", "/domain")


def _copy(etag: str | None) -> dict[str, str]:
    return {} if etag is None else {"If-None-Match": etag}
