"""What is wrong with the events of a window themselves. Pure; the watchdog adds it to its reasons, and it decides nothing.

Broken events look like drift: whoever reads a decision should see both.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from core import columns as c
from core.catalogue import Catalogue
from core.kinds import KINDS, STARRED

MAX_UNKNOWN_ITEMS = 0.2  # share of the events; new items arrive all the time, and are served before a release knows them
MAX_DUPLICATES = 0.01  # share of the events; a delivery that is repeated after a crash stays far below
MAX_NEW_KINDS = 0.05  # share of the events, of kinds that the reference sample has not
LATE_SECONDS, MAX_LATE = 3_600.0, 0.05  # share of the events that came so long after later ones
WEEK = 7 * 24  # hours
MIN_HOUR = 100  # events of an hour a week ago, from which on it says something about this one
MAX_CHANGE = 4.0  # times as many, or as few
VALUED = [kind for kind in KINDS if kind.spec.value is not None and kind.spec.value_required]


def problems(
    interactions: pl.DataFrame,
    catalogue: Catalogue,
    arrived: pl.DataFrame | None = None,
    new_kinds: Mapping[str, int] | None = None,
) -> tuple[str, ...]:
    """One sentence for each kind of fault: repeated events, values that are missing or not numbers, items that the release has
    not, kinds that its reference has not, and events that came late (`arrived` has their times in the order of the log)."""
    if interactions.is_empty():
        return ()
    rows = len(interactions)
    found = []
    duplicates = rows - interactions[c.EVENT_ID].n_unique()
    if duplicates > MAX_DUPLICATES * rows:
        found.append(f"data: {duplicates:,} of {rows:,} events repeat an event id")
    for what, values in _values(interactions):
        broken = len(values) - int(values.is_finite().fill_null(value=False).sum())
        if broken:
            found.append(f"data: {broken:,} of {len(values):,} {what} have no finite value")
    unknown = int((catalogue.rows(interactions[c.ITEM].to_numpy()) < 0).sum())
    if unknown > MAX_UNKNOWN_ITEMS * rows:
        found.append(f"data: {unknown:,} of {rows:,} events are on items that the release does not have")
    for kind, count in (new_kinds or {}).items():
        if count > MAX_NEW_KINDS * rows:
            found.append(f"data: {count:,} of {rows:,} events are of kind {kind}, which the reference sample does not have")
    if arrived is not None and len(arrived):
        late = int((arrived[c.TS].cum_max() - arrived[c.TS] > LATE_SECONDS).sum())
        if late > MAX_LATE * len(arrived):
            found.append(f"data: {late:,} of {len(arrived):,} events came more than an hour after later ones")
    return tuple(found)


def volume_problem(hours: Mapping[int, int], now: float) -> tuple[str, ...]:
    """Whether the last full hour before `now` (Unix seconds) had far more or fewer events than the same one a week ago.

    `hours` has the events of each hour since 1970. Without history nothing is said, because traffic has its days and hours.
    """
    last = int(now // 3600) - 1
    count, usual = hours.get(last, 0), hours.get(last - WEEK, 0)
    if usual < MIN_HOUR or usual / MAX_CHANGE <= count <= usual * MAX_CHANGE:
        return ()
    return (f"data: {count:,} events in the last full hour, {usual:,} in the same hour a week ago",)


def _values(interactions: pl.DataFrame) -> list[tuple[str, pl.Series]]:
    """The values of the kinds of events that must have one; ratings are named for what they are."""
    needed = interactions.filter(pl.col(c.KIND).is_in(VALUED))
    rated = needed[c.KIND].is_in(STARRED)
    parts = (("ratings", needed.filter(rated)), ("timed events", needed.filter(~rated)))
    return [(what, part[c.VALUE]) for what, part in parts]
