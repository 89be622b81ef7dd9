"""The acceptance of the latest lists, live. The watchdog computes the same function over the lake's window."""

from __future__ import annotations

import polars as pl

from core import columns as c
from evaluation.acceptance import ATTRIBUTION_SECONDS, Acceptance, acceptance

IMPRESSION_COLUMNS = (c.REQUEST_ID, c.USER, c.ITEM, c.TS, c.LABEL)
INTERACTION_COLUMNS = (c.REQUEST_ID, c.USER, c.ITEM, c.TS, c.KIND)


class AcceptanceWindow:
    """The newest impressions, and the interactions that answer lists."""

    def __init__(self, attribution: float = ATTRIBUTION_SECONDS, max_rows: int = 50_000) -> None:
        """`attribution`: seconds in which an answer belongs to a list. `max_rows` rows of each are kept."""
        self._attribution = attribution
        self._max_rows = max_rows
        self._shown: pl.DataFrame | None = None
        self._answers: pl.DataFrame | None = None

    def add(self, shown: pl.DataFrame | None, answers: pl.DataFrame | None) -> None:
        """New rows of the lake's impressions and interactions tables."""
        self._shown = self._tail(self._shown, shown)
        self._answers = self._tail(self._answers, None if answers is None else answers.drop_nulls(c.REQUEST_ID))

    def now(self) -> Acceptance | None:
        """None before there is a list."""
        if self._shown is None:
            return None
        none = pl.DataFrame(schema={**self._shown.schema, c.KIND: pl.String})
        return acceptance(self._shown, none if self._answers is None else self._answers, self._attribution)

    def _tail(self, known: pl.DataFrame | None, new: pl.DataFrame | None) -> pl.DataFrame | None:
        if new is None or known is None:
            return known if new is None else new.tail(self._max_rows)
        return pl.concat([known, new]).tail(self._max_rows)
