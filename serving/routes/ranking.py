"""Lists that are asked for with what they are made from: given candidates, an item, a visit."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastapi import Request
from starlette.responses import Response

from core.ids import ExternalId
from recommender.roles import Constraints, Page
from serving.films import examples, models
from serving.films.rank_body import RANK_BODY, RankRequest, rank_request_in
from serving.films.service import Allowed
from serving.films.session_body import SESSION_BODY, SessionRequest, session_request_in
from serving.films.session_user import session_user
from serving.http.guarded import user_meant
from serving.http.json_body import json_body
from serving.http.openapi import answers, problems
from serving.http.problems import request_id_of
from serving.list_body import LIST_BODY_BYTES
from serving.lists import rendering
from serving.routes.api import Api, api_of, json, router_of
from serving.routes.films import cards, with_ties

SIMILAR = "similar"  # the strategy of cards that are like an item
router = router_of()


@router.post(
    "/rank",
    tags=["lists"],
    summary="Cards for a user, like an item, or given items in order",
    response_model=None,
    openapi_extra=RANK_BODY,
    responses={**answers(models.Ranked, examples.RANKED, "Best first"), **problems(400, 404, 408, 413, 415, 422, 503)},
)
async def rank(request: Request) -> Response:
    """With `user_id` a list is made and logged as by `GET /recommend/{user_id}`; with `item_id` or `movie_id` come the items that
    are nearest to it.

    `candidates` are put in order, and nothing else is shown. Those that may not be shown are in `left_out`: unknown, hidden,
    newer than the release, or taken up by the user before.
    """
    api, wanted = api_of(request), rank_request_in(await json_body(request, LIST_BODY_BYTES))
    if wanted.like is not None:
        return json(await _like(api, wanted, wanted.like))
    user = user_meant(request, wanted.user_id)
    return json(await _for_user(api, wanted, user, request_id_of(request)))  # type: ignore[arg-type]  # one of both is named


@router.post(
    "/session/recommend",
    tags=["lists"],
    summary="A list for somebody without an id",
    response_model=None,
    openapi_extra=SESSION_BODY,
    responses={**answers(models.SessionList, examples.SESSION, "Best first"), **problems(400, 408, 413, 415, 422, 503)},
)
async def session_recommend(request: Request) -> Response:
    """From what they did in this visit, which is kept nowhere: send it again with the next request.

    A bare id stands for a liking. The answer's `user_id` is made up for this list, so that its impressions have one.
    """
    api, wanted = api_of(request), session_request_in(await json_body(request, LIST_BODY_BYTES))
    who, request_id = f"session-{request_id_of(request)}", request_id_of(request)
    user, unknown = session_user(who, wanted.items, api.service.host.facts, time.time())
    made = await api.service.recommend(who, Page(wanted.k), _constraints(api, wanted), request_id, session=user)
    because = await asyncio.to_thread(made.reasons) if wanted.explain else None
    return json(rendering.full(made, because, wanted.trace) | {"ignored": unknown})


async def _like(api: Api, wanted: RankRequest, item: ExternalId) -> dict[str, Any]:
    only = _keys(api, wanted)
    found = await api.films.similar(item, None, wanted.k, only)
    items = cards(api.films.facts, found, with_ties if wanted.explain else lambda _: {"reasons": []})
    left_out = _left_out(api, wanted, api.films.for_everybody) if wanted.candidates else []
    return {"request_id": None, "strategy": SIMILAR, "items": items, "left_out": left_out}


async def _for_user(api: Api, wanted: RankRequest, user: ExternalId, request_id: str) -> dict[str, Any]:
    made = await api.service.recommend(user, Page(wanted.k), Constraints(only=_keys(api, wanted)), request_id)
    because = await asyncio.to_thread(made.reasons) if wanted.explain else None
    body = rendering.full(made, because, trace=False)
    items = [{name: one[name] for name in models.RankedItem.model_fields} for one in body["recommendations"]]
    return {
        "request_id": request_id,
        "strategy": made.strategy,
        "items": items,
        "left_out": _left_out(api, wanted, Allowed(made.by, made.query)) if wanted.candidates else [],
    }


def _left_out(api: Api, wanted: RankRequest, allowed: Allowed) -> list[ExternalId]:
    """The candidates that no page of the list could have."""
    may = allowed.items([api.films.facts.key_of(id_) for id_ in wanted.candidates])
    return [id_ for id_, one in zip(wanted.candidates, may, strict=True) if not one]


def _keys(api: Api, wanted: RankRequest) -> frozenset[int] | None:
    return frozenset(map(api.films.facts.key_of, wanted.candidates)) if wanted.candidates else None


def _constraints(api: Api, wanted: SessionRequest) -> Constraints:
    exclude = frozenset(map(api.service.host.facts.key_ever, wanted.exclude))
    return Constraints(genres=tuple(wanted.genre), exclude=exclude, min_year=wanted.year_min, max_year=wanted.year_max)
