"""The client knows everything that the OpenAPI document describes, and nothing else."""

from __future__ import annotations

import inspect
import re
from typing import Any, Literal, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from marquee_client import AsyncClient, Client, answers, problems
from marquee_client.operations import catalogue, lists, operate, users
from marquee_client.operations.users import Event

MAKERS = {
    name: function
    for module in (lists, catalogue, users, operate)
    for name, function in vars(module).items()
    if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
}
ALSO = {"recommend_ids"}  # another form of an operation that is there
CALLED = {"x-experiment-variant": "variant", "if-none-match": "if_none_match"}  # parameters that have another name here
OF_OTHER_FORM = {("recommend", "format"), ("recommend_with_body", "format")}
REQUESTS = {"Interaction", "InteractionBatch", "Kind"}
GIVEN: dict[str, Any] = {
    "user_id": "a/b", "item_id": 10, "name": "x", "version": "2", "request_id": "0" * 32, "q": "film", "items": [10],
    "events": [{"user_id": 7, "item_id": 10, "kind": "view"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def document(build_world: Any) -> dict[str, Any]:
    found: dict[str, Any] = build_world().app.openapi()
    return found


def operations(document: dict[str, Any]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    return {
        one["operationId"]: (method.upper(), path, one)
        for path, methods in document["paths"].items()
        for method, one in methods.items()
    }


def test_both_clients_have_every_operation_and_no_other(document: dict[str, Any]) -> None:
    assert set(operations(document)) | ALSO == set(MAKERS)
    for client in (Client, AsyncClient):
        assert all(getattr(client, name).__doc__ == maker.__doc__ for name, maker in MAKERS.items())


@pytest.mark.parametrize("name", sorted(set(MAKERS) - ALSO))
def test_an_operation_is_called_as_it_is_described(document: dict[str, Any], name: str) -> None:
    method, path, described = operations(document)[name]
    accepted = inspect.signature(MAKERS[name]).parameters
    call = MAKERS[name](**{each: GIVEN[each] for each, one in accepted.items() if each in GIVEN and one.default is one.empty})
    assert (call.operation, call.method) == (name, method)
    pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))
    assert re.fullmatch(pattern, call.path), call.path
    parameters = {one["name"] for one in described.get("parameters", ())}
    assert set(call.query) <= parameters
    wanted = {CALLED.get(one, one) for one in parameters if (name, one) not in OF_OTHER_FORM}
    schema = described.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    wanted |= {field for field in schema.get("properties", {}) if (name, field) not in OF_OTHER_FORM}
    free = any(one.kind is one.VAR_KEYWORD for one in accepted.values())
    assert free or wanted == set(accepted) - {"events"}, name


def test_an_event_has_the_fields_of_the_contract(document: dict[str, Any]) -> None:
    described = document["components"]["schemas"]["Interaction"]
    assert set(Event.__annotations__) == set(described["properties"])
    assert required(Event) == set(described["required"])


def test_every_field_of_every_answer_is_known(document: dict[str, Any]) -> None:
    schemas = {name: one for name, one in document["components"]["schemas"].items() if name not in REQUESTS}
    assert set(answers.__all__) == set(schemas)
    for name, schema in schemas.items():
        known = getattr(answers, name)
        assert set(known.__annotations__) == set(schema["properties"]), name
        assert required(known) == set(schema["required"]), name


def test_every_example_has_the_types_that_the_client_says(document: dict[str, Any]) -> None:
    for name, (_, path, described) in operations(document).items():
        for status, answer in described["responses"].items():
            content = answer.get("content", {}).get("application/json", {})
            if status.startswith("2") and "example" in content:
                answered = get_args(get_type_hints(MAKERS[name])["return"])[0]
                assert fits(content["example"], answered), path


def test_every_status_that_is_described_has_an_exception_or_is_rare(document: dict[str, Any]) -> None:
    described = {
        int(status)
        for _, _, one in operations(document).values()
        for status, answer in one["responses"].items()
        if "application/problem+json" in answer.get("content", {})
    }
    assert described - set(problems.KINDS) <= {408, 413, 415}


def required(known: Any) -> set[str]:
    hints = get_type_hints(known, include_extras=True)
    return {name for name, hint in hints.items() if get_origin(hint) is not NotRequired}


def fits(value: Any, hint: Any) -> bool:
    """Whether a JSON value is of a type."""
    if hint is Any:
        return True
    if is_typeddict(hint):
        hints = get_type_hints(hint)
        whole = isinstance(value, dict) and required(hint) <= set(value) <= set(hints)
        return whole and all(fits(one, hints[name]) for name, one in value.items())
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return value in arguments
    if origin is list:
        return isinstance(value, list) and all(fits(one, arguments[0]) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(one, arguments[1]) for one in value.values())
    if arguments:
        return any(fits(value, one) for one in arguments)
    return isinstance(value, (int, float) if hint is float else hint) and (hint is bool or not isinstance(value, bool))
