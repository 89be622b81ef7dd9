"""`/admin`: what the system decided by itself, for its owner."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header, Request
from starlette.responses import Response

from serving import examples, models
from serving.http.openapi import answers, problems
from serving.routes.api import Limit, api_of, check_admin, json

router = APIRouter(default_response_class=Response)


@router.get(
    "/admin/decisions",
    tags=["operations"],
    summary="The watchdog's latest decisions",
    response_model=None,
    responses={**answers(models.Decisions, examples.DECISIONS, "Oldest first"), **problems(401, 403, 422, 503)},
)
async def decisions(
    request: Request, limit: Limit = 50, x_admin_key: Annotated[str | None, Header(description="the admin key")] = None
) -> Response:
    """Needs the admin key. The same as `marquee watch --explain`: when, verdict, why, what was done, when it looks again."""
    api = api_of(request)
    check_admin(api.admin_key, x_admin_key)
    return json({"decisions": await asyncio.to_thread(api.decisions, limit)})
