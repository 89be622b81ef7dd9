"""How strongly an event expresses a taste: by its kind, by how rare the film is on a watchlist, and by how long ago it was."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from core import columns as c
from core.errors import InvalidInput
from core.kinds import KINDS
from core.toml_file import read_toml

DAY_SECONDS = 86_400.0


_RARE = frozenset(kind for kind in KINDS if kind.spec.rarity_bonus)
_DEFAULTS = {kind.value: kind.spec.weight for kind in KINDS}


@dataclass(frozen=True)
class SignalWeights:
    """How much affinity one event of each kind adds, shared equally by the item's genres, and how fast it fades.

    `by_kind` has a weight for every kind: those of `core.kinds` where it is made with fewer. What an event of a kind with
    a rarity bonus adds (a film on a watchlist) is multiplied by up to 1 + `rarity_bonus`, the more the less popular the film:
    a rare film says more about a taste than one that everybody knows. Affinity halves every `half_life_days` of event time.
    Raises InvalidInput for a weight or bonus below zero, a half-life not above it, and an unknown kind.
    """

    by_kind: Mapping[str, float] = field(default_factory=dict)
    rarity_bonus: float = 1.0
    half_life_days: float = 180.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_kind", {**_DEFAULTS, **self.by_kind})
        numbers = {**self.by_kind, "rarity_bonus": self.rarity_bonus, "half_life_days": self.half_life_days}
        for name, value in numbers.items():
            if name not in NAMES:
                raise InvalidInput(name, value, f"one of {', '.join(sorted(NAMES))}")
            if not (isinstance(value, int | float) and math.isfinite(value) and value >= 0):
                raise InvalidInput(name, value, "a number of at least 0")
        if not self.half_life_days > 0:
            raise InvalidInput("half_life_days", self.half_life_days, "more than 0 days")

    @classmethod
    def load(cls, path: Path) -> SignalWeights:
        """From a TOML file with one flat table; what it leaves out is the default. Raises InvalidInput."""
        values = read_toml(path, "signal weights")
        for name in values.keys() - NAMES:
            raise InvalidInput(f"{name} in {path.name}", values[name], f"one of {', '.join(sorted(NAMES))}")
        by_kind = {name: values.pop(name) for name in _DEFAULTS if name in values}
        return cls(by_kind, **values)

    @property
    def half_life(self) -> float:
        """In seconds."""
        return self.half_life_days * DAY_SECONDS

    def of(self, kind: str) -> float:
        """The weight of a kind, whatever the item."""
        return self.by_kind[kind]


NAMES = _DEFAULTS.keys() | {"rarity_bonus", "half_life_days"}  # what a file of weights may set
DEFAULT_WEIGHTS = SignalWeights()


@dataclass(frozen=True, eq=False)
class Signals:
    """The weights and what they need to know of items. One table for the stream and every batch, or their sums differ."""

    weights: SignalWeights = DEFAULT_WEIGHTS
    popularity: Mapping[int, float] = field(default_factory=dict)  # item -> 0 (unknown to all) to 1 (the best known)

    def of(self, kind: str, item_id: int) -> float:
        """What one event adds before it fades. An item that the table lacks counts as the best known: no bonus unearned."""
        weight = self.weights.of(kind)
        if kind in _RARE:
            weight *= 1.0 + self.weights.rarity_bonus * (1.0 - self.popularity.get(item_id, 1.0))
        return weight

    def expression(self) -> pl.Expr:
        """`of` over the columns `kind` and `item_id`: the same float64 by the same operations."""
        known = pl.lit(1.0)
        if self.popularity:
            items, shares = list(self.popularity), list(self.popularity.values())
            known = pl.col(c.ITEM).replace_strict(items, shares, default=1.0, return_dtype=pl.Float64)
        weight = pl.col(c.KIND).replace_strict(self.weights.by_kind, return_dtype=pl.Float64)
        rare = weight * (1.0 + self.weights.rarity_bonus * (1.0 - known))
        return pl.when(pl.col(c.KIND).is_in(_RARE)).then(rare).otherwise(weight)


DEFAULT_SIGNALS = Signals()


def popularity(interactions: pl.DataFrame) -> dict[int, float]:
    """Item -> log(1 + its events) / log(1 + those of the item that has most). Logarithms, because popularity is a power law."""
    counted = interactions.group_by(c.ITEM).len().sort(c.ITEM)
    if counted.is_empty():
        return {}
    known = np.log1p(counted["len"].to_numpy())
    shares = known / known.max()
    return dict(zip(counted[c.ITEM].to_list(), shares.tolist(), strict=True))
