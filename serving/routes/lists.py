"""`/recommend`: lists."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from core.errors import InvalidInput, NotFound
from core.ids import Id as ItemId
from recommender.roles import Constraints, Page
from serving import examples, models
from serving.http.openapi import answers, problems
from serving.http.problems import request_id_of
from serving.lists import rendering
from serving.routes.api import Id, Limit, api_of, json

router = APIRouter(default_response_class=Response)

MAX_GENRES, MAX_EXCLUDED = 20, 1000
MAX_POSITIONS = 100  # of a list, over all its pages
ListId = Annotated[str | None, Query(pattern="^[0-9a-f]{32}$")]
Year = Annotated[int | None, Query(ge=1, le=9999)]


@dataclass(frozen=True)
class Asked:
    """What a list is asked for."""

    page: Page
    constraints: Constraints
    page_of: str | None


async def asked(
    request: Request,
    k: Annotated[Limit, Query(description="how many; fewer only when no more items are eligible")] = 20,
    offset: Annotated[
        int, Query(ge=0, le=MAX_POSITIONS - 1, description="the first position; needs `page_of` unless it is 0")
    ] = 0,
    page_of: Annotated[ListId, Query(description="request_id of the first page, to go on with the same list")] = None,
    genre: Annotated[list[str], Query(max_length=MAX_GENRES, description="only films of this genre; repeat it for several")] = [],  # noqa: B006 - FastAPI reads the default
    exclude: Annotated[list[ItemId], Query(max_length=MAX_EXCLUDED, description="item ids to leave out; repeat it")] = [],  # noqa: B006
    year_min: Annotated[Year, Query(description="only films of this year or later")] = None,
    year_max: Annotated[Year, Query(description="only films of this year or earlier")] = None,
) -> Asked:
    """The parameters that decide a list, the same for the list and for the question why. Raises InvalidInput."""
    if offset + k > MAX_POSITIONS:
        raise InvalidInput("offset", offset, f"0 to {MAX_POSITIONS - k} with k={k}: a list has {MAX_POSITIONS} positions")
    if offset and page_of is None:
        raise InvalidInput("page_of", "nothing", "the request_id of the list's first page, where offset is not 0")
    facts = api_of(request).service.host.facts
    constraints = Constraints(tuple(genre), frozenset(map(facts.key_ever, exclude)), year_min, year_max)
    return Asked(Page(k, offset), constraints, page_of)


AskedFor = Annotated[Asked, Depends(asked)]


@router.get(
    "/recommend/{user_id:path}/why/{item_id:path}",
    tags=["lists"],
    summary="Why an item is on a user's list, or not",
    response_model=None,
    responses={**answers(models.WhyItem, examples.WHY, "The stage that decided"), **problems(404, 422, 503)},
)
async def why(request: Request, user_id: Id, item_id: Id, wanted: AskedFor) -> Response:
    """The item followed through the same request, with the same parameters as the list: `stage` is `shown`, or what kept it out.

    `release`: it came after the release was built. `filter`: it may not be shown, and `part` names the filter. `source`: none
    found it, and `sources` has the rank that it would have had in each. `page`: it has a score, whose `rank` is below the page.
    `selector`: the selector gave its place to another item, or exploration did not draw it. To ask about a list that was shown,
    send its `request_id` as `page_of`: exploration is then as it was. Nothing is logged, and the answer takes as long as a dozen
    lists.
    """
    api = api_of(request)
    key = api.service.host.facts.key_of(item_id)
    if key < 0:
        raise NotFound(f"item {item_id} is not in the catalogue", item_id=item_id)
    request_id = request_id_of(request)
    found = await api.service.fate(user_id, key, wanted.page, wanted.constraints, request_id, wanted.page_of)
    return json(found.as_json())


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
    wanted: AskedFor,
    explain: Annotated[bool, Query(description="say why each film is there; takes as long as a dozen lists")] = False,
    trace: Annotated[bool, Query(description="say what each stage of the pipeline did")] = False,
    format: Annotated[Literal["full", "ids"], Query(description="ids: only item ids")] = "full",
) -> Response:
    """Never an item that the user has rated, watched, bought, reviewed or skipped, never a hidden one, and never one twice.

    `genre`, `exclude`, `year_min` and `year_max` hold for every item of the list: when too few items meet them it is shorter,
    and when none does its strategy is `nothing_eligible`. A user never seen gets what is popular now, with `cold_start: true`.
    With `format=ids` the answer is `{"cold_start": false, "recommendations": [12, 5, 42]}`; its `request_id` is in the header
    `X-Request-Id`.

    A further page is asked for with `offset` and with `page_of`, the `request_id` of the first page: exploration then goes on as
    it began, so no item comes twice as long as nothing new is known of the user. A list has at most 100 positions; past its last
    item a page is empty, with the strategy `nothing_eligible`. Each page has a `request_id` of its own.
    """
    service = api_of(request).service
    made = await service.recommend(user_id, wanted.page, wanted.constraints, request_id_of(request), wanted.page_of)
    if format == "ids":
        return json(rendering.ids(made))
    return json(rendering.full(made, await asyncio.to_thread(made.reasons) if explain else None, trace))
