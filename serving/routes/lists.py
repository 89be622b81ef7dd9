"""`/recommend`: lists."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Annotated, Literal

from fastapi import Depends, Header, Query, Request
from starlette.responses import Response

from core.errors import NotFound
from core.ids import ExternalId, parse_id
from core.ids import Id as ItemId
from recommender.roles import Constraints, Page
from serving import examples, models
from serving.access.callers import Scope
from serving.http.guarded import caller_of
from serving.http.json_body import json_body
from serving.http.openapi import answers, problems
from serving.http.problems import request_id_of
from serving.http.short_way import with_short_way
from serving.list_body import (
    ABOUT,
    LIST_BODY,
    LIST_BODY_BYTES,
    MAX_EXCLUDED,
    MAX_GENRES,
    MAX_LANGUAGES,
    MAX_POSITIONS,
    ListRequest,
    list_query_in,
    list_request_in,
)
from serving.lists import rendering
from serving.lists.asked import Asked
from serving.lists.list_cache import Answer
from serving.lists.rendering import JsonForm
from serving.lists.service import RecommendService
from serving.routes.api import Id, Limit, api_of, json, router_of

router = router_of()

_VARIANT = "x-experiment-variant"
LIST = answers(models.RecommendationList | models.CompactList, examples.LIST, "The list, best first")
ListId = Annotated[str | None, Query(pattern="^[0-9a-f]{32}$")]
Year = Annotated[int | None, Query(ge=1, le=9999)]


async def asked(
    k: Annotated[Limit, Query(description=ABOUT["k"])] = 20,
    offset: Annotated[int, Query(ge=0, le=MAX_POSITIONS - 1, description=ABOUT["offset"])] = 0,
    page_of: Annotated[ListId, Query(description=ABOUT["page_of"])] = None,
    genre: Annotated[list[str], Query(max_length=MAX_GENRES, description=ABOUT["genre"])] = [],  # noqa: B006 - FastAPI reads the default
    exclude: Annotated[list[ItemId], Query(max_length=MAX_EXCLUDED, description=ABOUT["exclude"])] = [],  # noqa: B006
    year_min: Annotated[Year, Query(description=ABOUT["year_min"])] = None,
    year_max: Annotated[Year, Query(description=ABOUT["year_max"])] = None,
    maturity_max: Annotated[int | None, Query(ge=0, le=99, description=ABOUT["maturity_max"])] = None,
    language: Annotated[list[str], Query(max_length=MAX_LANGUAGES, description=ABOUT["language"])] = [],  # noqa: B006
) -> ListRequest:
    """The parameters that decide a list, the same for the list and for the question why."""
    return ListRequest.model_construct(
        k=k,
        offset=offset,
        page_of=page_of,
        genre=genre,
        exclude=exclude,
        year_min=year_min,
        year_max=year_max,
        maturity_max=maturity_max,
        language=language,
    )


AskedFor = Annotated[ListRequest, Depends(asked)]


def short_way(request: Request) -> Awaitable[Response] | None:
    """The list, where nothing is wrong with what it is asked for with, and no variant of an experiment is asked for."""
    if _VARIANT in request.headers:
        return None
    try:
        user_id, wanted = parse_id(request.path_params["user_id"]), list_query_in(request.query_params.multi_items())
    except ValueError:
        return None
    return _list(request, user_id, wanted)


@router.get(
    "/recommend/{user_id:id}/why/{item_id:id}",
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
    constraints = _constraints(api.service, wanted)
    found = await api.service.fate(user_id, key, _page(wanted), constraints, request_id, wanted.page_of)
    return json(found.as_json())


list_router = router_of(with_short_way(short_way))


@list_router.get(
    "/recommend/{user_id:id}",
    tags=["lists"],
    summary="A list for a user",
    response_model=None,
    responses={
        **LIST,
        **problems(404, 422, 503),
    },
)
async def recommend(
    request: Request,
    user_id: Id,
    wanted: AskedFor,
    explain: Annotated[bool, Query(description=ABOUT["explain"])] = False,
    trace: Annotated[bool, Query(description=ABOUT["trace"])] = False,
    format: Annotated[Literal["full", "ids"], Query(description=ABOUT["format"])] = "full",
    x_experiment_variant: Annotated[
        str | None,
        Header(
            pattern=r"^[A-Za-z0-9_-]{1,40}:[A-Za-z0-9_-]{1,40}(, ?[A-Za-z0-9_-]{1,40}:[A-Za-z0-9_-]{1,40})*$",
            description="experiment:variant to be in, several with commas; needs the scope admin",
        ),
    ] = None,
) -> Response:
    """Never an item that the user has rated, watched, bought, reviewed or skipped, never a hidden one, and never one twice.

    `genre`, `exclude`, `year_min`, `year_max`, `maturity_max` and `language` hold for every item of the list: when too few items
    meet them it is shorter, and when none does its strategy is `nothing_eligible`, and `trace=true` names the filter that left
    nothing. A user never seen gets what is popular now, with `cold_start: true`.
    With `format=ids` the answer is `{"cold_start": false, "recommendations": [12, 5, 42]}`; its `request_id` is in the header
    `X-Request-Id`.

    The same first page that is asked for again within seconds (`MARQUEE_LIST_CACHE_SECONDS`) is the same list, with its
    `request_id` and an `Age`, unless something happened to the user or to what is served.

    A further page is asked for with `offset` and with `page_of`, the `request_id` of the first page. It never repeats an item
    that was on another page of the list within the last half hour, whatever the user did in between; a page that comes to
    another process than the first one did goes on by the list's seed, and may. Without `page_of` it is a page of the list as it
    would be made now. A list has at most 100 positions, at which a page ends; past its last item it is empty, with the strategy
    `nothing_eligible`. Each page has a `request_id` of its own. An item with a `label`
    was placed there by a slot of the policy.

    With the scope `admin`, `X-Experiment-Variant: NAME:VARIANT` puts the request into a variant of a running experiment, to try
    it; the list's `arm` then has a `!`, and no analysis of the experiment counts it.
    """
    forced = _forced(x_experiment_variant)
    if forced:
        api_of(request).access.require(caller_of(request), Scope.ADMIN)
    wanted = wanted.model_copy(update={"explain": explain, "trace": trace, "format": format})
    return await _list(request, user_id, wanted, forced)


@router.post(
    "/recommend/{user_id:id}",
    tags=["lists"],
    summary="A list for a user, asked for with a body",
    response_model=None,
    openapi_extra=LIST_BODY,
    responses={
        **LIST,
        **problems(400, 408, 413, 415, 422, 503),
    },
)
async def recommend_with_body(request: Request, user_id: Id) -> Response:
    """The same as GET, with its parameters in a JSON object: `exclude` may then have 10,000 ids.

    It changes nothing, and the body may be left out.
    """
    return await _list(request, user_id, list_request_in(await json_body(request, LIST_BODY_BYTES)))


async def _list(request: Request, user_id: ExternalId, wanted: ListRequest, forced: dict[str, str] | None = None) -> Response:
    service, page, request_id = api_of(request).service, _page(wanted), request_id_of(request)
    asks_more = wanted.explain or wanted.trace or wanted.page_of or forced
    if not asks_more and len(wanted.exclude) <= MAX_EXCLUDED:
        asked_for = Asked(user_id, page, _constraints(service, wanted), JsonForm(compact=wanted.format == "ids"))
        answer = await service.answer(asked_for, request_id)
        if request.method == "GET":
            api_of(request).known_addresses.remember(request.scope, asked_for)
        return _sent(answer)
    made = await service.recommend(user_id, page, _constraints(service, wanted), request_id, wanted.page_of, forced)
    if wanted.format == "ids":
        return json(rendering.ids(made))
    return json(rendering.full(made, await asyncio.to_thread(made.reasons) if wanted.explain else None, wanted.trace))


def _sent(answer: Answer) -> Response:
    """One of a moment ago has an `Age`, and the id under which it was shown first."""
    again = {"Age": str(round(answer.age)), "X-Request-Id": answer.request_id} if answer.age else {}
    return Response(answer.body, headers={"Cache-Control": "no-store", **again}, media_type="application/json")


def _page(wanted: ListRequest) -> Page:
    """The positions that were asked for, as far as a list has them."""
    return Page(min(wanted.k, MAX_POSITIONS - wanted.offset), wanted.offset)


def _constraints(service: RecommendService, wanted: ListRequest) -> Constraints:
    return Constraints(
        genres=tuple(wanted.genre),
        exclude=frozenset(map(service.host.facts.key_ever, wanted.exclude)),
        min_year=wanted.year_min,
        max_year=wanted.year_max,
        max_maturity=wanted.maturity_max,
        languages=tuple(wanted.language),
    )


def _forced(header: str | None) -> dict[str, str]:
    """`experiment:variant`, several with commas."""
    found = [part.strip().partition(":") for part in header.split(",")] if header else []
    return {experiment: variant for experiment, _, variant in found}
