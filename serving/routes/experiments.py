"""`/admin/experiments`: which A/B experiments there are, and starting and stopping them while lists are served."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from serving import examples, models
from serving.http.openapi import answers, problems
from serving.routes.api import Api, api_of, check_admin, json

ACTOR = "admin api"  # in the promotion ledger
AdminKey = Annotated[str | None, Header(description="the admin key")]
Why = Annotated[str, Query(max_length=500, description="the reason, for the promotion ledger")]
DryRun = Annotated[bool, Query(description="only check whether it could be done")]
router = APIRouter(default_response_class=Response)


@router.get(
    "/admin/experiments",
    tags=["operations"],
    summary="A/B experiments",
    response_model=None,
    responses={**answers(models.ExperimentStates, examples.EXPERIMENTS, "By name"), **problems(401, 403, 422, 503)},
)
async def experiments(request: Request, x_admin_key: AdminKey = None) -> Response:
    """Needs the admin key. The same as `marquee experiment list`."""
    api = _admin(request, x_admin_key)
    return json({"experiments": await asyncio.to_thread(api.experiments.listed)})


@router.post(
    "/admin/experiments/{name}/start",
    tags=["operations"],
    summary="Start an A/B experiment",
    response_model=None,
    responses={
        **answers(models.ExperimentChanged, examples.EXPERIMENT_STARTED, "Started, or with `dry_run` it could be"),
        **problems(401, 403, 404, 409, 422, 503),
    },
)
async def start(request: Request, name: str, why: Why = "", dry_run: DryRun = False, x_admin_key: AdminKey = None) -> Response:
    """Needs the admin key. The same as `marquee experiment start`: every API process serves it within seconds.

    409 names the running experiment that it cannot run beside; 503 while the promotion ledger cannot be written: then it is not
    started.
    """
    api = _admin(request, x_admin_key)
    await asyncio.to_thread(api.experiments.start, name, actor=ACTOR, why=why, dry_run=dry_run)
    return json({"experiment": name, "state": "running", "dry_run": dry_run})


@router.post(
    "/admin/experiments/{name}/stop",
    tags=["operations"],
    summary="Stop an A/B experiment",
    response_model=None,
    responses={
        **answers(models.ExperimentChanged, examples.EXPERIMENT_STOPPED, "Stopped, or with `dry_run` it could be"),
        **problems(401, 403, 409, 422, 503),
    },
)
async def stop(request: Request, name: str, why: Why = "", dry_run: DryRun = False, x_admin_key: AdminKey = None) -> Response:
    """Needs the admin key. The same as `marquee experiment stop`: its users get again what they would get without it."""
    api = _admin(request, x_admin_key)
    await asyncio.to_thread(api.experiments.stop, name, actor=ACTOR, why=why, dry_run=dry_run)
    return json({"experiment": name, "state": "stopped", "dry_run": dry_run})


def _admin(request: Request, key: str | None) -> Api:
    api = api_of(request)
    check_admin(api.admin_key, key)
    return api
