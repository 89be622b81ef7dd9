"""Successive halving (Jamieson and Talwalkar, AISTATS 2016): which training configuration suits the data, for little time.

All candidates train a few epochs, the better half goes on for as many again, and so forth until one is left. Trainings are paused
and not repeated, so the winner's is on its way when the choice is made.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.errors import InvalidInput
from core.ports import Echo, Monotonic
from retrieval.callbacks import TrainingPaused
from retrieval.config import TrainConfig

METRIC = "ndcg@10"  # on validation events, of the best epoch so far

# Trains a candidate until so many epochs are done in all, and returns its METRIC so far, None if nothing could be validated.
TrainUntil = Callable[[str, int], float | None]


@dataclass(frozen=True)
class HalvingConfig:
    """How long candidates compete."""

    first: int = 3  # epochs before the first halving
    budget: float = 600.0  # seconds after which no candidate goes on but the leader

    def __post_init__(self) -> None:
        if self.first < 1:
            raise InvalidInput("first", self.first, "at least 1")


def successive_halving(
    candidates: Mapping[str, TrainConfig],
    train: TrainUntil,
    config: HalvingConfig,
    echo: Echo,
    clock: Monotonic = time.monotonic,
) -> str:
    """The name of the best candidate; of equally good ones the first. The first one, if nothing can be validated."""
    start, alive, epochs = clock(), list(candidates), config.first
    while len(alive) > 1 and epochs < max(candidates[name].epochs for name in alive):
        scores: dict[str, float] = {}
        for name in alive:
            if scores and clock() - start > config.budget:
                echo(
                    f"the time for choosing ({config.budget:.0f} s) is over: {', '.join(alive[len(scores) :])} not tried further"
                )
                break
            score = train(name, epochs)
            if score is None:
                return alive[0]
            scores[name] = score
        ranked = sorted(scores, key=lambda name: -scores[name])
        figures = ", ".join(f"{name} {scores[name]:.4f}" for name in ranked)
        echo(f"validation NDCG@10 after {epochs} epochs: {figures} ({clock() - start:.0f} s)")
        late = clock() - start > config.budget
        alive = ranked[: 1 if late else math.ceil(len(ranked) / 2)]
        epochs *= 2
    return alive[0]


def best_so_far(train: Callable[[int], Mapping[str, float]], epochs: int) -> float | None:
    """METRIC of a training that is paused after so many epochs, or has ended before."""
    try:
        return train(epochs).get(METRIC)
    except TrainingPaused as pause:
        scores = [point[METRIC] for point in pause.curve if METRIC in point]
        return max(scores, default=None)
