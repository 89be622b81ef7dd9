"""Writes a world to files: its films, and past interactions without a recommender."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from core import columns as c
from evaluation.simulation.simulation import EventBody, Simulation

_EPOCH = 1_700_000_000.0  # Unix seconds at which a written world begins
_DAY = 86_400.0


def write_world(simulation: Simulation, folder: Path, events: int, done: Callable[[int], None]) -> tuple[Path, Path]:
    """The films and `events` past interactions as Parquet that `marquee data import` reads: (interactions, items)."""
    world = simulation.world
    rows: list[EventBody] = []
    number = 0
    while len(rows) < events:
        visit = simulation.arrivals.visit(number)
        number += 1
        if (event := simulation.browse(visit, _EPOCH + visit.day * _DAY)) is not None:
            rows.append(event)
            done(len(rows))
    folder.mkdir(parents=True, exist_ok=True)
    interactions, items = folder / "interactions.parquet", folder / "items.parquet"
    pl.DataFrame(rows).select(c.USER, c.ITEM, c.TS, c.KIND, c.VALUE).write_parquet(interactions)
    genres = ["|".join(f"Genre {g + 1}" for g in np.flatnonzero(row)) for row in world.genres]
    titles = [f"Film {item}" for item in world.item_ids.tolist()]
    pl.DataFrame({c.ITEM: world.item_ids, c.TITLE: titles, c.GENRES: genres}).write_parquet(items)
    return interactions, items
