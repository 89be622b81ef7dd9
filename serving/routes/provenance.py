"""`/provenance`: where a list of the past came from."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Path, Request
from starlette.responses import Response

from serving import examples, models
from serving.http.openapi import answers, problems
from serving.routes.api import api_of, json, router_of

router = router_of()
RequestId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="the request_id of a list")]


@router.get(
    "/provenance/{request_id}",
    tags=["operations"],
    summary="Where a list of the past came from",
    response_model=None,
    responses={**answers(models.Provenance, examples.PROVENANCE, "What is on record"), **problems(404, 422, 503)},
)
async def provenance(request: Request, request_id: RequestId) -> Response:
    """Needs the scope `admin`, because it shows what was known of the user. The same as `marquee explain-request ID`.

    The list is drawn again from the candidates and the seed that were stored with it, and compared with the log: items, scores
    and propensities bit for bit. A list is on record some seconds after it was shown.
    """
    return json(await asyncio.to_thread(api_of(request).provenance, request_id))
