"""`/events`: what users did."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import Request
from starlette.responses import Response

from serving import examples, models
from serving.http.guarded import caller_of
from serving.http.json_body import sent_body
from serving.http.openapi import EVENT_BODY, answers, problems
from serving.routes.api import api_of, json, router_of

router = router_of()


@router.post(
    "/events",
    tags=["events"],
    summary="Store one event or an array of them",
    status_code=202,
    response_model=None,
    openapi_extra=EVENT_BODY,
    responses={
        **answers(models.Receipt, examples.RECEIPT, "Durable, and on the way into the features", status=202),
        **problems(400, 408, 409, 413, 415, 422, 503),
    },
)
async def post_events(request: Request) -> Response:
    """Acknowledged only once durable, and idempotent by `event_id`. One invalid event refuses the whole request.

    An event later than now (`MARQUEE_CLOCK_SKEW`) is 409, because later the same request may be right.
    Events on items that the catalogue does not have are kept in the dead-letter topic and reported as quarantined.
    A user's token may send events of that user alone.
    """
    receipt = await api_of(request).ingestion.ingest(await sent_body(request), caller_of(request))
    return json(asdict(receipt), status=202)
