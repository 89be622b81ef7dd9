"""The objects that the routes use, and the helpers that they share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Protocol

import orjson
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from core import ids
from core.answers import Answers
from core.ids import ExternalId
from core.ports import Retraining
from lake.item_changes import Changed
from serving.access.control import AccessControl
from serving.films.service import FilmService
from serving.gorse.facade import Gorse
from serving.health import Readiness
from serving.http import slashes
from serving.http.again import KnownAddresses
from serving.http.guarded import GuardedRoute
from serving.intake.ingestion import Ingestion
from serving.lists.service import RecommendService
from serving.operating import Operating

Id = Annotated[
    ids.Id,
    Path(description=f"an integer, or any string of up to {ids.MAX_LENGTH} characters (URL-encoded)"),
]
Limit = Annotated[int, Query(ge=1, le=100, description="how many")]
slashes.know_ids()


class ExperimentControl(Protocol):
    """Starts and stops A/B experiments. Each call may block, so it runs in a thread. All raise LedgerUnavailable."""

    def listed(self) -> Sequence[Mapping[str, object]]:
        """Each experiment that has a file or was ever started, as `serving.models.ExperimentState` says."""

    def start(self, name: str, *, actor: str, why: str, dry_run: bool) -> None:
        """Raises NotFound, InvalidInput, ExperimentConflict."""

    def stop(self, name: str, *, actor: str, why: str, dry_run: bool) -> None:
        """Raises NotRunning."""


@dataclass(frozen=True)
class Api:
    """The objects that the routes use; `app.state.api` holds them."""

    service: RecommendService
    films: FilmService
    ingestion: Ingestion
    readiness: Readiness
    code_version: str
    example_users: Sequence[ExternalId]
    erase: Callable[[ExternalId], Mapping[str, object]]  # a user, everywhere; the receipt is `serving.models.Erased`
    change_item: Callable[[ExternalId, Mapping[str, object]], Changed]  # stores new values of `lake.item_changes.CHANGEABLE`
    onboard: Callable[[ExternalId, Answers], None]  # keeps what a new user answered
    retraining: Retraining
    access: AccessControl
    experiments: ExperimentControl
    decisions: Callable[[int], Sequence[Mapping[str, object]]]  # up to so many latest ones of the watchdog, oldest first
    provenance: Callable[[str], Mapping[str, object]]  # of the list with this request id; raises NotFound
    operating: Operating
    gorse: Gorse | None = None  # Gorse's API, where it is on
    known_addresses: KnownAddresses = field(default_factory=KnownAddresses)
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)  # one change of an item at a time: it is read and written whole


def api_of(request: Request) -> Api:
    api: Api = request.app.state.api
    return api


def json(body: object, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, {"Cache-Control": "no-store"}, "application/json")


def router_of(route_class: type[GuardedRoute] = GuardedRoute) -> APIRouter:
    """A router whose routes are guarded and answer with what they made."""
    return APIRouter(default_response_class=Response, route_class=route_class)
