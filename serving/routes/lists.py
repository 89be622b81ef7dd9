"""`/recommend`: lists."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from core.errors import InvalidInput
from core.ids import Id as ItemId
from recommender.roles import Constraints, Page
from serving import examples, models
from serving.http.openapi import answers, problems
from serving.http.problems import request_id_of
from serving.lists import rendering
from serving.routes.api import Id, Limit, api_of, check_admin, json

router = APIRouter(default_response_class=Response)

MAX_GENRES, MAX_EXCLUDED = 20, 1000
MAX_POSITIONS = 100  # of a list, over all its pages
ListId = Annotated[str | None, Query(pattern="^[0-9a-f]{32}$")]
Year = Annotated[int | None, Query(ge=1, le=9999)]


@router.get(
    "/recommend/{user_id:path}",
    tags=["lists"],
    summary="A list for a user",
    response_model=None,
    responses={**answers(models.RecommendationList, examples.LIST, "The list, best first"), **problems(401, 403, 422)},
)
async def recommend(
    request: Request,
    user_id: Id,
    k: Annotated[Limit, Query(description="how many; fewer only when no more items are eligible")] = 20,
    offset: Annotated[
        int, Query(ge=0, le=MAX_POSITIONS - 1, description="the first position; needs `page_of` unless it is 0")
    ] = 0,
    page_of: Annotated[ListId, Query(description="request_id of the first page, to go on with the same list")] = None,
    explain: Annotated[bool, Query(description="say why each film is there")] = False,
    trace: Annotated[bool, Query(description="say what each stage of the pipeline did")] = False,
    format: Annotated[Literal["full", "ids"], Query(description="ids: only item ids")] = "full",
    genre: Annotated[list[str], Query(max_length=MAX_GENRES, description="only films of this genre; repeat it for several")] = [],  # noqa: B006 - FastAPI reads the default
    exclude: Annotated[list[ItemId], Query(max_length=MAX_EXCLUDED, description="item ids to leave out; repeat it")] = [],  # noqa: B006
    year_min: Annotated[Year, Query(description="only films of this year or later")] = None,
    year_max: Annotated[Year, Query(description="only films of this year or earlier")] = None,
    x_experiment_variant: Annotated[
        str | None, Header(description="experiment:variant to be in, several with commas; needs the admin key")
    ] = None,
    x_admin_key: Annotated[str | None, Header(description="the admin key, for X-Experiment-Variant")] = None,
) -> Response:
    """Never an item that the user has rated, watched, bought, reviewed or skipped, never a hidden one, and never one twice.

    `genre`, `exclude`, `year_min` and `year_max` hold for every item of the list: when too few items meet them it is shorter,
    and when none does its strategy is `nothing_eligible`. A user never seen gets what is popular now, with `cold_start: true`.
    With `format=ids` the answer is `{"cold_start": false, "recommendations": [12, 5, 42]}`; its `request_id` is in the header
    `X-Request-Id`.

    A further page is asked for with `offset` and with `page_of`, the `request_id` of the first page: exploration then goes on as
    it began, so no item comes twice as long as nothing new is known of the user. A list has at most 100 positions; past its last
    item a page is empty, with the strategy `nothing_eligible`. Each page has a `request_id` of its own.

    With the admin key, `X-Experiment-Variant: NAME:VARIANT` puts the request into a variant of an experiment that runs, to try
    it; the list's `arm` then has a `!`, and no analysis of the experiment counts it.
    """
    if offset + k > MAX_POSITIONS:
        raise InvalidInput("offset", offset, f"0 to {MAX_POSITIONS - k} with k={k}: a list has {MAX_POSITIONS} positions")
    if offset and page_of is None:
        raise InvalidInput("page_of", "nothing", "the request_id of the list's first page, where offset is not 0")
    forced = _forced(x_experiment_variant)
    if forced:
        check_admin(api_of(request).admin_key, x_admin_key)
    facts = api_of(request).service.host.facts
    constraints = Constraints(tuple(genre), frozenset(map(facts.key_ever, exclude)), year_min, year_max)
    made = await api_of(request).service.recommend(user_id, Page(k, offset), constraints, request_id_of(request), page_of, forced)
    return json(rendering.ids(made) if format == "ids" else rendering.full(made, explain, trace))


def _forced(header: str | None) -> dict[str, str]:
    """`experiment:variant`, several with commas. Raises InvalidInput."""
    found = [part.strip().partition(":") for part in (header or "").split(",") if part.strip()]
    if any(not experiment or not variant for experiment, _, variant in found):
        raise InvalidInput("X-Experiment-Variant", header, "experiment:variant, several with commas")
    return {experiment: variant for experiment, _, variant in found}
