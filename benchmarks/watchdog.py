"""The watchdog's decision on windows without drift (false alarms) and with drift of known size (power).

    python benchmarks/watchdog.py

Null windows: users of one period are dealt at random to a reference and a window, from the bundled films and from a simulated
world that stands still. Power: worlds in which tastes turn, each in its own direction or all towards one genre, or a share of
the films exchange their lasting popularity, between the reference and the window. Also the windows of the films that really came
next, where years have passed. A window goes through what the watchdog runs: watched features, changes, decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
import record
from numpy.typing import NDArray
from tqdm import tqdm

from core import columns as c
from core.catalogue import Catalogue, ItemStats
from datasets.registry import read_any
from datasets.splits import between, cutoff, in_time_order
from evaluation.simulation.arrivals import Visit
from evaluation.simulation.choice import ChoiceModel, browsed, stars
from evaluation.simulation.world import World, WorldConfig, made_up
from evaluation.watched import WatchedColumns, reference_columns, watched_events
from feature_repo.item_stats import item_stats
from monitoring.significance import SignificanceConfig, changes, per_event
from monitoring.watch import WatchConfig, decide

FILMS, NULLS, ROUNDS = "ml-latest-small", 300, 20  # null windows of each source; windows for each size of a shift
PERIOD = 30_000  # newest events
USERS, VISITS, POOL = 200, 10, 600  # of a simulated window; the reference has twice the users; users that both are dealt from
FASHIONS, SHARES = (0.0, 0.1, 0.25, 0.5, 1.0), (0.02, 0.05, 0.1)  # strength; share of the films that exchange popularity
CUTS, WINDOW = (0.5, 0.6, 0.7, 0.8, 0.9), 2_000
CONFIG = SignificanceConfig()
LOOSE = SignificanceConfig(min_effect=1e-9)  # without the floor


class Told(NamedTuple):
    """The decision about one window, with and without the floor; None: it cannot be told."""

    drifted: bool | None
    loose: bool | None


def told(reference: WatchedColumns, window: WatchedColumns) -> Told:
    before, now = per_event(reference), per_event(window)
    verdicts = (decide(None, None, WatchConfig(), changes=changes(before, now, config)).drifted for config in (CONFIG, LOOSE))
    return Told(*verdicts)


def judged(reference: pl.DataFrame, window: pl.DataFrame, catalogue: Catalogue) -> Told:
    counts = np.bincount(catalogue.rows(reference[c.ITEM].to_numpy()), minlength=len(catalogue)).astype(np.float32)
    stats = ItemStats(0.0, counts, counts, counts)  # as of before both, so that neither takes its own event out
    return told(watched_events(reference, catalogue, stats), watched_events(window, catalogue, stats))


def rates(verdicts: Sequence[bool | None]) -> tuple[float, float]:
    """The share of windows that drifted, and of runs of three windows in which two did."""
    alarms = np.array([bool(verdict) for verdict in verdicts])
    threes = alarms[: len(alarms) // 3 * 3].reshape(-1, 3).sum(axis=1) >= 2
    return float(alarms.mean()), float(threes.mean())


def film_nulls() -> list[Told]:
    data = read_any(FILMS)
    catalogue = Catalogue.from_frame(data.items)
    period = in_time_order(data.interactions).tail(PERIOD)
    users = period[c.USER].unique().sort().to_numpy()
    return dealt(period, period, catalogue, users, (len(users) * 3 // 4, len(users) // 4), NULLS)


def films_that_followed() -> list[Told]:
    data = read_any(FILMS)
    catalogue, events = Catalogue.from_frame(data.items), in_time_order(data.interactions)
    found: list[Told] = []
    for share in CUTS:
        stats = item_stats(events, catalogue, cutoff(events, share))
        reference, later = reference_columns(events, catalogue, stats, seed=1), between(events, stats.as_of, np.inf)
        windows = (later[start : start + WINDOW] for start in range(0, 5 * WINDOW, WINDOW))
        found.extend(told(reference, watched_events(window, catalogue, stats)) for window in windows)
    return found


def dealt(
    reference: pl.DataFrame,
    window: pl.DataFrame,
    catalogue: Catalogue,
    users: NDArray[np.int64],
    sizes: tuple[int, int],
    windows: int,
) -> list[Told]:
    """Each time other users are drawn for the reference and for the window, so many of each."""
    rng = np.random.default_rng(1)
    found: list[Told] = []
    for _ in tqdm(range(windows), leave=False):
        seen, now, _ = np.split(rng.permutation(users), [sizes[0], sum(sizes)])
        parts = [events.filter(pl.col(c.USER).is_in(part.tolist())) for events, part in ((reference, seen), (window, now))]
        found.append(judged(parts[0], parts[1], catalogue))
    return found


class Shop:
    """Visitors of a world browse its films; events of a group of users at one moment."""

    def __init__(self, world: World) -> None:
        self.world, self.choices = world, ChoiceModel()
        genres = [[str(g) for g in np.flatnonzero(row)] for row in world.genres]
        items = {c.ITEM: world.item_ids, c.TITLE: [""] * len(genres), c.GENRES: genres}
        frame = pl.DataFrame(items).with_columns(pl.lit(None, pl.Int32).alias(c.YEAR))
        self.catalogue = Catalogue.from_frame(frame)

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
        return frame.with_columns(pl.lit("rating").alias(c.KIND), pl.lit(1.0).alias(c.TS))


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


def simulated(reference: pl.DataFrame, window: pl.DataFrame, catalogue: Catalogue, windows: int) -> list[Told]:
    return dealt(reference, window, catalogue, np.arange(1, POOL + 1), (2 * USERS, USERS), windows)


def main() -> None:
    metrics: dict[str, float] = {"level": CONFIG.level, "null windows of each source": NULLS}
    shop = Shop(made_up(500, still(1)))
    pool = shop.events(0, POOL, 0.0)
    for source, verdicts in (("films", film_nulls()), ("simulated", simulated(pool, pool, shop.catalogue, NULLS))):
        for name, one in (("", [v.drifted for v in verdicts]), (" without floor", [v.loose for v in verdicts])):
            alone, in_three = rates(one)
            metrics |= {f"{source}{name} false alarms": alone, f"{source}{name} false alarms, 2 of 3": in_three}
        metrics[f"{source} cannot be told"] = float(np.mean([verdict.drifted is None for verdict in verdicts]))
    metrics["films, windows that really followed, drifted"] = rates([v.drifted for v in films_that_followed()])[0]
    later = shop.events(0, POOL, 90.0)
    alone = rates([v.drifted for v in simulated(pool, later, shop.catalogue, ROUNDS)])[0]
    metrics["each taste turned by 90 degrees in a direction of its own, found"] = alone
    for strength in FASHIONS:
        later = Shop(Fashion(shop.world, strength)).events(0, POOL, 1.0)
        found = simulated(pool, later, shop.catalogue, ROUNDS)
        metrics[f"all tastes drawn to one genre by {strength:g}, found"] = rates([v.drifted for v in found])[0]
    for share in SHARES:
        later = Shop(Exchanged(shop.world, share, seed=1)).events(0, POOL, 1.0)
        found = simulated(pool, later, shop.catalogue, ROUNDS)
        metrics[f"popularity exchanged {share:g}, found"] = rates([v.drifted for v in found])[0]
    for key, value in metrics.items():
        print(f"{key}: {value:g}")
    record.write("watchdog", "ml-latest-small and simulated with seed 1", metrics, (1,))


if __name__ == "__main__":
    main()
