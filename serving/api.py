"""The routes: thin. Each reads its parameters, asks one object, and encodes the answer with orjson."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Header, Path, Query, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from core.events import MAX_ID
from serving import examples, models
from serving.health import Readiness
from serving.http.openapi import EVENT_BODY, answers, problems
from serving.http.problems import Forbidden, Unauthorized, request_id_of
from serving.intake.ingestion import Ingestion
from serving.lists.history import history_of
from serving.lists.service import Answer, RecommendService, reasons, trace_of

router = APIRouter(default_response_class=Response)

Id = Annotated[int, Path(ge=1, le=MAX_ID)]
Limit = Annotated[int, Query(ge=1, le=100)]


@dataclass(frozen=True)
class Api:
    """What the routes stand on; `app.state.api` holds it."""

    service: RecommendService
    ingestion: Ingestion
    readiness: Readiness
    code_version: str
    example_users: Sequence[int]
    erase: Callable[[int], int]  # forgets a user's features and lake rows; returns the number of rows
    admin_key: str | None


def api_of(request: Request) -> Api:
    api: Api = request.app.state.api
    return api


def json(body: object, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, {"Cache-Control": "no-store"}, "application/json")


@router.get(
    "/recommend/{user_id}",
    tags=["lists"],
    summary="A list for a user",
    response_model=None,
    responses={**answers(models.RecommendationList, examples.LIST, "The list, best first"), **problems(422)},
)
async def recommend(
    request: Request,
    user_id: Id,
    k: Annotated[Limit, Query(description="how many; fewer only when the catalogue has no more")] = 20,
    explain: Annotated[bool, Query(description="say why each film is there")] = False,
    trace: Annotated[bool, Query(description="say what each stage of the pipeline did")] = False,
    format: Annotated[Literal["full", "ids"], Query(description="ids: only item ids")] = "full",
) -> Response:
    """Never an item that the user has rated, watched, bought, reviewed or skipped, and never one twice.

    A user never seen gets what is popular now, with `cold_start: true`. With `format=ids` the answer is
    `{"cold_start": false, "recommendations": [12, 5, 42]}`; its `request_id` is in the header `X-Request-Id`.
    """
    answer = await api_of(request).service.recommend(user_id, k, request_id_of(request))
    if format == "ids":
        ids = answer.release.catalogue.ids[answer.chosen.rows].tolist()
        return json({"cold_start": answer.cold_start, "recommendations": ids})
    return json(_full(answer, explain, trace))


@router.post(
    "/events",
    tags=["events"],
    summary="Store one event or an array of them",
    status_code=202,
    response_model=None,
    openapi_extra=EVENT_BODY,
    responses={
        **answers(models.Receipt, examples.RECEIPT, "Durable, and on the way into the features", status=202),
        **problems(400, 413, 422, 503),
    },
)
async def post_events(request: Request) -> Response:
    """Acknowledged only once durable, and idempotent by `event_id`. One invalid event refuses the whole request.

    Events on items that the catalogue does not have are kept in the dead-letter topic and reported as quarantined.
    """
    receipt = await api_of(request).ingestion.ingest(await request.body())
    return json(asdict(receipt), status=202)


@router.get(
    "/items/{item_id}",
    tags=["catalogue"],
    summary="A film",
    response_model=None,
    responses={**answers(models.ItemDetails, examples.ITEM, "The film"), **problems(404, 422)},
)
async def item(request: Request, item_id: Id) -> Response:
    release = api_of(request).service.release
    row = release.catalogue.row(item_id)
    known = {
        "events": float(release.stats.n_events[row]),
        "popularity_now": float(release.stats.recent[row]),
        "rating_mean": float(release.stats.rating_mean[row]),
    }
    return json(release.film(row) | known)


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
    "/users/{user_id}/history",
    tags=["users"],
    summary="The recent events of a user, newest first",
    response_model=None,
    responses={**answers(models.History, examples.HISTORY, "The history as the user tower sees it"), **problems(422, 503)},
)
async def history(request: Request, user_id: Id, limit: Limit = 20) -> Response:
    """A user never seen has `known: false` and no events."""
    service = api_of(request).service
    user = await service.features.read(user_id)
    return json(history_of(user_id, user, service.release, limit))


@router.delete(
    "/users/{user_id}",
    tags=["users"],
    summary="Erase a user's features and lake rows",
    response_model=None,
    responses={**answers(models.Erased, examples.ERASED, "Erased"), **problems(401, 403, 422, 503)},
)
async def erase_user(
    request: Request, user_id: Id, x_admin_key: Annotated[str | None, Header(description="the admin key")] = None
) -> Response:
    """Needs the admin key. The event log keeps its records until their retention ends."""
    api = api_of(request)
    _check_admin(api.admin_key, x_admin_key)
    rows = await asyncio.to_thread(api.erase, user_id)
    return json({"user_id": user_id, "lake_rows": rows})


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
    """The dependencies are asked in the background; this answers at once."""
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
    summary="Release, data version, code version",
    response_model=None,
    responses=answers(models.Version, examples.VERSION, "What is running"),
)
async def version(request: Request) -> Response:
    api = api_of(request)
    manifest = api.service.release.manifest
    return json(
        {
            "release": manifest.release,
            "created": manifest.created,
            "code_version": api.code_version,
            "release_code_version": manifest.code_version,
            "data_version": manifest.data_version,
            "trained_until": manifest.trained_until,
            "feature_schema": manifest.feature_schema,
            "metrics": manifest.metrics,
        }
    )


def _full(answer: Answer, explain: bool, trace: bool) -> dict[str, Any]:
    release, chosen = answer.release, answer.chosen
    why = reasons(answer) if explain else [[]] * len(chosen)
    shown = zip(chosen.rows.tolist(), chosen.scores.tolist(), why, strict=True)
    body = {
        "request_id": answer.request_id,
        "user_id": answer.user_id,
        "cold_start": answer.cold_start,
        "strategy": answer.strategy,
        "model_version": release.name,
        "recommendations": [release.film(row) | {"score": score, "reasons": because} for row, score, because in shown],
    }
    return body | {"trace": trace_of(answer)} if trace else body


def _check_admin(expected: str | None, given: str | None) -> None:
    if expected is None:
        raise Forbidden("admin routes are disabled; set MARQUEE_ADMIN_KEY to use them")
    if given is None:
        raise Unauthorized("send the admin key in the header X-Admin-Key")
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise Forbidden("the key in the header X-Admin-Key is not the admin key")


ROUTES = tuple(
    sorted((method, path) for route in router.routes for path in [route.path] for method in route.methods)  # type: ignore[attr-defined]
)
