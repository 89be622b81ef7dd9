"""The recent part of the lake that a check examines, kept in memory and brought up to date by what was appended since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from core import columns as c
from core.errors import NotFound
from core.kinds import ACCEPTING
from datasets.splits import in_time_order
from evaluation.acceptance import ATTRIBUTION_SECONDS, Acceptance, acceptance
from lake import tables
from lake.ports import Added, Lake

EVENT_COLUMNS = (c.EVENT_ID, c.USER, c.ITEM, c.KIND, c.VALUE, c.TS, c.REQUEST_ID, c.OFFSET)
SHOWN_COLUMNS = (c.REQUEST_ID, c.USER, c.ITEM, c.POSITION, c.SCORE, c.POLICY, c.MODEL_VERSION, c.TS, c.LABEL)
SHOWN_ROWS = 20_000  # newest impressions, and earliest of each release: 2,000 lists of ten
RELEASES = 20  # that began last: their earliest impressions are kept
HOURS = 24 * 15  # that events are counted for
HOUR, COUNT = "hour", "count"
_BY_TIME = (c.TS, c.EVENT_ID)  # a total order, so that the same rows are the newest whatever the portions they came in
_BY_LIST = (c.TS, c.REQUEST_ID, c.POSITION)


@dataclass(frozen=True, eq=False)
class Window:
    """What one check looks at. The frames have the columns named above."""

    interactions: pl.DataFrame  # the newest, in time order
    acceptance: Acceptance | None  # of the newest lists; None when no list was shown
    shown: pl.DataFrame  # the newest impressions
    first_shown: pl.DataFrame  # the earliest impressions of each release
    answers: pl.DataFrame  # the accepting interactions with those lists
    arrived: pl.DataFrame  # times of the events that reached the log last, in the order of the log
    hours: pl.DataFrame  # HOUR (since 1970) and COUNT of its events

    @property
    def users(self) -> int:
        return self.interactions[c.USER].n_unique()


class RecentLake:
    """Follows interactions and impressions. A look reads what is new; the first one, and one after rows were removed, everything.

    What is kept depends on the rows of the lake alone, so a restart changes no decision.
    """

    def __init__(self, lake: Lake, rows: int, attribution: float = ATTRIBUTION_SECONDS) -> None:
        """`rows` newest interactions make a window; an answer belongs to a list for `attribution` seconds."""
        self._rows, self._attribution = rows, attribution
        self._events = lake.follow(tables.INTERACTIONS, EVENT_COLUMNS)
        self._impressions = lake.follow(tables.IMPRESSIONS, SHOWN_COLUMNS)
        self._known = False  # whether interactions were ever written
        events, shown = (tables.SCHEMAS[table] for table in (tables.INTERACTIONS, tables.IMPRESSIONS))
        self._newest = pl.DataFrame(schema={name: events[name] for name in EVENT_COLUMNS})
        self._answers, self._arrived = self._newest.clear(), self._newest.clear().select(c.OFFSET, c.TS)
        self._hours = pl.DataFrame(schema={HOUR: pl.Int64, COUNT: pl.UInt32})
        self._shown = pl.DataFrame(schema={name: shown[name] for name in SHOWN_COLUMNS})
        self._first = self._shown.clear()

    def look(self) -> Window:
        """The window as of now. Raises NotFound when nothing was ever written, DependencyUnavailable."""
        if (shown := self._impressions.look()) is not None:
            self._take_shown(shown)
        if (events := self._events.look()) is not None:
            self._take_events(events)
        if not self._known:
            raise NotFound(f"the lake has no table {tables.INTERACTIONS!r}; load data with `marquee data load`")
        rate = acceptance(self._shown, self._answers, self._attribution)
        arrived, hours = self._arrived.sort(c.OFFSET, c.TS), self._hours.sort(HOUR)
        return Window(in_time_order(self._newest), rate, self._shown, self._first, self._answers, arrived, hours)

    def _take_shown(self, added: Added) -> None:
        self._shown = _merged(self._shown, added, _BY_LIST, SHOWN_ROWS)
        first = added.rows if added.is_snapshot else pl.concat([self._first, added.rows])
        first = first.sort(_BY_LIST).group_by(c.MODEL_VERSION, maintain_order=True).head(SHOWN_ROWS).select(SHOWN_COLUMNS)
        begun = first.group_by(c.MODEL_VERSION).agg(pl.col(c.TS).min()).top_k(RELEASES, by=(c.TS, c.MODEL_VERSION))
        self._first = first.join(begun, on=c.MODEL_VERSION, how="semi")

    def _take_events(self, added: Added) -> None:
        self._known = True
        self._newest = _merged(self._newest, added, _BY_TIME, self._rows)
        streamed = added._replace(rows=added.rows.filter(pl.col(c.OFFSET) >= 0).select(c.OFFSET, c.TS))
        self._arrived = _merged(self._arrived, streamed, (c.OFFSET, c.TS), self._rows)
        hour = (pl.col(c.TS) // 3600).cast(pl.Int64).alias(HOUR)
        counted = added.rows.group_by(hour).agg(pl.len().alias(COUNT))
        hours = counted if added.is_snapshot else pl.concat([self._hours, counted])
        self._hours = hours.group_by(HOUR).agg(pl.col(COUNT).sum()).top_k(HOURS, by=HOUR)
        self._take_answers(added)

    def _take_answers(self, added: Added) -> None:
        """Those to lists that are kept, and the newest others, whose lists may reach the lake after them."""
        new = added.rows.filter(pl.col(c.REQUEST_ID).is_not_null() & pl.col(c.KIND).is_in(ACCEPTING))
        answers = new if added.is_snapshot else pl.concat([self._answers, new])
        lists = pl.concat([self._shown[c.REQUEST_ID], self._first[c.REQUEST_ID]]).unique()
        of_lists = pl.col(c.REQUEST_ID).is_in(lists.implode())
        rest = answers.filter(~of_lists).top_k(SHOWN_ROWS, by=_BY_TIME)
        self._answers = pl.concat([answers.filter(of_lists), rest])


def _merged(kept: pl.DataFrame, added: Added, order: Sequence[str], rows: int) -> pl.DataFrame:
    """The newest `rows` of what was kept and what is new."""
    return (added.rows if added.is_snapshot else pl.concat([kept, added.rows])).top_k(rows, by=order)
