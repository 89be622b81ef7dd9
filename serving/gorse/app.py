"""Every route of Gorse's API that is here, as an application of its own under `/api`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Asgi

from serving.access.callers import Scope
from serving.gorse.data_routes import DataRoutes
from serving.gorse.facade import Gorse, Records
from serving.gorse.list_routes import ListRoutes
from serving.gorse.requests import Handler, answered

if TYPE_CHECKING:
    from serving.routes.api import Api

READ, EVENTS, ADMIN, OPEN = Scope.READ, Scope.EVENTS, Scope.ADMIN, None
Table = list[tuple[str, str, Scope | None, Handler]]


def gorse_app(api: Api, gorse: Gorse) -> ASGIApp:
    """An address with a slash at its end is the same one: clients of Gorse send both."""
    records = Records(api, gorse)
    table = [*_data(DataRoutes(records)), *_lists(ListRoutes(records))]
    routes = [Route(path, answered(handler, scope, path, api), methods=[method]) for method, path, scope, handler in table]
    router = Router(routes, redirect_slashes=False)

    async def app(scope: Asgi, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["path"] = scope["path"].rstrip("/")
        await router(scope, receive, send)

    return app


def _data(data: DataRoutes) -> Table:
    user, item = "/user/{user_id:id}", "/item/{item_id:id}"
    between, kind = "/feedback/{user_id:id}/{item_id:id}", "/feedback/{feedback_type}"
    typed = f"{kind}/{{user_id:id}}/{{item_id:id}}"
    return [
        ("POST", "/user", ADMIN, data.insert_user),
        ("POST", "/users", ADMIN, data.insert_users),
        ("GET", "/users", READ, data.get_users),
        ("GET", user, READ, data.get_user),
        ("PATCH", user, ADMIN, data.patch_user),
        ("DELETE", user, ADMIN, data.delete_user),
        ("GET", f"{user}/feedback", READ, data.feedback_of),
        ("GET", f"{user}{kind}", READ, data.feedback_of),
        ("POST", "/item", ADMIN, data.insert_item),
        ("POST", "/items", ADMIN, data.insert_items),
        ("GET", "/items", READ, data.get_items),
        ("GET", item, READ, data.get_item),
        ("PATCH", item, ADMIN, data.patch_item),
        ("DELETE", item, ADMIN, data.delete_item),
        ("PUT", f"{item}/category/{{category}}", ADMIN, data.insert_category),
        ("DELETE", f"{item}/category/{{category}}", ADMIN, data.delete_category),
        ("GET", f"{item}/feedback", READ, data.feedback_of),
        ("GET", f"{item}{kind}", READ, data.feedback_of),
        ("POST", "/feedback", EVENTS, data.post_feedback),
        ("PUT", "/feedback", EVENTS, data.put_feedback),
        ("GET", "/feedback", READ, data.get_feedback),
        ("GET", kind, READ, data.get_feedback),
        ("GET", between, READ, data.feedback_of),
        ("DELETE", between, ADMIN, data.delete_feedback),
        ("GET", typed, READ, data.one_feedback),
        ("DELETE", typed, ADMIN, data.delete_feedback),
    ]


def _lists(lists: ListRoutes) -> Table:
    category, near = "/{category}", "/item/{item_id:id}/neighbors"
    user = "/{user_id:id}"
    return [
        ("GET", f"/recommend{user}", READ, lists.recommend),
        ("GET", f"/recommend{user}{category}", READ, lists.recommend),
        ("GET", f"/collaborative-filtering{user}", READ, lists.scored),
        ("GET", f"/intermediate/recommend{user}", READ, lists.scored),
        ("GET", f"/intermediate/recommend{user}{category}", READ, lists.scored),
        ("POST", "/session/recommend", READ, lists.session),
        ("POST", f"/session/recommend{category}", READ, lists.session),
        ("GET", "/popular", READ, lists.popular),
        ("GET", f"/popular{category}", READ, lists.popular),
        ("GET", "/latest", READ, lists.latest),
        ("GET", f"/latest{category}", READ, lists.latest),
        ("GET", "/non-personalized/{name}", READ, lists.non_personalized),
        ("GET", near, READ, lists.neighbors),
        ("GET", f"{near}{category}", READ, lists.neighbors),
        ("GET", "/item-to-item/{name}/{item_id:id}", READ, lists.neighbors),
        ("GET", f"/user{user}/neighbors", READ, lists.user_neighbors),
        ("GET", f"/user-to-user/{{name}}{user}", READ, lists.user_neighbors),
        ("GET", "/health/live", OPEN, lists.live),
        ("GET", "/health/ready", OPEN, lists.ready),
    ]
