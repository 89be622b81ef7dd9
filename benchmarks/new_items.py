"""How soon new items are seen: lists until each of five has had its hundred impressions, with the budget and without.

    MARQUEE_HOME=var python benchmarks/new_items.py

Extends the production release of the home by five items that have the content of five of its own, and makes lists of 20 for
its users in random order; impressions are taken over after every 100 lists, as the consumer does within seconds. Without the
budget is the same pipeline without the source `new_items`. The cost is the NDCG@10 of exploring lists for the lake's latest
events with and without the source, before anything was shown: it is highest then. (The release has learned these events: only
the ratio says something.) Nothing is registered.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import record

from app import wiring
from app.console import settings
from app.hosting import fetched
from app.usecases import steps
from core import columns as c
from core.catalogue import Catalogue
from core.features import UserFeatures
from evaluation.metrics import ndcg
from evaluation.queries import LabelledQuery, labelled_queries
from lifecycle.extend import extend_release
from recommender.live import Snapshot
from recommender.policy import Policy
from recommender.recommender import Offline
from recommender.release import open_release
from recommender.roles import Page, Query
from retrieval.adapters.mirror import MirrorIndex

NEW, BUDGET, AT_ONCE = 5, 100, 100


@dataclass(frozen=True)
class Course:
    """What came of it."""

    lists: int
    least: int  # impressions of the new item that has had the fewest
    share: float  # of all positions that new items got
    milliseconds: float  # a list, on average


def extended(workdir: Path) -> tuple[Snapshot, np.ndarray]:
    """The home's release with five items more, and their rows."""
    production = fetched(wiring.registry(settings()), "production")
    known = Catalogue.from_frame(pl.read_parquet(production / "catalogue.parquet"))
    dice = np.random.default_rng(0)
    copied = known.to_frame()[np.sort(dice.choice(len(known), NEW, replace=False)).tolist()]
    ids = int(known.ids[-1]) + 1 + np.arange(NEW)
    found = open_release(extend_release(production, copied.with_columns(pl.Series(c.ITEM, ids)), {}, workdir))
    index = MirrorIndex()
    index.publish(found.name, found.catalogue.ids, found.item_vectors)
    return Snapshot.of(found, index), found.catalogue.rows(ids)


def latest_events(catalogue: Catalogue) -> list[LabelledQuery]:
    """2,000 of the latest events, with what was known of the user before each."""
    events = steps.stored(settings()).interactions
    cut = float(events[c.TS].sort(descending=True)[min(len(events) - 1, 20_000)])
    asked = labelled_queries(events, catalogue, cut, float("inf"), 2_000)
    return [query for query in asked if query.user is not None]


def quality(now: Snapshot, events: list[LabelledQuery], policy: Policy) -> float:
    """NDCG@10 of the lists, exploration included."""
    with Offline(now, policy) as offline:
        asked = [Query(f"q{n}", one.user_id, one.ts, n, one.user, Page(20)) for n, one in enumerate(events)]
        made = list(offline.recommend(asked))
    ranks = [np.flatnonzero(one.selection.rows == event.target) for one, event in zip(made, events, strict=True)]
    return float(ndcg(np.array([at[0] if len(at) else len(now.catalogue) for at in ranks]), 10).mean())


def course(now: Snapshot, rows: np.ndarray, users: list[UserFeatures], policy: Policy, max_lists: int) -> Course:
    shown, dice, lists = np.zeros(len(now.catalogue), np.float32), np.random.default_rng(1), 0
    start = time.perf_counter()
    while lists < max_lists and shown[rows].min() < BUDGET:
        with Offline(now.with_stats(replace(now.stats, impressions=shown.copy())), policy) as offline:
            asked = [users[at] for at in dice.integers(0, len(users), AT_ONCE)]
            queries = [Query(f"r{lists + n}", user.user_id, 0.0, lists + n, user, Page(20)) for n, user in enumerate(asked)]
            for made in offline.recommend(queries):
                np.add.at(shown, made.selection.rows, 1)
        lists += AT_ONCE
    took = (time.perf_counter() - start) / lists * 1e3
    return Course(lists, int(shown[rows].min()), float(shown[rows].sum() / shown.sum()), took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="films", help="what to call the data of this home in the results")
    given = parser.parse_args()
    policy = Policy.load("default")
    without = policy.model_copy(update={"sources": tuple(one for one in policy.sources if one.part != "new_items")})
    with tempfile.TemporaryDirectory() as folder:
        now, rows = extended(Path(folder))
        events = latest_events(now.catalogue)
        users = [event.user for event in events if event.user is not None]
        quality_with, quality_without = quality(now, events, policy), quality(now, events, without)
        found = course(now, rows, users, policy, 20_000)
        before = course(now, rows, users, without, found.lists)
    print(f"{given.name}: NDCG@10 of exploring lists {quality_without:.4f} without the budget, {quality_with:.4f} with it")
    metrics = {f"{given.name} with ndcg@10": quality_with, f"{given.name} without ndcg@10": quality_without}
    for name, one in (("with", found), ("without", before)):
        print(
            f"{given.name} {name} the budget: {one.lists:,} lists, the least seen new item had {one.least} impressions, "
            f"{one.share:.2%} of all positions, {one.milliseconds:.2f} ms a list"
        )
        metrics |= {f"{given.name} {name} {key}": float(getattr(one, key)) for key in ("lists", "least", "share", "milliseconds")}
    record.write(f"new-items-{given.name}", given.name, metrics, (1,))


if __name__ == "__main__":
    main()
