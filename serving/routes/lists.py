"""`/recommend`: lists."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from core.errors import InvalidInput
from core.ids import ExternalId
from core.ids import Id as ItemId
from recommender.roles import Constraints, Page
from serving import examples, models
from serving.http.openapi import answers, problems
from serving.http.problems import request_id_of
from serving.list_body import LIST_BODY, MAX_GENRES, MAX_LANGUAGES, MAX_POSITIONS, ListRequest, list_request_in
from serving.lists import rendering
from serving.routes.api import Id, Limit, api_of, json

router = APIRouter(default_response_class=Response)

MAX_EXCLUDED = 1000  # in a query; a body may have more
ListId = Annotated[str | None, Query(pattern="^[0-9a-f]{32}$")]
Year = Annotated[int | None, Query(ge=1, le=9999)]


@router.get(
    "/recommend/{user_id:path}",
    tags=["lists"],
    summary="A list for a user",
    response_model=None,
    responses={**answers(models.RecommendationList, examples.LIST, "The list, best first"), **problems(422)},
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
    maturity_max: Annotated[
        int | None, Query(ge=0, le=99, description="only films that are suitable for people of this age, in years")
    ] = None,
    language: Annotated[
        list[str], Query(max_length=MAX_LANGUAGES, description="only films in this language; repeat it for several")
    ] = [],  # noqa: B006
) -> Response:
    """Never an item that the user has rated, watched, bought, reviewed or skipped, never a hidden one, and never one twice.

    `genre`, `exclude`, `year_min`, `year_max`, `maturity_max` and `language` hold for every item of the list: when too few items
    meet them it is shorter, and when none does its strategy is `nothing_eligible`, and `trace=true` names the filter that left
    nothing. A user never seen gets what is popular now, with `cold_start: true`.
    With `format=ids` the answer is `{"cold_start": false, "recommendations": [12, 5, 42]}`; its `request_id` is in the header
    `X-Request-Id`.

    A further page is asked for with `offset` and with `page_of`, the `request_id` of the first page. It never repeats an item
    that was on another page of the list within the last half hour, whatever the user did in between; a page that comes to
    another process than the first one did goes on by the list's seed, and may. A list has at most 100 positions; past its last
    item a page is empty, with the strategy `nothing_eligible`. Each page has a `request_id` of its own. An item with a `label`
    was placed there by a slot of the policy.
    """
    asked = ListRequest.model_construct(
        k=k,
        offset=offset,
        page_of=page_of,
        explain=explain,
        trace=trace,
        format=format,
        genre=genre,
        exclude=exclude,
        year_min=year_min,
        year_max=year_max,
        maturity_max=maturity_max,
        language=language,
    )
    return await _list(request, user_id, asked)


@router.post(
    "/recommend/{user_id:path}",
    tags=["lists"],
    summary="A list for a user, asked for with a body",
    response_model=None,
    openapi_extra=LIST_BODY,
    responses={**answers(models.RecommendationList, examples.LIST, "The list, best first"), **problems(400, 413, 422)},
)
async def recommend_with_body(request: Request, user_id: Id) -> Response:
    """The same as GET, with its parameters in a JSON object: `exclude` may then have 10,000 ids.

    It changes nothing, and the body may be left out.
    """
    return await _list(request, user_id, list_request_in(await request.body()))


async def _list(request: Request, user_id: ExternalId, asked: ListRequest) -> Response:
    if asked.offset + asked.k > MAX_POSITIONS:
        allowed = f"0 to {MAX_POSITIONS - asked.k} with k={asked.k}: a list has {MAX_POSITIONS} positions"
        raise InvalidInput("offset", asked.offset, allowed)
    if asked.offset and asked.page_of is None:
        raise InvalidInput("page_of", "nothing", "the request_id of the list's first page, where offset is not 0")
    service = api_of(request).service
    constraints = Constraints(
        genres=tuple(asked.genre),
        exclude=frozenset(map(service.host.facts.key_ever, asked.exclude)),
        min_year=asked.year_min,
        max_year=asked.year_max,
        max_maturity=asked.maturity_max,
        languages=tuple(asked.language),
    )
    page = Page(asked.k, asked.offset)
    made = await service.recommend(user_id, page, constraints, request_id_of(request), asked.page_of)
    return json(rendering.ids(made) if asked.format == "ids" else rendering.full(made, asked.explain, asked.trace))
