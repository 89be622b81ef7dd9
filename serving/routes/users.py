"""`/users`: what is known about a user, and erasing the user."""

from __future__ import annotations

import asyncio

from fastapi import Request
from starlette.responses import Response

from serving import examples, models
from serving.http.guarded import caller_of
from serving.http.json_body import json_body
from serving.http.openapi import answers, problems
from serving.lists.history import history_of
from serving.onboarding_answers import ONBOARDING_BODY, answers_in
from serving.routes.api import Id, Limit, api_of, json, router_of

router = router_of()


@router.get(
    "/users",
    tags=["users"],
    summary="Some user ids to try",
    response_model=None,
    responses={**answers(models.Users, examples.USERS, "Ids of users with a history"), **problems(422)},
)
async def users(request: Request, limit: Limit = 10) -> Response:
    """For a user's token, that user alone."""
    only = caller_of(request).user
    return json({"users": list(api_of(request).example_users[:limit]) if only is None else [only]})


@router.get(
    "/users/{user_id:id}/history",
    tags=["users"],
    summary="The recent events of a user, newest first",
    response_model=None,
    responses={**answers(models.History, examples.HISTORY, "The history as the user tower sees it"), **problems(422, 503)},
)
async def history(request: Request, user_id: Id, limit: Limit = 20) -> Response:
    """A user never seen has `known: false` and no events."""
    service = api_of(request).service
    user = await service.known(user_id)
    return json(history_of(user_id, user, service.host.facts, limit))


@router.post(
    "/users/{user_id:id}/onboarding",
    tags=["users"],
    summary="What a new user says that they like",
    response_model=None,
    openapi_extra=ONBOARDING_BODY,
    responses={**answers(models.Onboarded, examples.ONBOARDED, "Stored"), **problems(400, 404, 408, 409, 413, 415, 422, 503)},
)
async def onboarding(request: Request, user_id: Id) -> Response:
    """The next list is made from it, with the strategy `onboarding`, until there are ten events of the user's own.

    One or more of `items` (ids), `genres`, `people` (names of cast or directors) and `age_band`. New answers take the place of
    earlier ones. They are read as a history and are no events: nothing becomes popular by them. Erasing the user erases them.
    """
    api = api_of(request)
    host = api.service.host
    told = answers_in(await json_body(request), host.facts, host.main.snapshot)
    await asyncio.to_thread(api.onboard, user_id, told)
    items = [host.facts.id_of(item) for item in told.items]
    return json({"user_id": user_id, "items": items, "genres": told.genres, "people": told.people, "age_band": told.age_band})


@router.delete(
    "/users/{user_id:id}",
    tags=["users"],
    summary="Erase a user everywhere, with a receipt",
    response_model=None,
    responses={**answers(models.Erased, examples.ERASED, "Erased"), **problems(409, 422, 503)},
)
async def erase_user(request: Request, user_id: Id) -> Response:
    """Needs the scope `admin`. The same as `marquee privacy erase`: features, the lake in all of its versions, the event log,
    held-out events, what waits in the outbox, quarantined rows. Kafka keeps its records until their retention ends, and `stays`
    says so.

    An id that has the key of an id that came earlier is refused with 409, and the other user keeps everything.
    """
    api = api_of(request)
    receipt = await asyncio.to_thread(api.erase, user_id)
    api.service.forget(user_id)
    return json(receipt)
