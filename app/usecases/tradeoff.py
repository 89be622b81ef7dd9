"""`marquee tradeoff`: what engagement costs under a policy, on the production release and what people took up lately."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import polars as pl
from rich.table import Table

from app import wiring
from app.hosting import fetched
from core import columns as c
from core.errors import DatasetError
from core.ports import Echo
from core.settings import Settings
from evaluation.queries import LabelledQuery, labelled_queries
from feature_repo.item_stats import item_stats
from lake.items_feed import ItemsFeed
from lake.tables import INTERACTIONS, USERS, read_or_empty
from lifecycle.tradeoff import Point, draw, tradeoff
from recommender.live import Snapshot
from recommender.parts.value import ValueConfig
from recommender.policy import Policy
from recommender.release import open_release
from retrieval.adapters.mirror import MirrorIndex

FEW = 100  # events after the release, below which the newest ones that it has learned from are taken too
NEWEST = 0.05  # share of all events, then


def compute(
    settings: Settings, policy: Policy, value: ValueConfig, weights: Sequence[float], most: int, echo: Echo
) -> list[Point]:
    """The curve on at most `most` queries. Raises InvalidInput when no item has a cost, NotFound, DatasetError."""
    release = open_release(fetched(wiring.registry(settings), "production"))
    index = MirrorIndex()
    index.publish(release.name, release.catalogue.ids, release.item_vectors)
    lake = wiring.lake(settings)
    events = read_or_empty(lake, INTERACTIONS)
    profiles = dict(read_or_empty(lake, USERS).iter_rows())
    start = _start(events, release.manifest.trained_until, echo)
    end = float(events[c.TS].to_numpy().max(initial=start)) + 1.0
    found: list[LabelledQuery] = list(labelled_queries(events, release.catalogue, start, end, most, 0, profiles))
    if not found:
        raise DatasetError("the lake has no events on items of the release: there is nothing to judge by")
    now = Snapshot.of(release, index).with_stats(item_stats(events, release.catalogue, start))
    facts = ItemsFeed(lake).look()
    return tradeoff(found, now if facts is None else now.with_facts(facts), policy, value, weights)


def table(points: Sequence[Point]) -> Table:
    """The curve for people."""
    shown = Table(
        "weight", "NDCG@10", "difference to the first", "cost of a list", "price of +.01 NDCG@10", title="What engagement costs"
    )
    for one in points:
        difference = f"[{one.low:+.4f}, {one.high:+.4f}]".replace("[", r"\[")
        shown.add_row(
            f"{one.weight:g}", f"{one.ndcg:.4f}", difference, f"{one.cost:.3f}", "-" if one.price is None else f"{one.price:.3f}"
        )
    return shown


def write(points: Sequence[Point], folder: Path, policy: Policy) -> tuple[Path, Path]:
    """Picture and figures in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    picture, figures = folder / "tradeoff.png", folder / "tradeoff.json"
    draw(points, picture, f"Engagement and cost, policy {policy.name}")
    figures.write_text(json.dumps([asdict(one) for one in points], indent=1))
    return picture, figures


def _start(events: pl.DataFrame, trained_until: float, echo: Echo) -> float:
    """From when on events are predicted, in Unix seconds."""
    times = events[c.TS].sort().to_numpy()
    if int((times > trained_until).sum()) >= FEW:
        return float(times[times > trained_until][0])
    echo(
        f"fewer than {FEW} events came after the release; the newest {NEWEST:.0%} are predicted, which it has learned from: "
        "NDCG is too high, and differences between weights are what counts"
    )
    return float(times[int(len(times) * (1.0 - NEWEST))]) if len(times) else 0.0
