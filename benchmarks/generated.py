"""Data sets of stated structure, for benchmarks on data that nobody tuned for: string ids, no titles, no ratings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from core import columns as c
from core.catalogue import Catalogue
from core.ids import FIRST_ITEM_KEY, FIRST_USER_KEY

START, YEAR = 1.6e9, 365 * 86_400.0  # Unix seconds; two years of events
Choose = Callable[[Generator, list[int], float], int]  # (dice, the user's items so far, share of the time) -> item


def _popularity(n: int, power: float, dice: Generator) -> NDArray[np.float64]:
    weights = 1.0 / np.arange(1, n + 1) ** power
    return dice.permutation(weights / weights.sum())


def _events(users: int, lengths: NDArray[np.int64], choose: Choose, dice: Generator) -> pl.DataFrame:
    rows = []
    for user, length in enumerate(lengths[:users].tolist()):
        begin = dice.random()
        times = np.sort(begin + (1 - begin) * dice.random(length))
        past: list[int] = []
        for share in times.tolist():
            for _ in range(20):  # an item that was not taken up yet
                item = choose(dice, past, share)
                if item not in past:
                    break
            past.append(item)
            rows.append((FIRST_USER_KEY + user, FIRST_ITEM_KEY + item, START + 2 * YEAR * share))
    frame = pl.DataFrame(rows, schema={c.USER: pl.Int64, c.ITEM: pl.Int64, c.TS: pl.Float64}, orient="row")
    return frame.with_columns(
        pl.lit("view").alias(c.KIND),
        pl.lit(None, dtype=pl.Float64).alias(c.VALUE),
        pl.int_range(pl.len()).cast(pl.String).alias(c.EVENT_ID),
    )


def commerce(dice: Generator) -> tuple[pl.DataFrame, int]:
    """A shop: 6,000 people, 4 to 14 purchases, 4,000 products in shelves of 20; some products are bought after certain others."""
    n, shelf = 4000, 20
    follow = np.arange(n)[:, None] // shelf * shelf + dice.integers(0, shelf, (n, 3))
    shelves = _popularity(n // shelf, 0.7, dice)
    rest = _popularity(n, 0.8, dice)

    def choose(dice: Generator, past: list[int], _share: float) -> int:
        kind = dice.random()
        if past and kind < 0.5:
            return int(follow[past[-1], dice.integers(0, 3)])
        if past and kind < 0.8:
            return int(past[0] // shelf * shelf + dice.integers(0, shelf))
        return (
            int(dice.choice(n, p=rest))
            if kind > 0.9
            else int(dice.choice(n // shelf, p=shelves) * shelf + dice.integers(0, shelf))
        )

    return _events(6000, dice.integers(4, 15, 6000), choose, dice), n


def music(dice: Generator) -> tuple[pl.DataFrame, int]:
    """Dense listening: 700 people, 60 to 140 tracks each of 1,500 in 30 styles; a person has three styles."""
    n, styles = 1500, 30
    style = dice.integers(0, styles, n)
    weight = _popularity(n, 0.6, dice)
    tables = [np.flatnonzero(style == one) for one in range(styles)]

    def choose(dice: Generator, past: list[int], _share: float) -> int:
        mine = {int(style[item]) for item in past[:3]} or {int(dice.integers(styles))}
        wanted = list(mine)[int(dice.integers(len(mine)))] if dice.random() < 0.85 else int(dice.integers(styles))
        table = tables[wanted]
        return int(dice.choice(table, p=weight[table] / weight[table].sum()))

    return _events(700, dice.integers(60, 141, 700), choose, dice), n


def long_tail(dice: Generator) -> tuple[pl.DataFrame, int]:
    """20,000 items of which most have one event or two: 5,000 people, 5 to 20 events, in niches of 40 items."""
    n, niche = 20_000, 40
    niches = _popularity(n // niche, 0.9, dice)

    def choose(dice: Generator, past: list[int], _share: float) -> int:
        at = past[-1] // niche if past and dice.random() < 0.75 else int(dice.choice(n // niche, p=niches))
        return int(at * niche + int(niche * dice.random() ** 2))

    return _events(5000, dice.integers(5, 21, 5000), choose, dice), n


def seasons(dice: Generator) -> tuple[pl.DataFrame, int]:
    """Fashion: 3,000 items, each in season for a sixth of the time; 5,000 people, 5 to 15 events, with two tastes of 12."""
    n, tastes = 3000, 12
    peak, taste = dice.random(n), dice.integers(0, tastes, n)
    weight = _popularity(n, 0.5, dice)

    def choose(dice: Generator, past: list[int], _share: float) -> int:
        away = np.abs(peak - _share)
        inside = np.flatnonzero((away < 1 / 12) & ((taste == taste[past[0]]) if past and dice.random() < 0.7 else True))
        table = inside if len(inside) else np.arange(n)
        return int(dice.choice(table, p=weight[table] / weight[table].sum()))

    return _events(5000, dice.integers(5, 16, 5000), choose, dice), n


def two_each(dice: Generator) -> tuple[pl.DataFrame, int]:
    """Two items a person, and a third to predict: 12,000 people, 2,000 items in pairs and groups of 10."""
    n, group = 2000, 10
    weight = _popularity(n, 0.7, dice)

    def choose(dice: Generator, past: list[int], _share: float) -> int:
        if past and dice.random() < 0.6:
            return int(past[-1] // group * group + (past[-1] + 1 + int(3 * dice.random() ** 2)) % group)
        return int(dice.choice(n, p=weight))

    return _events(12_000, np.full(12_000, 3), choose, dice), n


GENERATED: dict[str, Callable[[Generator], tuple[pl.DataFrame, int]]] = {
    one.__name__.replace("_", "-"): one for one in (commerce, music, long_tail, seasons, two_each)
}


def bare_catalogue(n: int) -> Catalogue:
    """Items of string ids without titles, genres or years."""
    ids = FIRST_ITEM_KEY + np.arange(n, dtype=np.int64)
    return Catalogue(ids, ("",) * n, (), np.zeros((n, 0), np.float32), np.zeros(n, np.float32))
