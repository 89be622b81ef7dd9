"""`/items`: the catalogue as it is known now, and changing it."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Header, Request
from starlette.responses import Response

from core.errors import NotFound
from serving import examples, models
from serving.http.caching import NOT_MODIFIED, held
from serving.http.json_body import json_body
from serving.http.openapi import answers, problems
from serving.item_patch import ITEM_BODY, changes_in
from serving.routes.api import Id, api_of, json, router_of

HELD_SECONDS = 30
router = router_of()


@router.get(
    "/items/{item_id:id}",
    tags=["catalogue"],
    summary="A film",
    response_model=None,
    responses={**answers(models.ItemDetails, examples.ITEM, "The film"), **NOT_MODIFIED, **problems(404, 422)},
)
async def item(
    request: Request,
    item_id: Id,
    if_none_match: Annotated[str | None, Header(description="the ETag of a copy that the client has")] = None,
) -> Response:
    """What is known of it now. `in_release` is false for a film that came after the release that is served.

    The answer may be held for half a minute; lists go by a change at once.
    """
    api = api_of(request)
    host = api.service.host
    key = host.facts.key_of(item_id)
    if key < 0:
        raise NotFound(f"item {item_id} is not in the catalogue", item_id=item_id)
    row, now = host.facts.row(key), host.main.snapshot
    at = int(now.catalogue.rows([key])[0])
    known = {
        "shown": bool(host.facts.shown[row]),
        "in_release": at >= 0,
        "events": float(now.stats.n_events[at]) if at >= 0 else 0.0,
        "popularity_now": float(now.stats.recent[at]) if at >= 0 else 0.0,
        "rating_mean": float(now.stats.rating_mean[at]) if at >= 0 else None,
    }
    body = host.facts.describe(row) | host.facts.details(row) | known
    return held(body, HELD_SECONDS, if_none_match, public=api.access.open_to_all)


@router.patch(
    "/items/{item_id:id}",
    tags=["catalogue"],
    summary="Hide, show or correct a film",
    response_model=None,
    openapi_extra=ITEM_BODY,
    responses={
        **answers(models.ItemChanged, examples.ITEM_CHANGED, "Stored"),
        **problems(400, 404, 408, 413, 415, 422, 503),
    },
)
async def change_item(request: Request, item_id: Id) -> Response:
    """Needs the scope `admin`. The same as `marquee items hide|show|set`: every list has it within seconds, without a release.

    The body is an object with one or more of `title`, `genres`, `year`, `hidden`, `maturity`, `language`, `available_from`,
    `available_until`, `series`, `people`, `cost` and `runtime`; what it does not name stays as it is, and null makes a value
    unknown again where the schema allows it. The change is durable when it is answered. Histories and `GET /items` still
    show a hidden film. Models learn new details with the next release.
    """
    api = api_of(request)
    values = changes_in(await json_body(request))
    async with api.changing:
        found = await asyncio.to_thread(api.change_item, item_id, values)
    return json({"item_id": item_id, "changed": bool(found.changed)})
