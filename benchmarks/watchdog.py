"""The watchdog's decision without a change (false alarms) and with one of known size (power).

    python benchmarks/watchdog.py [--plots FOLDER]

Null windows: users of one period are dealt at random to a reference and a window, from the bundled films, two generated shops and
a simulated world that stands still. Power: worlds in which tastes turn, each in its own direction or all towards one genre, a
share of the films exchange their lasting popularity, or events turn to new films, between the reference and the window. Also
windows that really followed: on the films, where nobody knows of a change, on two shops that stand still, and on one whose
assortment changes with the seasons. Rewards: lists of users who accept with habits of their own, before and after a fall. Volume:
hours of Poisson traffic. A window goes through what the watchdog runs: features, changes, decision.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import record
from generated import GENERATED, bare_catalogue
from numpy.typing import NDArray
from scipy.stats import binomtest
from tqdm import tqdm
from watchdog_worlds import Exchanged, Fashion, Shop, still

from core import columns as c
from core.catalogue import Catalogue, ItemStats
from datasets.registry import read_any
from datasets.splits import between, cutoff, in_time_order
from evaluation.acceptance import ACCEPTED
from evaluation.simulation.world import made_up
from evaluation.watched import WatchedColumns, reference_columns, watched_events
from feature_repo.item_stats import item_stats
from monitoring.quality import volume_problem
from monitoring.reward import CLICKED, RewardConfig, ServedLists, reward
from monitoring.significance import SignificanceConfig, changes, chosen, per_event
from monitoring.watch import WatchConfig, decide

FILMS, NULLS, ROUNDS = "ml-latest-small", 300, 40  # null windows of each source; windows for each size of a change
PERIOD = 30_000  # newest events
USERS, POOL = 200, 600  # of a simulated window; the reference has twice the users; users that both are dealt from
FASHIONS, SHARES, TURNED = (0.0, 0.1, 0.25, 0.5, 1.0), (0.0, 0.02, 0.05, 0.1), (0.0, 0.05, 0.1, 0.2, 0.3)
FALLS, HALVES = (0.0, 0.1, 0.2, 0.3, 0.5), (1.0, 2.0, 4.0, 8.0)
CUTS, WINDOW = (0.5, 0.6, 0.7, 0.8, 0.9), 2_000
CONFIG = SignificanceConfig()
LOOSE = SignificanceConfig(min_effect=1e-9)  # without the floor


class Told(NamedTuple):
    """The decision about one window, with and without the floor; None: it cannot be told. And what changed."""

    drifted: bool | None
    loose: bool | None
    changed: tuple[str, ...] = ()


def told(reference: WatchedColumns, window: WatchedColumns) -> Told:
    before, now = chosen(per_event(reference)), chosen(per_event(window))
    found, loose = (changes(before, now, config) for config in (CONFIG, LOOSE))
    verdicts = (decide(None, WatchConfig(), changes=one).drifted for one in (found, loose))
    return Told(*verdicts, tuple(name for name, change in found.found.items() if change.changed))  # type: ignore[call-arg]


def rates(verdicts: Sequence[bool | None]) -> tuple[float, float]:
    """The share of windows that drifted, and of runs of three windows in which two did."""
    alarms = np.array([bool(verdict) for verdict in verdicts])
    threes = alarms[: len(alarms) // 3 * 3].reshape(-1, 3).sum(axis=1) >= 2
    return float(alarms.mean()), float(threes.mean())


def data_of(name: str) -> tuple[pl.DataFrame, Catalogue]:
    """Events in time order, and the catalogue."""
    if name == FILMS:
        data = read_any(FILMS)
        return in_time_order(data.interactions), Catalogue.from_frame(data.items)
    events, n = GENERATED[name](np.random.default_rng(1))
    return in_time_order(events), bare_catalogue(n)


def nulls(name: str) -> list[Told]:
    """Users of the newest period are dealt to reference and window; popularity is that of before."""
    events, catalogue = data_of(name)
    period = events.tail(min(PERIOD, len(events) // 2))
    users = period[c.USER].unique().sort().to_numpy()
    past = events.head(len(events) - len(period))
    return dealt(period, period, catalogue, users, (len(users) * 3 // 4, len(users) // 4), NULLS, past)


def dealt(
    reference: pl.DataFrame,
    window: pl.DataFrame,
    catalogue: Catalogue,
    users: NDArray[np.int64],
    sizes: tuple[int, int],
    windows: int,
    past: pl.DataFrame,
) -> list[Told]:
    """Each time other users are drawn for the reference and for the window, so many of each."""
    rng = np.random.default_rng(1)
    counts = np.bincount(catalogue.rows(past[c.ITEM].to_numpy()), minlength=len(catalogue)).astype(np.float32)
    stats = ItemStats(0.0, counts, counts, counts)  # as of before both, so that neither takes its own event out
    found: list[Told] = []
    for _ in tqdm(range(windows), leave=False):
        seen, now, _ = np.split(rng.permutation(users), [sizes[0], sum(sizes)])
        parts = [events.filter(pl.col(c.USER).is_in(part.tolist())) for events, part in ((reference, seen), (window, now))]
        found.append(told(*(watched_events(part, catalogue, stats) for part in parts)))
    return found


def followed(name: str) -> list[Told]:
    """The five windows that really followed each cut, against the reference that a release of the cut has."""
    events, catalogue = data_of(name)
    found: list[Told] = []
    for share in CUTS:
        stats = item_stats(events, catalogue, cutoff(events, share))
        reference, later = reference_columns(events, catalogue, stats, seed=1), between(events, stats.as_of, np.inf)
        windows = (later[start : start + WINDOW] for start in range(0, min(5 * WINDOW, len(later) - WINDOW + 1), WINDOW))
        found.extend(told(reference, watched_events(window, catalogue, stats)) for window in windows)
    return found


def falls(fall: float, rounds: int) -> list[bool | None]:
    """A thousand first lists and two thousand latest ones of 300 users, of which a fifth is accepted at first."""
    rng, config = np.random.default_rng(1), RewardConfig()
    habits = rng.beta(1.0, 4.0, 300)

    def lists(count: int, share: float) -> pl.DataFrame:
        users = rng.integers(0, len(habits), count)
        accepted = rng.random(count) < habits[users] * share
        return pl.DataFrame({c.USER: users, ACCEPTED: accepted, CLICKED: accepted & (rng.random(count) < 0.8)})

    return [reward(ServedLists(lists(1_000, 1.0), lists(2_000, 1.0 - fall)), config).fell for _ in range(rounds)]


def volumes(divided: float, rounds: int) -> list[bool]:
    """An hour of Poisson traffic beside the same one a week ago, which had `divided` times as many: 300 on average."""
    rng = np.random.default_rng(1)
    pairs = ((int(rng.poisson(300 / divided)), int(rng.poisson(300))) for _ in range(rounds))
    return [bool(volume_problem({999: last, 999 - 168: usual}, 3_600_000.0)) for last, usual in pairs]


def power() -> dict[str, dict[float, float]]:
    """What changes -> its size -> the share of windows in which it is found."""
    shop = Shop(made_up(500, still(1)))
    pool = shop.events(0, POOL, 0.0)

    def found(later: pl.DataFrame) -> float:
        verdicts = dealt(pool, later, shop.catalogue, np.arange(1, POOL + 1), (2 * USERS, USERS), ROUNDS, pool)
        return rates([v.drifted for v in verdicts])[0]

    return {
        "each taste turned, degrees": {90.0: found(shop.events(0, POOL, 90.0))},
        "all tastes drawn to one genre, strength": {
            strength: found(Shop(Fashion(shop.world, strength)).events(0, POOL, 1.0)) for strength in FASHIONS
        },
        "popularity exchanged, share of films": {
            share: found(Shop(Exchanged(shop.world, share, seed=1)).events(0, POOL, 1.0)) for share in SHARES
        },
        "turned to new films, share of events": {share: found(shop.turned_to_new(pool, share, seed=1)) for share in TURNED},
        "acceptance fell, share of it": {fall: rates(falls(fall, NULLS))[0] for fall in FALLS},
        "volume divided by": {part: float(np.mean(volumes(part, NULLS))) for part in HALVES},
    }


def simulated_nulls() -> list[Told]:
    shop = Shop(made_up(500, still(1)))
    pool = shop.events(0, POOL, 0.0)
    return dealt(pool, pool, shop.catalogue, np.arange(1, POOL + 1), (2 * USERS, USERS), NULLS, pool)


def plot(folder: Path, false_alarms: Mapping[str, float], curves: Mapping[str, Mapping[float, float]]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(figsize=(8, 4))
    shares = list(false_alarms.values())
    bounds = [binomtest(round(share * NULLS), NULLS).proportion_ci() for share in shares]  # 95 %, Clopper and Pearson
    reach = [[share - one.low for share, one in zip(shares, bounds, strict=True)],
             [one.high - share for share, one in zip(shares, bounds, strict=True)]]  # fmt: skip
    axes.errorbar(shares, list(false_alarms), xerr=reach, fmt="o", capsize=4)
    axes.axvline(CONFIG.level, color="black", linestyle="--", label="stated level")
    axes.set(xlabel=f"share of {NULLS} null windows that count as drift, 95 %", title="False alarms", xlim=(-0.001, None))
    axes.legend()
    figure.savefig(folder / "false_alarms.png", bbox_inches="tight")
    figure, grid = plt.subplots(2, 3, figsize=(13, 7), sharey=True)
    for axes, (what, curve) in zip(grid.flat, curves.items(), strict=True):
        axes.plot(list(curve), list(curve.values()), marker="o")
        axes.set(xlabel=what, ylabel="share found", ylim=(-0.05, 1.05))
    figure.tight_layout()
    figure.savefig(folder / "power.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plots", type=Path, help="folder for false_alarms.png and power.png")
    folder = parser.parse_args().plots
    metrics: dict[str, float] = {"level": CONFIG.level, "null windows of each source": NULLS}
    sources: dict[str, Callable[[], list[Told]]] = {
        FILMS: lambda: nulls(FILMS), "commerce": lambda: nulls("commerce"), "music": lambda: nulls("music"),
        "simulated": simulated_nulls,
    }  # fmt: skip
    false_alarms: dict[str, float] = {}
    for source, make in sources.items():
        verdicts = make()
        false_alarms[source], in_three = rates([v.drifted for v in verdicts])
        metrics[f"{source} false alarms"], metrics[f"{source} false alarms, 2 of 3"] = false_alarms[source], in_three
        metrics[f"{source} false alarms without floor"] = rates([v.loose for v in verdicts])[0]
        metrics[f"{source} cannot be told"] = float(np.mean([v.drifted is None for v in verdicts]))
    for source in (FILMS, "commerce", "music", "seasons"):
        verdicts = followed(source)
        metrics[f"{source}, windows that really followed"] = len(verdicts)
        metrics[f"{source}, of these drifted"] = sum(bool(v.drifted) for v in verdicts)
        for name in sorted({name for v in verdicts for name in v.changed}):
            metrics[f"{source}, of these in {name}"] = sum(name in v.changed for v in verdicts)
    curves = power()
    for what, curve in curves.items():
        metrics |= {f"{what} {size:g}, found": share for size, share in curve.items()}
    for key, value in metrics.items():
        print(f"{key}: {value:g}")
    if folder is not None:
        plot(folder, false_alarms, curves)
    record.write("watchdog", "ml-latest-small, generated and simulated with seed 1", metrics, (1,))


if __name__ == "__main__":
    main()
