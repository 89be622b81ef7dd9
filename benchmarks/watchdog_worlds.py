"""Worlds in which a change of known size happens, for `benchmarks/watchdog.py`."""

from __future__ import annotations

import numpy as np
import polars as pl

from core import columns as c
from core.catalogue import Catalogue
from evaluation.simulation.arrivals import Visit
from evaluation.simulation.choice import ChoiceModel, browsed, stars
from evaluation.simulation.world import World, WorldConfig

VISITS = 10  # of each user
NEWEST, TODAY = 0.1, 1.7e9  # share of the films that are new, Unix seconds


class Shop:
    """Visitors of a world browse its films; events of a group of users at one moment."""

    def __init__(self, world: World) -> None:
        self.world, self.choices = world, ChoiceModel()
        genres = [[str(g) for g in np.flatnonzero(row)] for row in world.genres]
        items = {c.ITEM: world.item_ids, c.TITLE: [""] * len(genres), c.GENRES: genres}
        frame = pl.DataFrame(items).with_columns(pl.Series(c.YEAR, self._years(), dtype=pl.Int32))
        self.catalogue = Catalogue.from_frame(frame)

    def _years(self) -> list[int]:
        """Drawn at random from the fifty years before today."""
        return np.random.default_rng(0).integers(1974, 2024, len(self.world.item_ids)).tolist()  # type: ignore[no-any-return]

    def turned_to_new(self, events: pl.DataFrame, share: float, seed: int) -> pl.DataFrame:
        """Of the events, this share is on one of the newest films instead."""
        rng = np.random.default_rng(seed)
        newest = self.catalogue.ids[np.argsort(-self.catalogue.years, kind="stable")[: int(NEWEST * len(self.catalogue))]]
        turned = np.where(rng.random(len(events)) < share, rng.choice(newest, len(events)), events[c.ITEM].to_numpy())
        return events.with_columns(pl.Series(c.ITEM, turned))

    def events(self, first: int, users: int, day: float) -> pl.DataFrame:
        rows: list[tuple[int, int, float]] = []
        for number in range(first * VISITS, (first + users) * VISITS):
            visit = Visit(number, 1 + number // VISITS, day, cold=False)
            shown = browsed(self.world, visit)
            at = self.choices.choose(self.world, visit, shown)
            if at is not None:
                row = int(shown[at])
                rows.append((visit.user, int(self.world.item_ids[row]), stars(self.world, visit.user, day, row)))
        frame = pl.DataFrame(rows, schema=[c.USER, c.ITEM, c.VALUE], orient="row")
        return frame.with_columns(pl.lit("rating").alias(c.KIND), pl.lit(TODAY).alias(c.TS))


def still(seed: int) -> WorldConfig:
    """Without trends and releases; a taste turns by one degree a day."""
    return WorldConfig(seed=seed, trend=0.0, cold_items=0.0, drift_days=90.0, popularity=1.0)


class Fashion(World):
    """From day 1 on all tastes are drawn to one genre: its direction, `strength` long, is added to each taste (length 1)."""

    def __init__(self, world: World, strength: float) -> None:
        super().__init__(world.item_ids, world.genres, world.config)
        middle = world.items[world.genres[:, 0] > 0].mean(axis=0)
        self._pull = strength * middle / np.linalg.norm(middle)

    def tastes(self, users, day):  # type: ignore[no-untyped-def]
        pulled = super().tastes(users, 0.0) + (self._pull if day >= 1.0 else 0.0)
        return pulled / np.linalg.norm(pulled, axis=1, keepdims=True)


class Exchanged(World):
    """The lasting popularity of a share of the films is dealt anew among them from day 1 on; tastes stand still."""

    def __init__(self, world: World, share: float, seed: int) -> None:
        super().__init__(world.item_ids, world.genres, world.config)
        rng = np.random.default_rng(seed)
        moved = np.flatnonzero(rng.random(len(world.item_ids)) < share)
        self._place = np.arange(len(world.item_ids))
        self._place[moved] = rng.permutation(moved)

    def appeal(self, day, rows=None):  # type: ignore[no-untyped-def]
        usual = super().appeal(0.0)
        worth = usual if day < 1.0 else usual[self._place]
        return worth if rows is None else worth[rows]

    def tastes(self, users, day):  # type: ignore[no-untyped-def]
        return super().tastes(users, 0.0 * day)
