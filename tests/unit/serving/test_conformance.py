"""The API keeps to its own description, whatever is sent: Schemathesis makes requests from it, right ones and wrong ones.

What it may not find: a server error, a status or a media type that is not described, an answer that breaks its schema, a method
that is answered although it is not described, a wrong request that is accepted, and a right one that is refused (one that names
what is not there, or cannot be done now, is 404 or 409). Cases are bounded and always the same.
"""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import CHECKS
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.modes import GenerationMode
from schemathesis.schemas import BaseSchema

from core.errors import NotFound
from core.ports import RetrainAnswer
from serving.http.links import LINKS
from serving.routes.all import ROUTES

ADMIN = {"X-Admin-Key": "secret"}
# An erased user is one that was never seen, of whom the API says that nothing is known: there is no other answer for either.
OF_ERASURE = ("use_after_free", "ensure_resource_availability")
# Every request here has the admin key; that routes refuse others is in test_admin and test_hostile.
OF_KEYS = "ignored_auth"
LEFT_OUT = {*OF_ERASURE, OF_KEYS}


QUIET = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


class Retraining:
    """Says yes to everything."""

    def ask(self, *_: object, **__: object) -> RetrainAnswer:
        return RetrainAnswer(True, "a retraining begins", 5.0)


def no_such_list(request_id: str) -> dict[str, object]:
    raise NotFound(f"no list {request_id} is on record")


@pytest.fixture
def api(build_world) -> BaseSchema:
    world = build_world(retraining=Retraining(), provenance=no_such_list)
    return schemathesis.openapi.from_asgi("/openapi.json", world.app)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["as described", "otherwise"])
@pytest.mark.parametrize(("method", "path"), ROUTES, ids=[f"{method} {path}" for method, path in ROUTES])
def test_the_api_is_what_it_says(api: BaseSchema, method: str, path: str, mode: GenerationMode) -> None:
    operation = api[path][method]

    @QUIET
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case) -> None:
        response = case.call(headers=ADMIN)
        excluded = LEFT_OUT if _must_be_refused(case, response) else {*LEFT_OUT, "negative_data_rejection"}
        case.validate_response(response, excluded_checks=[CHECKS.get_one(name) for name in excluded])

    try:
        check()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, "of some requests none can be wrong"


def test_walks_through_the_api_find_nothing_that_it_does_not_say(api: BaseSchema) -> None:
    """From each answer along the links of the document to the next request."""

    class Walk(api.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: schemathesis.Case) -> dict[str, object]:
            return {"headers": ADMIN}

        def validate_response(self, response: schemathesis.Response, case: schemathesis.Case, **_: object) -> None:
            excluded = LEFT_OUT if _must_be_refused(case, response) else {*LEFT_OUT, "negative_data_rejection"}
            case.validate_response(response, excluded_checks=[CHECKS.get_one(name) for name in excluded])

    Walk.run(settings=settings(QUIET, max_examples=40, stateful_step_count=8))


def test_every_link_leads_from_an_answer_to_a_request_that_is_there(api: BaseSchema) -> None:
    document = api.raw_schema
    operations = {one["operationId"]: one for methods in document["paths"].values() for one in methods.values()}
    found = {
        (source, target)
        for source, operation in operations.items()
        for answer in operation["responses"].values()
        for target in answer.get("links", {})
    }
    assert found == {(link.source, link.target) for link in LINKS}
    for link in LINKS:
        names = {one["name"] for one in operations[link.target].get("parameters", ())}
        assert set(link.parameters) <= names, link


def _must_be_refused(case: schemathesis.Case, response: schemathesis.Response) -> bool:
    """Whether a wrong request is wrong as it was sent: in an address or a header a list or a number is the text of one, and right
    where text is. What is too large was refused, with a status that Schemathesis does not count."""
    wrong = {where for where, one in (case.meta.components if case.meta else {}).items() if one.mode is GenerationMode.NEGATIVE}
    return wrong == {ParameterLocation.BODY} and response.status_code != 413
