"""Replays what people really did next, through the public API, and shows how lists answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import polars as pl
from rich.console import Console
from rich.markup import escape  # there is a film called [REC]
from rich.table import Table

from core import columns as c
from core import ids
from core.errors import DependencyUnavailable
from core.ids import ExternalId

EVENTS_PER_SECOND = 5.0
WATCHED = 3
CANDIDATES = 30  # users among whom those to watch are chosen
SHOWN = 5
FIELDS = (c.EVENT_ID, c.USER, c.EXTERNAL_USER, c.ITEM, c.KIND, c.VALUE, c.TS)


@dataclass(frozen=True)
class Shown:
    """The top of a user's list at one moment."""

    strategy: str
    item_ids: tuple[ExternalId, ...]
    titles: tuple[str, ...]


class Replay:
    """Posts held-out events, each user's in time order, and prints the lists of a few users as they change."""

    def __init__(
        self,
        base_url: str,
        cursor: Path,
        console: Console,
        id_of: Callable[[int], ExternalId] = lambda key: key,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`id_of` returns the external id of the item with a key; `headers` go with every request."""
        self._id_of = id_of
        self._http = httpx.Client(base_url=base_url, timeout=10.0, headers=headers)
        self._cursor = cursor
        self._console = console

    def run(self, events: pl.DataFrame, seconds: float, stopped: Callable[[], bool]) -> None:
        """Replay for about `seconds`; a later call goes on where this one ended. Raises DependencyUnavailable."""
        start = self._position()
        todo = round_robin(events).slice(start, int(seconds * EVENTS_PER_SECOND))
        if todo.is_empty():
            self._console.print("every held-out event was replayed already; post your own with POST /events")
            return
        events_to_send = [self._named(event) for event in todo.select(FIELDS).iter_rows(named=True)]
        before = self._watched(list(dict.fromkeys(event[c.USER] for event in events_to_send)))
        for user, shown in before.items():
            self._console.print(f"[bold]user {user}[/] before ({shown.strategy}): {' | '.join(shown.titles)}", soft_wrap=True)
        self._console.print(f"replaying {len(todo)} held-out events, {EVENTS_PER_SECOND:.0f} a second; Ctrl-C ends it")
        last = dict(before)
        for done, event in enumerate(events_to_send, start=1):
            if stopped():
                break
            self._post(event)
            self._cursor.write_text(json.dumps(start + done))
            time.sleep(1.0 / EVENTS_PER_SECOND)
            if event[c.USER] in last:
                last[event[c.USER]] = self._print_change(event, last[event[c.USER]])
        self._console.print(_summary(before, last))

    def _named(self, event: dict[str, Any]) -> dict[str, Any]:
        """The event with ids in the place of keys."""
        external = event.pop(c.EXTERNAL_USER)
        return event | {c.USER: ids.shown(event[c.USER], external), c.ITEM: self._id_of(event[c.ITEM])}

    def _watched(self, users: list[ExternalId]) -> dict[ExternalId, Shown]:
        """The lists of a few users: the first new one, whose list changes most, and known ones."""
        lists = {user: self._list(user) for user in users[:CANDIDATES]}
        new = [user for user, shown in lists.items() if shown.strategy == "popular_fallback"][: WATCHED - 2]
        known = [user for user in lists if user not in new]
        return {user: lists[user] for user in (*new, *known)[:WATCHED]}

    def _position(self) -> int:
        return int(json.loads(self._cursor.read_text())) if self._cursor.is_file() else 0

    def _post(self, event: dict[str, object]) -> None:
        self._request("POST", "/events", json={key: value for key, value in event.items() if value is not None})

    def _list(self, user: ExternalId) -> Shown:
        answer = self._request("GET", f"/recommend/{quote(str(user), safe='')}", params={"k": SHOWN})
        films = answer["recommendations"]
        return Shown(answer["strategy"], tuple(f["item_id"] for f in films), tuple(escape(f["title"]) for f in films))

    def _print_change(self, event: dict[str, Any], previous: Shown) -> Shown:
        now = self._list(event[c.USER])
        new = [title for item, title in zip(now.item_ids, now.titles, strict=True) if item not in previous.item_ids]
        value = "" if event[c.VALUE] is None else f" {event[c.VALUE]}"
        moved = f"new in the top {SHOWN}: {' | '.join(new)}" if new else "the same films on top"
        self._console.print(
            f"user {event[c.USER]}: {event[c.KIND]}{value} of {event[c.ITEM]} -> {moved}", markup=False, soft_wrap=True
        )
        return now

    def _request(self, method: str, path: str, **arguments: object) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, **arguments)  # type: ignore[arg-type]
            response.raise_for_status()
        except httpx.HTTPError as error:
            raise DependencyUnavailable("api", str(error), "see its log under var/logs") from error
        answer: dict[str, Any] = response.json()
        return answer


def round_robin(events: pl.DataFrame) -> pl.DataFrame:
    """Everybody's first event, then everybody's second, and so on. In time order, one binge would fill the demo."""
    turn = pl.int_range(pl.len()).over(c.USER)
    return events.with_columns(turn.alias("turn")).sort("turn", c.TS, c.USER, maintain_order=True).drop("turn")


def _summary(before: dict[ExternalId, Shown], after: dict[ExternalId, Shown]) -> Table:
    table = Table(title="What the events changed", show_lines=True)
    for name in ("user", "before", "after"):
        table.add_column(name)
    for user, shown in before.items():
        table.add_row(
            str(user),
            "\n".join((f"[dim]{shown.strategy}[/]", *shown.titles)),
            "\n".join((f"[dim]{after[user].strategy}[/]", *after[user].titles)),
        )
    return table
