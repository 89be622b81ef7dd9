"""`/admin/releases`: the registry and its ledger, and moving the production alias."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Path, Query, Request
from starlette.responses import Response

from serving import operate_examples as examples
from serving import operate_models as models
from serving.http.guarded import caller_of
from serving.http.json_body import json_body
from serving.http.openapi import answers, problems
from serving.http.typed_body import text_in
from serving.routes.api import Limit, api_of, json, router_of

MAX_WHY = 500  # characters
WHY_BODY: dict[str, Any] = {
    "requestBody": {
        "required": False,
        "content": {
            "application/json": {
                "schema": {
                    "title": "ReasonForTheLedger",
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"why": {"type": "string", "maxLength": MAX_WHY, "description": "for the promotion ledger"}},
                },
                "examples": {"reason": {"summary": "With a reason", "value": {"why": "the spring catalogue"}}},
            }
        },
    }
}
Version = Annotated[str, Path(pattern="^[0-9]{1,9}$", description="number of the release in the registry")]
DryRun = Annotated[bool, Query(description="only say what would be done")]
router = router_of()


@router.get(
    "/admin/releases",
    tags=["operations"],
    summary="Releases, and what happened to them",
    response_model=None,
    responses={**answers(models.Releases, examples.RELEASES, "Newest first"), **problems(422, 503)},
)
async def releases(request: Request, limit: Annotated[Limit, Query(description="how many of the latest moves")] = 50) -> Response:
    """Needs the scope `admin`. The same as `marquee release list` and `marquee release history`."""
    api = api_of(request)
    known = await asyncio.to_thread(api.operating.releases.listed, limit)
    return json({"serving": api.service.host.main.snapshot.name, **known})


@router.post(
    "/admin/releases/{version}/promote",
    tags=["operations"],
    summary="Make a release production",
    response_model=None,
    openapi_extra=WHY_BODY,
    responses={
        **answers(models.Promoted, examples.PROMOTED, "It is production, or with `dry_run` it could be"),
        **problems(400, 404, 408, 409, 413, 415, 422, 503),
    },
)
async def promote(request: Request, version: Version, dry_run: DryRun = False) -> Response:
    """Needs the scope `admin`. The same as `marquee release promote`: the gate judges it first, and 409 names what it failed.

    It is in the promotion ledger, under the name of the key, before it happens; every process serves it within seconds. Whoever
    wants it although the gate says no uses `marquee release promote --force`.
    """
    why = _why(await json_body(request))
    control, actor = api_of(request).operating.releases, _actor(request)
    return json(await asyncio.to_thread(control.promote, version, actor=actor, why=why, dry_run=dry_run))


@router.post(
    "/admin/releases/rollback",
    tags=["operations"],
    summary="Make the previous release production again",
    response_model=None,
    openapi_extra=WHY_BODY,
    responses={
        **answers(models.RolledBack, examples.ROLLED_BACK, "It is production again, or with `dry_run` it would be"),
        **problems(400, 404, 408, 413, 415, 422, 503),
    },
)
async def rollback(request: Request, dry_run: DryRun = False) -> Response:
    """Needs the scope `admin`. The same as `marquee release rollback`: every process serves it within seconds."""
    why = _why(await json_body(request))
    control, actor = api_of(request).operating.releases, _actor(request)
    return json(await asyncio.to_thread(control.rollback, actor=actor, why=why, dry_run=dry_run))


def _actor(request: Request) -> str:
    return caller_of(request).name or "admin api"


def _why(body: bytes) -> str:
    """Raises MalformedJson, InvalidFields."""
    return text_in(body, "why", 0, MAX_WHY) or ""
