"""Examples of parameters and bodies that this installation can answer, so that Swagger's "Try it out" works untouched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.ids import ExternalId

NOBODY = "someone-who-left"  # erasing an unknown user changes nothing
_OF_ITEMS = ("items", "exclude", "candidates")  # lists of ids
_DRY = ("promote", "rollback", "start_experiment", "stop_experiment")


@dataclass(frozen=True)
class Known:
    """What there is here. Each may be empty, as in a process without data."""

    users: Sequence[ExternalId] = (42,)
    items: Sequence[ExternalId] = (318,)
    genres: Sequence[str] = ()
    title: str = "film"  # of the first item
    person: str = "Morgan Freeman"  # whom the catalogue names, if it names anybody
    version: str = "1"  # of the release that is served
    request_id: str = "0f8fad5bd9cb469fa16570867728950e"  # of the latest list


def tried(document: dict[str, Any], known: Known) -> dict[str, Any]:
    """The document with an example for each parameter that has to be sent, and with bodies that name what there is."""
    for methods in document["paths"].values():
        for operation in methods.values():
            name = operation["operationId"]
            for parameter in operation.get("parameters", ()):
                example = _example(name, parameter["name"], known)
                if example is not None and (parameter["required"] or parameter["name"] == "dry_run"):
                    parameter["example"] = example
            _localise(operation, known)
    return document


def _example(operation: str, parameter: str, known: Known) -> object:
    """None where a client may leave it out."""
    return {
        "user_id": NOBODY if operation == "erase_user" else (known.users or (42,))[0],
        "item_id": (known.items or (318,))[0],
        "name": known.person if operation == "person" else "exploration",
        "q": known.title,
        "version": known.version,
        "request_id": known.request_id,
        "dry_run": True if operation in _DRY else None,  # a try moves nothing
    }.get(parameter)


def _localise(operation: dict[str, Any], known: Known) -> None:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        examples = content.get("examples", {})
        content["examples"] = {name: {**one, "value": _local(one["value"], known)} for name, one in examples.items()}


def _local(value: Any, known: Known) -> Any:
    """The same with ids and genres of this installation."""
    if isinstance(value, list):
        return [_local(one, known) for one in value]
    if not isinstance(value, Mapping):
        return value
    found: dict[str, Any] = {}
    for name, one in value.items():
        if name == "genres" and isinstance(one, list):
            if known.genres:
                found[name] = list(known.genres[: len(one)])
        elif name in _OF_ITEMS and isinstance(one, list) and known.items and not any(isinstance(each, dict) for each in one):
            found[name] = list(known.items[: len(one)])
        elif name in ("item_id", "movie_id") and known.items:
            found[name] = known.items[0]
        elif name == "user_id" and isinstance(one, int) and known.users:
            found[name] = known.users[0]
        else:
            found[name] = _local(one, known)
    return found
