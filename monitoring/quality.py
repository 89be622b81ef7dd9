"""What is wrong with the events of a window themselves. Pure; the watchdog adds it to its reasons, and it decides nothing.

Broken events look like drift: whoever reads a decision should see both.
"""

from __future__ import annotations

import polars as pl

from core import columns as c
from core.catalogue import Catalogue
from core.kinds import STARRED

MAX_UNKNOWN_ITEMS = 0.2  # share of the events; new items arrive all the time, and are served before a release knows them
MAX_DUPLICATES = 0.01  # share of the events; a delivery that is repeated after a crash stays far below


def problems(interactions: pl.DataFrame, catalogue: Catalogue) -> tuple[str, ...]:
    """One sentence for each kind of fault: repeated events, ratings that are not numbers, items that the release has not."""
    if interactions.is_empty():
        return ()
    rows = len(interactions)
    found = []
    duplicates = rows - interactions[c.EVENT_ID].n_unique()
    if duplicates > MAX_DUPLICATES * rows:
        found.append(f"data: {duplicates:,} of {rows:,} events repeat an event id")
    stars = interactions.filter(pl.col(c.KIND).is_in(STARRED))[c.VALUE]
    broken = len(stars) - int(stars.is_finite().fill_null(value=False).sum())
    if broken:
        found.append(f"data: {broken:,} of {len(stars):,} ratings have no finite value")
    unknown = int((catalogue.rows(interactions[c.ITEM].to_numpy()) < 0).sum())
    if unknown > MAX_UNKNOWN_ITEMS * rows:
        found.append(f"data: {unknown:,} of {rows:,} events are on items that the release does not have")
    return tuple(found)
