"""`/map`: the items of the release in two dimensions, and a user's way over it."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from serving.films import examples, models
from serving.http.caching import NOT_MODIFIED, held
from serving.http.openapi import answers, problems
from serving.routes.api import Id, api_of, json, router_of
from serving.routes.films import Tag

HELD_SECONDS = 300
router = router_of()


@router.get(
    "/map",
    tags=["catalogue"],
    summary="All films on a map",
    response_model=None,
    responses={**answers(models.MapOfItems, examples.MAP, "Their places"), **NOT_MODIFIED, **problems(422)},
)
async def item_map(request: Request, if_none_match: Tag = None) -> Response:
    """Films that the same people take up lie close together: the two directions in which the embeddings differ most.

    A new release has a new map. May be held for five minutes.
    """
    api = api_of(request)
    now, rows, places = await api.films.item_map()
    catalogue, facts = now.catalogue, api.films.facts
    first = [int(genres.argmax()) if genres.any() else -1 for genres in catalogue.genres[rows]]
    body = {
        "release": now.name,
        "genres": catalogue.genre_names,
        "items": [facts.id_of(key) for key in catalogue.ids[rows].tolist()],
        "x": [round(x, 4) for x in places[:, 0].tolist()],
        "y": [round(y, 4) for y in places[:, 1].tolist()],
        "genre": first,
    }
    return held(body, HELD_SECONDS, if_none_match, public=api.access.open_to_all)


@router.get(
    "/map/users/{user_id:id}",
    tags=["users"],
    summary="A user's way over the map",
    response_model=None,
    responses={**answers(models.PathOfUser, examples.PATH, "After each of the latest events"), **problems(422)},
)
async def map_path(request: Request, user_id: Id) -> Response:
    """The user's vector after each of the latest twenty events, on the map of the release that is served."""
    found = await api_of(request).films.path_of(user_id)
    steps = [
        {"ts": ts, "x": round(x, 4), "y": round(y, 4)}
        for ts, (x, y) in zip(found.times.tolist(), found.places.tolist(), strict=True)
    ]
    now = [steps[-1]["x"], steps[-1]["y"]] if steps else None
    return json({"release": found.release, "now": now, "path": steps})
