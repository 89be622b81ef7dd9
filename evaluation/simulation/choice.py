"""What a user takes from a list: utility determines what is wanted, position determines what is seen.

The examination hypothesis with a power law in the position: Joachims et al., "Unbiased learning-to-rank with biased
feedback" (WSDM 2017). Among the films that are seen, the choice is a multinomial logit with "nothing" as one of the alternatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.simulation.arrivals import Visit
from evaluation.simulation.randomness import uniforms
from evaluation.simulation.world import World


@dataclass(frozen=True)
class ChoiceModel:
    """How users choose from lists."""

    position: float = 1.0  # exponent of the position bias; 0: all positions are seen equally
    nothing: float = 1.5  # utility of leaving without a film

    def examined(self, length: int) -> NDArray[np.float64]:
        """Relative probability that each position is examined. [length], 1 at the top."""
        return np.asarray((1.0 + np.arange(length)) ** -self.position)

    def probabilities(self, world: World, user: int, day: float, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Ground truth: P(taken | user, day, list) for the films in rows [k] of the world, and last for none. [k + 1].

        A row of -1 is a film that the world does not know; nobody takes it.
        """
        worth = np.where(rows >= 0, world.utility(user, day, rows), -np.inf).astype(np.float64)
        weights = np.append(self.examined(len(rows)) * np.exp(worth), np.exp(self.nothing))
        return np.asarray(weights / weights.sum())

    def choose(self, world: World, visit: Visit, rows: NDArray[np.intp]) -> int | None:
        """The position that the visitor takes, or None. It is deterministic for the same list at the same visit."""
        reached = np.cumsum(self.probabilities(world, visit.user, visit.day, rows))
        at = int(np.searchsorted(reached, float(uniforms(world.config.seed, "choice", visit.number)), side="right"))
        return at if at < len(rows) else None


def browsed(world: World, visit: Visit, length: int = 20) -> NDArray[np.intp]:
    """Rows of `length` released films, drawn at random: what a visitor sees without a recommender."""
    luck = uniforms(world.config.seed, "browsed", visit.number, np.arange(4 * length))
    rows = np.unique((luck * len(world.item_ids)).astype(np.intp))
    out = rows[world.released[rows] <= visit.day]
    order = np.argsort(-world.appeal(visit.day, out), kind="stable")  # shops put best-sellers on top
    return out[order][:length]


def stars(world: World, user: int, day: float, row: int) -> float:
    """The rating that the user gives the film, 0.5 to 5 in halves: how well it fits the taste alone."""
    liked = float(world.items[row] @ world.tastes(user, day)[0])
    return float(np.clip(np.round(2 * (3.0 + 3.0 * liked)) / 2, 0.5, 5.0))
