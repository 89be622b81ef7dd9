"""A small simulated world with a release that knows its films: what is logged there can be judged, and the truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from synthetic import make_policy, make_snapshot

from core.catalogue import Catalogue
from core.features import UserFeatures
from evaluation.simulation.arrivals import Arrivals, Visit
from evaluation.simulation.choice import ChoiceModel
from evaluation.simulation.shown_lists import ShownLists, past_events, show
from evaluation.simulation.simulation import Simulation
from evaluation.simulation.world import WorldConfig, made_up
from feature_repo.item_stats import item_stats
from recommender.live import Snapshot
from recommender.policy import Policy

DAY = 86_400.0
MIDNIGHT = 1.7e9 - 1.7e9 % DAY
SIMULATION = Simulation(
    made_up(80, WorldConfig(dims=8, cold_items=0.0)), Arrivals(120, cold=0.0, known=1.0), ChoiceModel(position=0.5, nothing=3.0)
)
SIZE = 4


def visits(first: int, count: int) -> list[Visit]:
    return [SIMULATION.arrivals.visit(number) for number in range(first, first + count)]


PAST = past_events(SIMULATION, visits(0, 800), MIDNIGHT - 10 * DAY, 600.0)


class TasteEncoder:
    """Knows every user's taste: the best that a user tower could learn."""

    def encode(self, user: UserFeatures) -> NDArray[np.float32]:
        return self.encode_many([user])[0]

    def encode_many(self, users: Sequence[UserFeatures]) -> NDArray[np.float32]:
        return SIMULATION.world.tastes([user.user_id for user in users], 0.0)

    def moved(self, vectors: NDArray[np.float32]) -> TasteEncoder:
        return self


def snapshot(with_facts: bool = True) -> Snapshot:
    """The world's own vectors; without facts its films have neither title nor genre nor year."""
    ids = SIMULATION.world.item_ids
    items = {"item_id": ids, "title": [f"Film {one}" if with_facts else "" for one in ids.tolist()]}
    frame = pl.DataFrame(items).with_columns(genres=pl.lit([], pl.List(pl.String)), year=pl.lit(None, pl.Int32))
    now = make_snapshot(catalogue=Catalogue.from_frame(frame))
    encoder: Any = TasteEncoder()
    release = replace(now.release, item_vectors=SIMULATION.world.items, encoder=encoder)
    now.index.publish(now.name, now.catalogue.ids, SIMULATION.world.items)
    return Snapshot.of(release, now.index).with_stats(item_stats(PAST, now.catalogue, MIDNIGHT))


def policy(epsilon: float, pool: int = 20, **changes: object) -> Policy:
    """Explores at this rate; 0 is greedy."""
    selector = {"part": "epsilon", "epsilon": epsilon, "pool": pool} if epsilon else {"part": "greedy"}
    return make_policy(selector=selector, **changes)


def logs(now: Snapshot, made_by: Policy, first: int, count: int, seed: int = 0) -> ShownLists:
    """Of a day's visits."""
    return show(SIMULATION, now, made_by, PAST, visits(first, count), SIZE, MIDNIGHT, DAY / count * 0.9, seed)


def truth(now: Snapshot, made_by: Policy, first: int, count: int, runs: int = 3) -> float:
    """What the policy earns a list on these visits: the mean of the true chances, over some runs of its exploration."""
    return float(np.mean([logs(now, made_by, first, count, 1000 + run).chances.mean() for run in range(runs)]))
