"""`/admin/experiments`: which A/B experiments there are, and starting and stopping them while lists are served."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Path, Query, Request
from starlette.responses import Response

from serving import examples, models
from serving.http.openapi import answers, problems
from serving.routes.api import api_of, json, router_of

ACTOR = "admin api"  # in the promotion ledger
Why = Annotated[str, Query(max_length=500, description="the reason, for the promotion ledger")]
DryRun = Annotated[bool, Query(description="only check whether it could be done")]
Name = Annotated[str, Path(description="of the experiment, which is that of its file")]
router = router_of()


@router.get(
    "/admin/experiments",
    tags=["operations"],
    summary="A/B experiments",
    response_model=None,
    responses={**answers(models.ExperimentStates, examples.EXPERIMENTS, "By name"), **problems(422, 503)},
)
async def experiments(request: Request) -> Response:
    """Needs the scope `admin`. The same as `marquee experiment list`."""
    return json({"experiments": await asyncio.to_thread(api_of(request).experiments.listed)})


@router.post(
    "/admin/experiments/{name}/start",
    tags=["operations"],
    summary="Start an A/B experiment",
    response_model=None,
    responses={
        **answers(models.ExperimentChanged, examples.EXPERIMENT_STARTED, "Started, or with `dry_run` it could be"),
        **problems(404, 409, 422, 503),
    },
)
async def start_experiment(request: Request, name: Name, why: Why = "", dry_run: DryRun = False) -> Response:
    """Needs the scope `admin`. The same as `marquee experiment start`: every API process serves it within seconds.

    409 names the running experiment that it cannot run beside; 503 while the promotion ledger cannot be written: then it is not
    started.
    """
    await asyncio.to_thread(api_of(request).experiments.start, name, actor=ACTOR, why=why, dry_run=dry_run)
    return json({"experiment": name, "state": "running", "dry_run": dry_run})


@router.post(
    "/admin/experiments/{name}/stop",
    tags=["operations"],
    summary="Stop an A/B experiment",
    response_model=None,
    responses={
        **answers(models.ExperimentChanged, examples.EXPERIMENT_STOPPED, "Stopped, or with `dry_run` it could be"),
        **problems(409, 422, 503),
    },
)
async def stop_experiment(request: Request, name: Name, why: Why = "", dry_run: DryRun = False) -> Response:
    """Needs the scope `admin`. The same as `marquee experiment stop`: its users get again what they would get without it."""
    await asyncio.to_thread(api_of(request).experiments.stop, name, actor=ACTOR, why=why, dry_run=dry_run)
    return json({"experiment": name, "state": "stopped", "dry_run": dry_run})
