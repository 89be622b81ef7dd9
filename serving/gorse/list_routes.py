"""What is recommended: for a user, for a visit, like an item, and to everybody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response

from core.errors import NotFound
from core.ids import ExternalId, parse_id
from recommender.recommender import RecommendationResult
from recommender.roles import Constraints, Page
from serving.films.service import Placed
from serving.films.session_body import SessionEvent
from serving.films.session_user import session_user
from serving.gorse.facade import Records
from serving.gorse.records import BadRequest, Feedback
from serving.gorse.requests import DEFAULT_N, body_of, duration, number
from serving.list_body import MAX_POSITIONS
from serving.lists import rendering

SCORES = "2"  # the value of X-API-Version with which a list has scores
LATEST = ("latest", "new", "newest")
TRENDING = "trending"


class Scored(NamedTuple):
    """An item of a list."""

    item_id: str
    score: float

    def to_json(self) -> dict[str, Any]:
        return {"Id": self.item_id, "Score": self.score}


class ListRoutes:
    """Each method answers one route."""

    def __init__(self, records: Records) -> None:
        self.records, self.api = records, records.api

    async def recommend(self, request: Request) -> list[Any]:
        """Without what the user gave feedback to. A list that was shown is logged by Marquee, whatever is written back."""
        user_id, (offset, n) = request.path_params["user_id"], _page(request)
        back, delay = request.query_params.get("write-back-type", ""), duration(request.query_params.get("write-back-delay", ""))
        exclude = await asyncio.to_thread(self.records.taken_by, user_id)
        found = await self._list(request, _id(user_id), Constraints(exclude=exclude), offset, n)
        if back:
            at = time.time() + delay
            given = [Feedback(back, user_id, one.item_id, timestamp=at, updated=at) for one in found]
            await asyncio.to_thread(self.records.gorse.store.put_feedback, given, True)
        scores = request.headers.get("x-api-version") == SCORES
        return [one.to_json() if scores else one.item_id for one in found]

    async def scored(self, request: Request) -> list[Any]:
        """The same list with scores."""
        offset, n = _page(request)
        exclude = await asyncio.to_thread(self.records.taken_by, request.path_params["user_id"])
        found = await self._list(request, _id(request.path_params["user_id"]), Constraints(exclude=exclude), offset, n)
        return [one.to_json() for one in found]

    async def session(self, request: Request) -> list[Any]:
        """From the feedback in the body, which is kept nowhere."""
        sent, (offset, n) = await body_of(request), _page(request)
        if not isinstance(sent, list):
            raise BadRequest("the body is no JSON array")
        feedback = sorted((Feedback.of(one, typed=False) for one in sent), key=lambda one: one.timestamp or 0.0)
        facts, kinds = self.api.service.host.facts, self.records.gorse.kinds
        events, keys = [], set()
        for one in feedback[-200:]:
            keys.add(facts.key_ever(_id(one.item_id)))
            meaning = kinds.of(one.feedback_type)
            if meaning is not None:
                value = meaning.value_of(one.value)
                events.append(SessionEvent(item_id=parse_id(one.item_id), kind=meaning.kind, value=value))
        who = f"session-{request.scope['state']['request_id']}"
        user, _ = session_user(who, events, facts, time.time())
        wanted = Constraints(exclude=frozenset(key for key in keys if key >= 0))
        return [one.to_json() for one in await self._list(request, who, wanted, offset, n, user)]

    async def popular(self, request: Request) -> list[Any]:
        return await self._shelf(request, "popular")

    async def latest(self, request: Request) -> list[Any]:
        return await self._shelf(request, LATEST[0])

    async def non_personalized(self, request: Request) -> list[Any]:
        """`latest`, `trending`; any other name is what is popular."""
        return await self._shelf(request, request.path_params["name"])

    async def neighbors(self, request: Request) -> list[Any]:
        """By the embeddings. An item that is unknown has none."""
        offset, n = _page(request)
        categories, user = _categories(request), await self._reader(request)
        try:
            found = await self.api.films.similar(
                _id(request.path_params["item_id"]), user, 10 * MAX_POSITIONS if categories else offset + n
            )
        except NotFound:
            return []
        return await self._given(found, categories, offset, n, request)

    async def user_neighbors(self, request: Request) -> list[Any]:
        """None: Marquee compares users with items, and with nobody else."""
        _page(request)
        return []

    async def live(self, _: Request) -> Response:
        return await self._health(200)

    async def ready(self, _: Request) -> Response:
        return await self._health(503)

    async def _shelf(self, request: Request, name: str) -> list[Any]:
        offset, n = _page(request)
        categories, user = _categories(request), await self._reader(request)
        k, genres = (
            (10 * MAX_POSITIONS if len(categories) > 1 else offset + n + len(await self._taken(request))),
            tuple(categories),
        )
        if name in LATEST:
            found = await self.api.films.newest(user, 10 * MAX_POSITIONS if categories else k, in_order=False)
        elif name == TRENDING:
            found = await self.api.films.trending(user, genres, k)
        else:
            found = await self.api.films.popular(user, genres, k)
        return await self._given(found, categories, offset, n, request)

    async def _given(
        self, found: Sequence[Placed], categories: Sequence[str], offset: int, n: int, request: Request
    ) -> list[Any]:
        """A page of a shelf: in every category, and without what the user took up or somebody hid."""
        facts, taken = self.api.films.facts, await self._taken(request)
        described = ((one, facts.describe(one.row)) for one in found if int(facts.keys[one.row]) not in taken)
        scored = [
            Scored(str(item["item_id"]), one.score + 0.0) for one, item in described if set(categories) <= set(item["genres"])
        ]
        return [one.to_json() for one in (await self._shown(scored))[offset : offset + n]]

    async def _list(
        self, request: Request, user: ExternalId, wanted: Constraints, offset: int, n: int, session: Any = None
    ) -> list[Scored]:
        """A page of a list that Marquee makes and logs."""
        categories = _categories(request)
        wide = len(categories) > 1  # Gorse wants an item to be in all of them
        page = Page(MAX_POSITIONS, 0) if wide else Page(min(n, MAX_POSITIONS - offset), offset)
        if page.size < 1:
            return []
        constraints = replace(wanted, genres=tuple(categories))
        request_id = request.scope["state"]["request_id"]
        made: RecommendationResult = await self.api.service.recommend(user, page, constraints, request_id, session=session)
        entries = rendering.full(made, None, trace=False)["recommendations"]
        scored = [Scored(str(one["item_id"]), float(one["score"])) for one in entries if set(categories) <= set(one["genres"])]
        shown = await self._shown(scored)
        return shown[offset : offset + n] if wide else shown

    async def _shown(self, scored: Sequence[Scored]) -> list[Scored]:
        may = await asyncio.to_thread(self.records.may_be_given, [one.item_id for one in scored])
        return [one for one in scored if one.item_id in may]

    async def _reader(self, request: Request) -> ExternalId | None:
        text = request.query_params.get("user-id", "")
        return _id(text) if text else None

    async def _taken(self, request: Request) -> frozenset[int]:
        text = request.query_params.get("user-id", "")
        return await asyncio.to_thread(self.records.taken_by, text) if text else frozenset()

    async def _health(self, unready: int) -> Response:
        report = await self.api.readiness.report()
        body = {
            "Ready": report.ready,
            "DataStoreError": None,
            "CacheStoreError": None,
            "DataStoreConnected": report.ready,
            "CacheStoreConnected": report.ready,
        }
        return Response(orjson.dumps(body), 200 if report.ready else unready, media_type="application/json")


def _page(request: Request) -> tuple[int, int]:
    """Offset and n. Raises BadRequest."""
    offset, n = number(request, "offset", 0), number(request, "n", DEFAULT_N)
    if offset < 0 or n < 0:
        raise BadRequest(f"offset is {offset} and n is {n}; neither is below 0")
    return offset, min(n, 10 * MAX_POSITIONS)


def _categories(request: Request) -> list[str]:
    named = [one for one in request.query_params.getlist("category") if one]
    return named or [one for one in [request.path_params.get("category", "")] if one]


def _id(text: str) -> ExternalId:
    """Raises BadRequest."""
    try:
        return parse_id(text)
    except ValueError as error:
        raise BadRequest(f"{text!r} is no id; {error}") from None
