"""`/items`: the catalogue as it is known now."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from core.errors import NotFound
from serving import examples, models
from serving.http.openapi import answers, problems
from serving.routes.api import Id, api_of, json

router = APIRouter(default_response_class=Response)


@router.get(
    "/items/{item_id:path}",
    tags=["catalogue"],
    summary="A film",
    response_model=None,
    responses={**answers(models.ItemDetails, examples.ITEM, "The film"), **problems(404, 422)},
)
async def item(request: Request, item_id: Id) -> Response:
    """What is known of it now. `in_release` is false for a film that came after the release that is served."""
    host = api_of(request).service.host
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
    return json(host.facts.describe(row) | known)
