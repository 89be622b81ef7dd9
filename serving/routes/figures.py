"""`/admin/acceptance` and `/admin/status`: how lists are taken, and what works in the background."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from serving import operate_examples as examples
from serving import operate_models as models
from serving.http.openapi import answers, problems
from serving.routes.api import api_of, json, router_of

MAX_DAYS = 366
router = router_of()


@router.get(
    "/admin/acceptance",
    tags=["operations"],
    summary="Acceptance of lists, day by day",
    response_model=None,
    responses={**answers(models.AcceptanceByDay, examples.ACCEPTANCE, "Oldest first"), **problems(422, 503)},
)
async def acceptance(
    request: Request, days: Annotated[int, Query(ge=1, le=MAX_DAYS, description="how many, today (UTC) included")] = 30
) -> Response:
    """Needs the scope `admin`. From the lake: the share of the lists from which somebody took an item, with its 95 % interval.

    Days without a list are left out. A list counts on the day on which it was shown, so that the last days may still rise.
    """
    return json({"days": await asyncio.to_thread(api_of(request).operating.acceptance, days)})


@router.get(
    "/admin/status",
    tags=["operations"],
    summary="Consumer, online learning and retraining",
    response_model=None,
    responses={**answers(models.OperatorStatus, examples.STATUS, "As of now"), **problems(422, 503)},
)
async def status(request: Request) -> Response:
    """Needs the scope `admin`. What works in the background, and how far behind it is."""
    api = api_of(request)
    now = api.service.host.main.snapshot
    known = await asyncio.to_thread(api.operating.status, now.name, now.learned_version)
    return json(known)
