"""Films to look at beside lists: search, shelves, similar ones, people, what to ask a new user."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Annotated, Any

from fastapi import Header, Path, Query, Request
from starlette.responses import Response

from core.answers import AGE_BANDS
from core.ids import Id as AnyId
from core.item_facts import ItemFacts
from serving.films import examples, models
from serving.films.service import Placed
from serving.http.caching import NOT_MODIFIED, held
from serving.http.guarded import user_meant
from serving.http.openapi import answers, problems
from serving.list_body import MAX_GENRES
from serving.routes.api import Id, Limit, api_of, json, router_of

MAX_QUERY, MAX_NAME = 200, 200  # characters
HELD_SECONDS = 30
PEOPLE_TO_ASK = 30
router = router_of()

User = Annotated[
    AnyId | None, Query(description="for whom: in their order where there is one, and without what they have taken up")
]
Tag = Annotated[str | None, Header(alias="if-none-match", description="the ETag of a copy that the client has")]


@router.get(
    "/search",
    tags=["catalogue"],
    summary="Films by title, person, genre or tag",
    response_model=None,
    responses={**answers(models.SearchResult, examples.SEARCH, "What matches, best first"), **problems(422)},
)
async def search(
    request: Request,
    q: Annotated[str, Query(min_length=1, max_length=MAX_QUERY, description="words, or the beginnings of words")],
    k: Limit = 20,
    user_id: Annotated[AnyId | None, Query(description="whose taste decides between films that match alike")] = None,
) -> Response:
    """Finds while it is being typed: each word is the beginning of a word of the film. Accents and case do not matter.

    Where nothing is found, a word that no film has is taken for a typing error, and `corrected` says what was searched for.
    Films that the user has seen are found as well; hidden ones are not.
    """
    api = api_of(request)
    hits, corrected = await api.films.search(q, user_meant(request, user_id), k)
    facts = api.films.facts
    items = [
        facts.describe(one.row) | {"score": round(one.score, 4), "matched": {"field": one.field, "text": one.text}}
        for one in hits
    ]
    return json({"query": q, "corrected": corrected, "items": items})


@router.get(
    "/items/{item_id:id}/similar",
    tags=["catalogue"],
    summary="Films like a film",
    response_model=None,
    responses={**answers(models.SimilarItems, examples.SIMILAR, "The nearest, best first"), **problems(404, 422)},
)
async def similar(request: Request, item_id: Id, k: Limit = 12, user_id: User = None) -> Response:
    """By the embeddings that lists are made with, so films that the same people take up; `reasons` say what they have in common.

    For a film that came after the release was built: what is taken up now in its genres.
    """
    films = api_of(request).films
    found = await films.similar(item_id, user_meant(request, user_id), k)
    return json({"item_id": item_id, "items": cards(films.facts, found, with_ties)})


@router.get(
    "/trending",
    tags=["catalogue"],
    summary="What is taken up more often than it used to be",
    response_model=None,
    responses={**answers(models.ShelfOfItems, examples.SHELF, "The greatest rise first"), **problems(422)},
)
async def trending(
    request: Request,
    k: Limit = 20,
    genre: Annotated[list[str], Query(max_length=MAX_GENRES, description="only films of this genre; repeat it for several")] = [],  # noqa: B006 - FastAPI reads the default
    user_id: User = None,
) -> Response:
    """What rises comes first, by how unlikely the rise is by chance; then what is popular."""
    films = api_of(request).films
    return json({"items": cards(films.facts, await films.trending(user_meant(request, user_id), tuple(genre), k))})


@router.get(
    "/new",
    tags=["catalogue"],
    summary="The newest films",
    response_model=None,
    responses={**answers(models.NewItems, examples.NEW, "In the user's order, or the newest first"), **problems(422)},
)
async def new(request: Request, k: Limit = 20, user_id: User = None) -> Response:
    """By when a film may be shown from, then by its year, then by when it was added.

    For a user: those that fit best among ten times as many.
    """
    films = api_of(request).films
    found = await films.newest(user_meant(request, user_id), k)
    since = lambda one: {"since": films.facts.details(one.row)["available_from"]}  # noqa: E731
    return json({"items": cards(films.facts, found, since)})


@router.get(
    "/genres",
    tags=["catalogue"],
    summary="Genres, and how many films each has",
    response_model=None,
    responses={**answers(models.Genres, examples.GENRES, "The largest first"), **NOT_MODIFIED, **problems(422)},
)
async def genres(request: Request, if_none_match: Tag = None) -> Response:
    """Films that may be shown now. May be held for half a minute."""
    api = api_of(request)
    counted = [{"name": name, "items": count} for name, count in await api.films.genres()]
    return held({"genres": counted}, HELD_SECONDS, if_none_match, public=api.access.open_to_all)


@router.get(
    "/people/{name:id}",
    tags=["catalogue"],
    summary="What a person is named for",
    response_model=None,
    responses={**answers(models.Person, examples.PERSON, "Films, the most popular first"), **problems(404, 422)},
)
async def person(
    request: Request,
    name: Annotated[str, Path(min_length=1, max_length=MAX_NAME, description="of cast or crew, in any case (URL-encoded)")],
    k: Limit = 20,
) -> Response:
    """Cast and crew are known where the catalogue has them (`marquee data enrich`, or an import)."""
    films = api_of(request).films
    found, named_for = await films.with_person(name, k)
    return json({"name": found, "items": cards(films.facts, named_for)})


@router.get(
    "/onboarding",
    tags=["users"],
    summary="What to ask a new user",
    response_model=None,
    responses={**answers(models.Questions, examples.QUESTIONS, "Films whose answers say most"), **problems(422)},
)
async def questions(request: Request, k: Limit = 12) -> Response:
    """Well-known films that lie far apart: chosen one after the other by how much an answer is expected to say about a taste.

    Post what was liked to `/users/{user_id}/onboarding`.
    """
    films = api_of(request).films
    items = [films.facts.describe(one.row) for one in await films.to_ask(k)]
    names = [name for name, _ in await films.genres()]
    people = await asyncio.to_thread(films.people_to_ask, PEOPLE_TO_ASK)
    return json({"items": items, "genres": names, "people": people, "age_bands": list(AGE_BANDS)})


def with_ties(one: Placed) -> dict[str, Any]:
    """What an item has in common with the one that it is like, for `cards`."""
    return {"reasons": [tie._asdict() for tie in one.ties]}


def cards(
    facts: ItemFacts, found: Iterable[Placed], more: Callable[[Placed], dict[str, Any]] = lambda _: {}
) -> list[dict[str, Any]]:
    """Items as people recognise them, with their scores and what else there is to say."""
    return [facts.describe(one.row) | {"score": float(f"{one.score:.6g}")} | more(one) for one in found]
