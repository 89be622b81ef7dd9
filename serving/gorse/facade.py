"""What the routes of Gorse's API are made of: its records, and the lists and items of Marquee behind them."""

from __future__ import annotations

import asyncio
import hashlib
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from core.ids import parse_id
from core.item_facts import ItemFacts
from serving.gorse.kinds import FeedbackKinds
from serving.gorse.records import BadRequest, Feedback, Item
from serving.gorse.store import GorseStore

if TYPE_CHECKING:
    from serving.routes.api import Api

KNOWN_WITHIN = 5.0  # seconds in which this process reads a new item from the lake
_NAP = 0.1


@dataclass(frozen=True)
class Gorse:
    """What the composition root gives. Both functions block."""

    store: GorseStore
    kinds: FeedbackKinds
    insert: Callable[[Sequence[Item]], None]  # into the catalogue
    hide: Callable[[str], None]  # from every list


class Records:
    """Items, users and feedback: what came through Gorse's API, and what the catalogue has besides. Blocks where it says so."""

    def __init__(self, api: Api, gorse: Gorse) -> None:
        self.api, self.gorse = api, gorse
        self._ids: tuple[int, list[str]] = (0, [])  # of the facts that were read last

    @property
    def facts(self) -> ItemFacts:
        return self.api.service.host.facts

    def item(self, item_id: str) -> Item | None:
        """Blocks. None for one that is unknown or was deleted."""
        stored = self.gorse.store.item(item_id)
        return stored if stored or item_id in self.gorse.store.deleted() else self._catalogued(item_id)

    def page_of_items(self, after: str, n: int) -> tuple[str, list[Item]]:
        """The next n by id, and the cursor behind them, empty at the end. Blocks."""
        stored, deleted = self.gorse.store.items(), self.gorse.store.deleted()
        ids = sorted((set(self._catalogue_ids()) | set(stored)) - deleted)
        begin = bisect_right(ids, after) if after else 0
        page = ids[begin : begin + n]
        items = [found for one in page if (found := stored.get(one) or self._catalogued(one))]
        return (cursor(page[-1]) if begin + n < len(ids) and page else ""), items

    def may_be_given(self, item_ids: Sequence[str]) -> set[str]:
        """Those of a list that nobody hid or deleted through this API since it was made. Blocks."""
        stored, deleted = self.gorse.store.items(item_ids), self.gorse.store.deleted()
        return {one for one in item_ids if one not in deleted and not (one in stored and stored[one].is_hidden)}

    def taken_by(self, user_id: str) -> frozenset[int]:
        """Keys of the items that a user gave feedback to, of any type, up to now. Blocks."""
        now = time.time()
        items = {one.item_id for one in self.gorse.store.feedback(user_id=user_id) if (one.timestamp or 0.0) <= now}
        return frozenset(key for key in (self.facts.key_ever(parse_id(one)) for one in items) if key >= 0)

    async def insert_items(self, items: Sequence[Item]) -> None:
        """On record, and in the catalogue."""
        for one in items:
            _require_id(one.item_id)
        await asyncio.to_thread(self.gorse.insert, items)
        await asyncio.to_thread(self.gorse.store.put_items, items)

    async def insert_feedback(self, feedback: Sequence[Feedback], overwrite: bool) -> None:
        """On record, and as events as far as they mean something here. Items that are unknown are inserted."""
        for one in feedback:
            _require_id(one.item_id)
            _require_id(one.user_id)
        now = time.time()
        given = [replace(one, timestamp=now if one.timestamp is None else one.timestamp, updated=now) for one in feedback]
        missing = [one for one in dict.fromkeys(each.item_id for each in given) if not self._is_known(one)]
        unknown = [one for one in missing if not await asyncio.to_thread(self.gorse.store.item, one)]
        if unknown:
            await self.insert_items([Item(one) for one in unknown])
        await asyncio.to_thread(self.gorse.store.put_feedback, given, overwrite)
        await self._send(given, missing)

    async def _send(self, feedback: Sequence[Feedback], missing: Sequence[str]) -> None:
        """As events; those that lie outside the times that are believed stay on record alone."""
        rule, now = self.api.ingestion.clock_rule, time.time()
        believed = (one for one in feedback if rule.earliest <= (one.timestamp or 0.0) <= now + rule.skew)
        events = [event for one in believed if (event := self._event(one)) is not None]
        until = time.monotonic() + KNOWN_WITHIN
        while events and missing and time.monotonic() < until and not all(map(self._is_known, missing)):
            await asyncio.sleep(_NAP)
        size = self.api.ingestion.max_batch
        for begin in range(0, len(events), size):
            await self.api.ingestion.ingest(orjson.dumps(events[begin : begin + size]))

    def _event(self, one: Feedback) -> dict[str, Any] | None:
        meaning = self.gorse.kinds.of(one.feedback_type)
        if meaning is None:
            return None
        what = "\0".join((one.feedback_type, one.user_id, one.item_id, repr(one.timestamp), repr(one.value)))
        event = {
            "event_id": f"gorse-{hashlib.sha256(what.encode()).hexdigest()[:40]}",  # the same feedback twice is one event
            "user_id": one.user_id,
            "item_id": one.item_id,
            "kind": meaning.kind.value,
            "ts": one.timestamp,
        }
        value = meaning.value_of(one.value)
        return event if value is None else event | {"value": value}

    def _is_known(self, item_id: str) -> bool:
        return self.facts.key_of(parse_id(item_id)) >= 0

    def _catalogued(self, item_id: str) -> Item | None:
        """An item that came another way."""
        try:
            row = self.facts.row(self.facts.key_of(parse_id(item_id)))
        except ValueError:
            return None
        if row < 0:
            return None
        known = self.facts.describe(row)
        opened = self.facts.details(row)["available_from"]
        when = opened if opened is not None else _begin_of(known["year"])
        return Item(item_id, not bool(self.facts.shown[row]), tuple(known["genres"]), when, None, known["title"])

    def _catalogue_ids(self) -> list[str]:
        facts = self.facts
        if self._ids[0] != id(facts):
            self._ids = id(facts), [str(facts.id_of(key)) for key in facts.keys.tolist()]
        return self._ids[1]


def cursor(*place: str) -> str:
    """A place in a listing, as clients send it back."""
    return urlsafe_b64encode(orjson.dumps(place)).decode()


def place_of(text: str) -> list[str]:
    """Raises BadRequest for a cursor that is none of ours."""
    if not text:
        return []
    try:
        found = orjson.loads(urlsafe_b64decode(text.encode()))
    except ValueError as error:
        raise BadRequest(f"cursor {text!r}: {error}") from None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise BadRequest(f"cursor {text!r} is none of this API")
    return found


def _require_id(text: str) -> None:
    try:
        parse_id(text)
    except ValueError as error:
        raise BadRequest(f"{text!r} is no id; {error}") from None


def _begin_of(year: int | None) -> float | None:
    return datetime(year, 1, 1, tzinfo=UTC).timestamp() if year else None
