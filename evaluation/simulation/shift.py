"""A world in which what people want shifts at once: abrupt concept drift.

The kinds of drift: Gama et al., "A survey on concept drift adaptation" (ACM Computing Surveys 2014).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import InvalidInput
from evaluation.simulation.randomness import uniforms
from evaluation.simulation.world import Floats, World


class ShiftingWorld(World):
    """The world `world`, in which some films are in fashion until `from_day` and others from then on.

    Personal tastes stay. A film in fashion has `gap` more utility for everybody, one out of fashion `gap` less.
    """

    def __init__(self, world: World, from_day: float, gap: float, share: float) -> None:
        """A `share` of the films is in fashion before, as many after; the rest never cares. Raises InvalidInput."""
        if not 0 < share <= 0.5:
            raise InvalidInput("share", share, "above 0 to 0.5")
        super().__init__(world.item_ids, world.genres, world.config)
        luck = uniforms(world.config.seed, "fashion", world.item_ids)
        self.earlier, self.later = luck < share, luck > 1 - share  # [n] each: in fashion before and after
        self._extra = (gap * self.earlier - gap * self.later).astype(np.float32)
        self._from_day = from_day

    def appeal(self, day: ArrayLike, rows: NDArray[np.intp] | None = None) -> Floats:
        """See `World`; of one day."""
        side = 1.0 if float(np.asarray(day)) < self._from_day else -1.0
        usual = super().appeal(day, rows)
        return np.asarray(usual + side * (self._extra if rows is None else self._extra[rows]), dtype=np.float32)
