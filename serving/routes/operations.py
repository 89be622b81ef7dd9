"""`/health`, `/metrics`, `/version`: for operators."""

from __future__ import annotations

from fastapi import Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from serving import examples, models
from serving.http.openapi import answers
from serving.routes.api import api_of, json, router_of

router = router_of()


@router.get(
    "/health/live",
    tags=["operations"],
    summary="The process answers",
    response_model=None,
    responses=answers(models.Live, examples.LIVE, "It does"),
)
async def live() -> Response:
    return json({"status": "up"})


@router.get(
    "/health/ready",
    tags=["operations"],
    summary="Per dependency: up, degraded or down",
    response_model=None,
    responses={
        **answers(models.Ready, examples.READY, "Lists are served"),
        503: {"model": models.Ready, "description": "Nothing can be served"},
    },
)
async def ready(request: Request) -> Response:
    """The dependencies are probed in the background; this answers at once."""
    report = await api_of(request).readiness.report()
    return json(report.as_json(), status=200 if report.ready else 503)


@router.get(
    "/metrics",
    tags=["operations"],
    summary="Prometheus metrics",
    response_model=None,
    responses={200: {"description": "Prometheus text format", "content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics() -> Response:
    return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


@router.get(
    "/version",
    tags=["operations"],
    summary="Release, policy, data version, code version",
    response_model=None,
    responses=answers(models.Version, examples.VERSION, "What is running"),
)
async def version(request: Request) -> Response:
    """Of the experiment's largest arm."""
    api = api_of(request)
    main = api.service.host.main
    manifest = main.snapshot.release.manifest
    return json(
        {
            "release": manifest.release,
            "policy": main.policy.id,
            "created": manifest.created,
            "code_version": api.code_version,
            "release_code_version": manifest.code_version,
            "data_version": manifest.data_version,
            "trained_until": manifest.trained_until,
            "feature_schema": manifest.feature_schema,
            "metrics": manifest.metrics,
        }
    )
