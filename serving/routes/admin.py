"""`/admin`: what only an operator may ask for and see."""

from __future__ import annotations

import asyncio

from fastapi import Request
from starlette.responses import Response

from core.errors import MarqueeError
from serving import examples, models
from serving.http.json_body import json_body
from serving.http.openapi import answers, problems
from serving.http.typed_body import text_in
from serving.routes.api import Limit, api_of, json, router_of

MAX_REASON = 500  # characters
_BODY = {
    "requestBody": {
        "required": False,
        "content": {
            "application/json": {
                "schema": {
                    "title": "RetrainingRequest",
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "reason": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": MAX_REASON,
                            "description": "for the record of decisions",
                        }
                    },
                },
                "examples": {"reason": {"summary": "With a reason", "value": {"reason": "new season"}}},
            }
        },
    }
}
router = router_of()


class RetrainingRefused(MarqueeError):
    """No retraining may start now."""

    status = 409
    slug = "retraining-refused"
    title = "No retraining may start now"


@router.post(
    "/admin/retrain",
    tags=["operations"],
    summary="Retrain now",
    status_code=202,
    response_model=None,
    openapi_extra=_BODY,
    responses={
        **answers(models.RetrainingAsked, examples.RETRAINING_ASKED, "Asked for", status=202),
        **problems(400, 408, 409, 413, 415, 422),
    },
)
async def retrain(request: Request) -> Response:
    """Needs the scope `admin`. A watchdog takes it up within seconds, in a process with limited cores and memory.

    It overrides the cool-down, the daily cap and the quiet hours, and says so. 409 says why none may start, and in
    `next_at` when one may (Unix seconds; null where no time says when).
    """
    reasons = _reasons(await json_body(request))
    answer = await asyncio.to_thread(api_of(request).retraining.ask, "manual", reasons)
    if not answer.started:
        raise RetrainingRefused(answer.reason, next_at=answer.next_at)
    return json({"trigger": "manual", "reasons": reasons, "detail": answer.reason}, 202)


@router.get(
    "/admin/decisions",
    tags=["operations"],
    summary="The watchdog's latest decisions",
    response_model=None,
    responses={**answers(models.Decisions, examples.DECISIONS, "Oldest first"), **problems(422, 503)},
)
async def decisions(request: Request, limit: Limit = 50) -> Response:
    """Needs the scope `admin`. The same as `marquee watch --explain`: when, verdict, why, what was done, when it looks again."""
    return json({"decisions": await asyncio.to_thread(api_of(request).decisions, limit)})


def _reasons(body: bytes) -> list[str]:
    """Raises MalformedJson, InvalidFields."""
    reason = text_in(body, "reason", 1, MAX_REASON)
    return [] if reason is None else [reason]
