"""Every route of the API, and what holds for all of them."""

from __future__ import annotations

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute

from serving.http.openapi import problems
from serving.http.parameters import known_parameters
from serving.routes import (
    admin,
    domain,
    events,
    experiments,
    figures,
    films,
    item_map,
    items,
    lists,
    operations,
    provenance,
    ranking,
    releases,
    users,
)

ROUTERS = (
    *(films.router, item_map.router, ranking.router),
    *(lists.router, lists.list_router, events.router, items.router, users.router, operations.router),
    *(admin.router, experiments.router, provenance.router),
    *(domain.router, releases.router, figures.router),
)
API_ROUTES = tuple(route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute))
ROUTES = tuple(
    sorted(
        (method, path)
        for router in ROUTERS
        for route in router.routes
        for path in [route.path_format]  # type: ignore[attr-defined]
        for method in route.methods  # type: ignore[attr-defined]
    )
)


def include(app: FastAPI) -> None:
    """Give the app every route. None of them takes a query parameter that it does not have."""
    for router in ROUTERS:
        app.include_router(router, dependencies=[Depends(known_parameters)], responses=problems(422))
