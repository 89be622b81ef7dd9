"""What is looked at beside lists: shelves, search, similar items, what to ask a new user, the map. Knows nothing of HTTP.

Everything keeps to what the recommender's filters let through for the user, so that no rule of the business has a way round it.
Numbers are crunched in a thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.errors import NotFound
from core.features import UserFeatures
from core.ids import ExternalId, user_key
from core.item_facts import ItemFacts
from core.ports import Clock
from recommender.item_map import ItemMap
from recommender.live import Snapshot
from recommender.onboarding_choice import worth_asking
from recommender.recommender import Recommender
from recommender.roles import Constraints, Context, Eligible, Query
from recommender.shelves import Shelf, Shelves, Tie
from serving.films.search_index import SearchIndex
from serving.films.search_order import Hit, order
from serving.lists.service import RecommendService

_T = TypeVar("_T")
STEPS = 20  # of a user's path over the map


class Placed(NamedTuple):
    """The row of an item's facts, and its score on the shelf."""

    row: int
    score: float
    ties: Sequence[Tie] = ()


class Path(NamedTuple):
    """Where a user was on the map after each of the latest events: times [m] (Unix seconds) and places [m, 2], oldest first."""

    release: str
    times: NDArray[np.float64]
    places: NDArray[np.float32]


class Allowed(NamedTuple):
    """What a list for a query may have."""

    maker: Recommender
    query: Query

    def items(self, keys: Sequence[int]) -> list[bool]:
        """Which of these items (keys, -1 for one that is unknown) it may have."""
        may, rows = self.maker.eligible(self.query), self.maker.snapshot.catalogue.rows(keys)
        return [bool(row >= 0 and may[row]) for row in rows.tolist()]


class FilmService:
    """Answers from the same host as the lists."""

    def __init__(self, lists: RecommendService, clock: Clock = time.time) -> None:
        self._lists = lists
        self._clock = clock
        self._index = SearchIndex()
        self._shelves: Shelves | None = None
        self._map: tuple[str, ItemMap] | None = None

    @property
    def facts(self) -> ItemFacts:
        return self._lists.host.facts

    async def trending(self, user: ExternalId | None, genres: tuple[str, ...], k: int) -> list[Placed]:
        """What is taken up more often than it used to be; without what the user has seen."""
        return await self._shelf(user, genres, lambda shelves, may, _: shelves.trending(may, k))

    async def newest(self, user: ExternalId | None, k: int, in_order: bool = True) -> list[Placed]:
        """The newest items, in the user's order, or the newest first."""
        return await self._shelf(user, (), lambda shelves, may, vector: shelves.newest(may, k, vector() if in_order else None))

    async def popular(self, user: ExternalId | None, genres: tuple[str, ...], k: int) -> list[Placed]:
        """What is popular now; without what the user has seen."""
        return await self._shelf(user, genres, lambda shelves, may, _: shelves.popular(may, k))

    async def similar(
        self, item: ExternalId, user: ExternalId | None, k: int, only: frozenset[int] | None = None
    ) -> list[Placed]:
        """The nearest items, with what they have in common. Raises NotFound.

        For an item that came after the release was built, which has no place in it yet: what is popular in its genres.
        """
        key = self._key_of(item)
        genres = tuple(self.facts.describe(self.facts.row(key))["genres"])
        maker, known = await self._lists.maker_of(user)

        def look() -> list[Placed]:
            shelves = self._shelves_of(maker.snapshot)
            row = int(maker.snapshot.catalogue.rows([key])[0])
            wanted = Constraints(only=only) if row >= 0 else Constraints(genres=genres, only=only)
            may = maker.eligible(self._query(user, known, wanted))
            if row < 0:
                return self._placed(maker.snapshot, shelves.trending(may, k))
            shelf = shelves.similar(row, may, k)
            placed = self._placed(maker.snapshot, shelf)
            ties = [shelves.ties(row, other) for other in shelf.rows.tolist()]
            return [one._replace(ties=why) for one, why in zip(placed, ties, strict=True)]

        return await asyncio.to_thread(look)

    async def search(self, text: str, user: ExternalId | None, k: int) -> tuple[list[Hit], str | None]:
        """The k best matches, and the query that was understood if it is another one. A hidden item is not found."""
        maker, known = await self._lists.maker_of(user)
        facts = self.facts

        def look() -> tuple[list[Hit], str | None]:
            now = maker.snapshot
            self._index.follow(facts, lambda: now.catalogue.ids[now.stats.popular_rows(len(now.catalogue))].tolist())
            found = self._index.find(text)
            rows = facts.rows(found.keys)
            rows = rows[rows >= 0]
            rows = rows[facts.available(self._clock())[rows] & self._allowed(maker, user, known, facts.keys[rows])]
            vector = maker.vector_of(known)
            return order(found.corrected or text, facts, now, rows, vector)[:k], found.corrected

        return await asyncio.to_thread(look)

    async def with_person(self, name: str, k: int) -> tuple[str, list[Placed]]:
        """The name as the catalogue has it, and what it names that person for, the most popular first. Raises NotFound."""
        return await asyncio.to_thread(self._with_person, name, k)

    def _with_person(self, name: str, k: int) -> tuple[str, list[Placed]]:
        facts, now = self.facts, self._lists.host.main.snapshot
        named = facts.by_name("people")
        wanted = name.strip().casefold()
        found = next((one for one in ([name] if name in named else named) if one.casefold() == wanted), None)
        if found is None:
            raise NotFound(f"no item of the catalogue names {name!r}", person=name)
        rows = named[found][facts.available(self._clock())[named[found]]]
        events = now.events_of(facts.keys[rows])
        best = np.argsort(-events, kind="stable")[:k]
        return found, [Placed(int(rows[at]), float(events[at])) for at in best]

    async def genres(self) -> list[tuple[str, int]]:
        """Every genre, and how many items of it may be shown now, most first."""
        return await asyncio.to_thread(self._genres)

    def _genres(self) -> list[tuple[str, int]]:
        may = self.facts.available(self._clock())
        counted = [(name, int(np.count_nonzero(may[rows]))) for name, rows in self.facts.by_name("genres").items()]
        return sorted((one for one in counted if one[1]), key=lambda one: (-one[1], one[0]))

    def people_to_ask(self, k: int) -> list[str]:
        """The k people whom most items name."""
        named = self.facts.by_name("people")
        return sorted(sorted(named, key=lambda name: (-len(named[name]), name))[:k])

    @property
    def for_everybody(self) -> Allowed:
        """What a list for anybody may have."""
        return Allowed(self._lists.host.main, self._query(None, None))

    async def to_ask(self, k: int) -> list[Placed]:
        """What to ask a new user about."""
        maker = self._lists.host.main

        def look() -> list[Placed]:
            rows = worth_asking(maker.snapshot, maker.eligible(self._query(None, None)), k)
            return self._placed(maker.snapshot, Shelf(rows, np.zeros(len(rows), dtype=np.float32)))

        return await asyncio.to_thread(look)

    async def item_map(self) -> tuple[Snapshot, NDArray[np.intp], NDArray[np.float32]]:
        """The rows [m] of the release that may be shown, and their places [m, 2]."""
        maker = self._lists.host.main

        def look() -> tuple[Snapshot, NDArray[np.intp], NDArray[np.float32]]:
            rows = np.flatnonzero(maker.eligible(self._query(None, None)))
            places = self._map_of(maker.snapshot).places(maker.snapshot.item_vectors)
            return maker.snapshot, rows, places[rows]

        return await asyncio.to_thread(look)

    async def path_of(self, user: ExternalId) -> Path:
        """Where the user was on the map of the release that is served, after each of the latest `STEPS` events."""
        _, known = await self._lists.maker_of(user)
        now = self._lists.host.main.snapshot

        def look() -> Path:
            steps = _growing(known, STEPS)
            if not steps:
                return Path(now.name, np.empty(0), np.empty((0, 2), dtype=np.float32))
            vectors = now.encoder.encode_many(steps)
            known_there = vectors.any(axis=1)
            times = np.array([step.times[-1] for step in steps])
            return Path(now.name, times[known_there], self._map_of(now).places(vectors[known_there]))

        return await asyncio.to_thread(look)

    def close(self) -> None:
        self._index.close()

    async def _shelf(
        self,
        user: ExternalId | None,
        genres: tuple[str, ...],
        look: Callable[[Shelves, Eligible, Callable[[], NDArray[np.float32] | None]], Shelf],
    ) -> list[Placed]:
        maker, known = await self._lists.maker_of(user)

        def made() -> list[Placed]:
            may = maker.eligible(self._query(user, known, Constraints(genres=genres)))
            shelf = look(self._shelves_of(maker.snapshot), may, lambda: maker.vector_of(known))
            return self._placed(maker.snapshot, shelf)

        return await asyncio.to_thread(made)

    def _query(self, user: ExternalId | None, known: UserFeatures | None, wanted: Constraints | None = None) -> Query:
        key = 0 if user is None else user_key(user)
        return Query("", key, self._clock(), 0, known, context=Context(constraints=wanted or Constraints()))

    def _allowed(
        self, maker: Recommender, user: ExternalId | None, known: UserFeatures | None, keys: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Which items [m] the policy lets the user find, seen or not; one that the release does not know yet may be found."""
        may = maker.eligible(self._query(user, known), seen=True)
        rows = maker.snapshot.catalogue.rows(keys)
        return np.where(rows >= 0, may[rows], True)

    def _placed(self, now: Snapshot, shelf: Shelf) -> list[Placed]:
        """On the facts as they are now; what has left the catalogue meanwhile is left out."""
        rows = self.facts.rows(now.catalogue.ids[shelf.rows])
        return [Placed(row, score) for row, score in zip(rows.tolist(), shelf.scores.tolist(), strict=True) if row >= 0]

    def _shelves_of(self, now: Snapshot) -> Shelves:
        """Kept for the snapshot that is asked for most: the host makes one every few seconds, and arms have theirs."""
        kept = self._shelves
        if kept is None or kept.now is not now:
            kept = self._shelves = Shelves(now)
        return kept

    def _map_of(self, now: Snapshot) -> ItemMap:
        """By the release's own vectors: what is learned online moves items on the map, and does not turn it."""
        kept = self._map
        if kept is None or kept[0] != now.name:
            kept = self._map = (now.name, ItemMap.of(now.release.item_vectors))
        return kept[1]

    def _key_of(self, item: ExternalId) -> int:
        key = self.facts.key_of(item)
        if key < 0:
            raise NotFound(f"item {item} is not in the catalogue", item_id=item)
        return key


def _growing(user: UserFeatures | None, steps: int) -> list[UserFeatures]:
    """The user as of each of the latest events, oldest first."""
    if user is None:
        return []
    n = len(user.item_ids)
    return [
        replace(user, item_ids=user.item_ids[:end], kinds=user.kinds[:end], values=user.values[:end], times=user.times[:end])
        for end in range(max(1, n - steps + 1), n + 1)
    ]
