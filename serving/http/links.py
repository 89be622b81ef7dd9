"""Which answer leads to which request: the links of the OpenAPI document, by which tools walk through the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Link(NamedTuple):
    """From a good answer of one operation to another one, with parameters (and a body) that the answer has."""

    source: str
    target: str
    parameters: Mapping[str, str] = {}
    body: Mapping[str, object] | None = None


_USER, _LISTED = "$response.body#/user_id", "$response.body#/recommendations/0/item_id"
LINKS = (
    Link("users", "recommend", {"user_id": "$response.body#/users/0"}),
    Link("users", "history", {"user_id": "$response.body#/users/0"}),
    Link("recommend", "item", {"item_id": _LISTED}),
    Link("recommend", "why", {"user_id": _USER, "item_id": _LISTED}),
    Link("recommend", "provenance", {"request_id": "$response.body#/request_id"}),
    Link(
        "recommend",
        "post_events",
        body={"user_id": _USER, "item_id": _LISTED, "kind": "click", "request_id": "$response.body#/request_id"},
    ),
    Link("recommend_with_body", "history", {"user_id": _USER}),
    Link("history", "item", {"item_id": "$response.body#/events/0/item_id"}),
    Link("onboarding", "recommend", {"user_id": _USER}),
    Link("search", "item", {"item_id": "$response.body#/items/0/item_id"}),
    Link("trending", "similar", {"item_id": "$response.body#/items/0/item_id"}),
    Link("similar", "item", {"item_id": "$response.body#/items/0/item_id"}),
    Link("questions", "onboarding", body={"items": ["$response.body#/items/0/item_id"]}),
    Link("rank", "provenance", {"request_id": "$response.body#/request_id"}),
    Link("change_item", "item", {"item_id": "$response.body#/item_id"}),
    Link("experiments", "start_experiment", {"name": "$response.body#/experiments/0/name"}),
    Link("experiments", "stop_experiment", {"name": "$response.body#/experiments/0/name"}),
    Link("releases", "promote", {"version": "$response.body#/releases/0/version"}),
)


def linked(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the links of the operations that it has."""
    operations = {one["operationId"]: one for methods in document["paths"].values() for one in methods.values()}
    for link in LINKS:
        if link.source in operations and link.target in operations:
            good = next(answer for status, answer in operations[link.source]["responses"].items() if status.startswith("2"))
            told: dict[str, object] = {"operationId": link.target, "parameters": dict(link.parameters)}
            if link.body is not None:
                told["requestBody"] = dict(link.body)
            good.setdefault("links", {})[link.target] = told
    return document
