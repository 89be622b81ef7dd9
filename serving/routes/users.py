"""`/users`: what is known about a user, and erasing the user."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header, Request
from starlette.responses import Response

from serving import examples, models
from serving.http.openapi import answers, problems
from serving.lists.history import history_of
from serving.routes.api import Id, Limit, api_of, check_admin, json

router = APIRouter(default_response_class=Response)


@router.get(
    "/users",
    tags=["users"],
    summary="Some user ids to try",
    response_model=None,
    responses={**answers(models.Users, examples.USERS, "Ids of users with a history"), **problems(422)},
)
async def users(request: Request, limit: Limit = 10) -> Response:
    return json({"users": list(api_of(request).example_users[:limit])})


@router.get(
    "/users/{user_id:path}/history",
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


@router.delete(
    "/users/{user_id:path}",
    tags=["users"],
    summary="Erase a user's features and lake rows",
    response_model=None,
    responses={**answers(models.Erased, examples.ERASED, "Erased"), **problems(401, 403, 409, 422, 503)},
)
async def erase_user(
    request: Request, user_id: Id, x_admin_key: Annotated[str | None, Header(description="the admin key")] = None
) -> Response:
    """Needs the admin key. The event log keeps its records until their retention ends.

    An id that has the key of an id that came earlier is refused with 409, and the other user keeps everything.
    """
    api = api_of(request)
    check_admin(api.admin_key, x_admin_key)
    rows = await asyncio.to_thread(api.erase, user_id)
    api.service.forget(user_id)
    return json({"user_id": user_id, "lake_rows": rows})
