"""Every route of the API."""

from __future__ import annotations

from serving.routes import events, items, lists, operations, users

ROUTERS = (lists.router, events.router, items.router, users.router, operations.router)
ROUTES = tuple(
    sorted(
        (method, path)
        for router in ROUTERS
        for route in router.routes
        for path in [route.path_format]  # type: ignore[attr-defined]
        for method in route.methods  # type: ignore[attr-defined]
    )
)
