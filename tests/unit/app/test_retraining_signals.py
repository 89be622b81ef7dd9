"""What retraining's triggers look at: events since the release's data, and the watchdog's figures for its lists."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from app.usecases.retraining_signals import NewEvents, ServedFigures, read_served
from core import columns as c
from core.errors import NotFound
from lake import tables
from lake.adapters.memory import MemoryLake
from monitoring.journal import STATUS


def events(first: int, rows: int) -> pl.DataFrame:
    """One a second, from `first` on."""
    times = np.arange(first, first + rows)
    return pl.DataFrame(
        {
            c.EVENT_ID: [f"e{time}" for time in times], c.USER: 1 + times % 2, c.ITEM: 1, c.KIND: "click", c.VALUE: None,
            c.TS: times.astype(np.float64), c.REQUEST_ID: None, c.OFFSET: times,
        }
    )  # fmt: skip


def test_new_events_are_counted_as_they_come_and_again_for_another_release() -> None:
    lake = MemoryLake()
    counts = NewEvents(lake)
    with pytest.raises(NotFound, match="interactions"):
        counts.share(10.0)
    lake.append(tables.INTERACTIONS, events(0, 20))
    assert counts.share(10.0) == 0.5, "from the moment itself on"
    lake.append(tables.INTERACTIONS, events(20, 20))
    assert counts.share(10.0) == 0.75
    assert counts.share(10.0) == 0.75
    assert counts.share(30.0) == 0.25
    lake.forget_user(1)
    assert counts.share(30.0) == 0.25, "of 20 that are left 5"


SERVED = {"acceptance": {"per_user_day": 0.1, "user_days": 100}, "accuracy": {"pairwise": 0.7, "lists": 100}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (json.dumps({"release": "r", "served": SERVED}), ServedFigures(0.1, 0.7)),
        (json.dumps({"release": "another", "served": SERVED}), ServedFigures()),
        (json.dumps({"release": "r", "served": {"acceptance": None, "accuracy": None}}), ServedFigures()),
        (json.dumps({"release": "r", "served": SERVED}).replace("100", "99"), ServedFigures()),
        (json.dumps({"release": "r"}), ServedFigures()),  # of a watchdog of before
        ("[]", ServedFigures()),
        ("{half", ServedFigures()),
        (None, ServedFigures()),
    ],
)
def test_the_watchdogs_figures_count_for_this_release_with_enough_behind_them(
    tmp_path: Path, text: str | None, expected: ServedFigures
) -> None:
    if text is not None:
        (tmp_path / STATUS).write_text(text)
    assert read_served(tmp_path, "r") == expected
