"""Query parameters that a route does not have are refused, so that a typo is not mistaken for an empty answer.

`?gnre=Drama` would otherwise be ignored, and the list would have films of every genre. A parameter that takes one value is
refused when it comes twice: which of the two is meant would be a guess. One dependency of every route of the API does both,
before any value is looked at. The page, Swagger and static files are not part of the API: links to them may carry parameters that
browsers and mail programs add.
"""

from __future__ import annotations

from collections import Counter
from typing import get_origin

from fastapi import Request
from fastapi.routing import APIRoute

from serving.http.problems import ALLOWED, InvalidFields, field_error

MAX_NAME_LENGTH = 64  # characters of a wrong name that are repeated to its sender


async def known_parameters(request: Request) -> None:
    """Raises InvalidFields for query parameters that the route does not have, or that are sent twice but take one value."""
    if not request.scope["query_string"]:
        return
    repeatable = _parameters(request.scope["route"])
    sent = request.query_params.multi_items()
    counts = Counter(name for name, _ in sent)
    names = "no such parameter; allowed: " + (", ".join(repeatable) or "none")
    wrong = [
        field_error(name[:MAX_NAME_LENGTH], value, f"once: {ALLOWED.get(name, 'one value')}" if name in repeatable else names)
        for name, value in dict(sent).items()
        if name not in repeatable or (counts[name] > 1 and not repeatable[name])
    ]
    if wrong:
        raise InvalidFields(wrong)


def _parameters(route: APIRoute) -> dict[str, bool]:
    """The query parameters of a route in its order, those of its dependencies included, and whether each may be repeated."""
    found: dict[str, bool] = {}
    waiting = [route.dependant]
    while waiting:
        dependant = waiting.pop()
        found |= {one.alias: get_origin(one.field_info.annotation) is list for one in dependant.query_params}
        waiting.extend(dependant.dependencies)
    return found
