"""The people of the drill: who comes, what they are shown, what they take. Their tastes are known, Marquee's are learned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from app.usecases.drill.config import EPOCH, TICK, DrillConfig
from core import columns as c
from core.ids import ExternalId
from core.kinds import Kind
from evaluation.simulation.arrivals import Arrivals, Visit
from evaluation.simulation.choice import ChoiceModel
from evaluation.simulation.randomness import uniforms
from evaluation.simulation.shift import ShiftingWorld
from evaluation.simulation.simulation import LIST_LENGTH, EventBody, Simulation
from evaluation.simulation.world import World, WorldConfig, made_up
from lifecycle.retraining import DAY

NOTHING = 2.5  # utility of leaving without a film
MINUTES = 90.0  # that a film is watched
SEARCH_NOISE, SHOP_NOISE = 1.5, 1.0  # of what people find themselves, and of the lists of the time before Marquee


def world_of(config: DrillConfig) -> World:
    """Personal tastes stand still, so that nothing but the one shift happens."""
    still = WorldConfig(config.seed, dims=8, drift_days=36_500.0, cold_items=0.0, trend=0.0)
    return ShiftingWorld(made_up(config.films, still), config.shift_day, config.shift_gap, config.shift_share)


class Audience:
    """Everything is a function of the seed and of what the people were shown before."""

    def __init__(self, config: DrillConfig) -> None:
        self.world = world_of(config)
        self._config = config
        self._simulation = self._choosing(NOTHING)
        self._taken: dict[int, set[int]] = defaultdict(set)  # rows of the world by user
        self._visits = 0

    def visits(self, step: int) -> list[Visit]:
        """Who comes in a step."""
        users = np.arange(1, self._config.users + 1)
        coming = users[uniforms(self._config.seed, "comes", step, users) < self._config.visits]
        found = [Visit(self._visits + n, int(user), step * TICK / DAY, cold=False) for n, user in enumerate(coming)]
        self._visits += len(found)
        return found

    def searches(self, visit: Visit) -> bool:
        """Whether this visitor finds films without a list."""
        return bool(uniforms(self._config.seed, "searches", visit.number) < self._config.organic)

    def search(self, visit: Visit) -> EventBody | None:
        """What a visitor takes who looks for films."""
        return self._found(visit, SEARCH_NOISE)

    def answer(
        self, visit: Visit, items: Sequence[ExternalId], request_id: str | None, displeasure: float = 0.0
    ) -> EventBody | None:
        """What a visitor takes from a list. `displeasure`: utility by which it is less inviting than its films are."""
        simulation = self._choosing(NOTHING + displeasure) if displeasure else self._simulation
        event = simulation.event(visit, simulation.rows_of(items), request_id, self.moment(visit))
        if event is None:
            return None
        self._taken[visit.user].add(int(simulation.rows_of([event[c.ITEM]])[0]))
        # watched and not rated: stars fall while people run out of their favourites, which would be a drift of its own
        return event | {c.KIND: Kind.WATCH.value, c.VALUE: MINUTES}

    def past(self) -> pl.DataFrame:
        """Lake rows of the time before Marquee: people found films themselves, or in the lists of an earlier shop."""
        events = []
        for step in range(int(self._config.past_days * DAY / TICK)):
            for visit in self.visits(step):
                noise = SEARCH_NOISE if self.searches(visit) else SHOP_NOISE
                events.append(self._found(visit, noise))
        rows = pl.DataFrame([event for event in events if event is not None])
        return rows.with_columns(pl.lit(None, pl.String).alias(c.REQUEST_ID), pl.lit(-1, pl.Int64).alias(c.OFFSET))

    def _found(self, visit: Visit, noise: float) -> EventBody | None:
        """The choice from a list that was made by true utility and noise (Gumbel), without what the visitor had before."""
        luck = uniforms(self._config.seed, "found", visit.number, np.arange(len(self.world.item_ids)))
        worth = self.world.utility(visit.user, visit.day) - noise * np.log(-np.log(luck))
        worth[list(self._taken[visit.user])] = -np.inf
        best: NDArray[np.intp] = np.argsort(-worth)[:LIST_LENGTH]
        return self.answer(visit, self.world.item_ids[best].tolist(), None)

    def _choosing(self, nothing: float) -> Simulation:
        return Simulation(self.world, Arrivals(self._config.users, self._config.seed), ChoiceModel(nothing=nothing))

    def moment(self, visit: Visit) -> float:
        """Unix seconds, somewhere in the step."""
        return EPOCH + visit.day * DAY + TICK * float(uniforms(self._config.seed, "moment", visit.number))
