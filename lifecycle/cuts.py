"""The periods of a build: which events each part may learn from, and which ones decide about it.

events in time:  |------ towers learn ------|-- ranker learns --|-- scorer is chosen --|-- the gate's figures --|
                                         t_towers            t_ranker              t_choice                  now
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from core import columns as c
from core.errors import InvalidInput
from datasets.splits import cutoff
from ranking.mlp_config import MlpConfig
from ranking.ranker_training import RankerConfig


@dataclass(frozen=True)
class BuildConfig:
    """The cuts as shares of the events in time order, and how many queries each later part may use.

    `refit`: once everything is chosen and judged, train again on all events. It costs a second training.
    """

    towers_until: float = 0.80
    ranker_until: float = 0.90
    choice_until: float = 0.95
    ranker_queries: int = 10_000
    ranker: RankerConfig = field(default_factory=RankerConfig)
    mlp: MlpConfig | None = None  # trained beside it where there is one
    refit: bool = True

    def __post_init__(self) -> None:
        cuts = (self.towers_until, self.ranker_until, self.choice_until)
        if not 0 < cuts[0] < cuts[1] < cuts[2] < 1:
            raise InvalidInput("cuts", cuts, "increasing shares between 0 and 1")


@dataclass(frozen=True)
class Cuts:
    """The moments between the periods, in seconds of the timeline (Unix seconds where the data has times)."""

    towers: float
    ranker: float
    choice: float
    end: float

    @classmethod
    def of(cls, events: pl.DataFrame, config: BuildConfig) -> Cuts:
        """Of events on one `timeline`."""
        return cls(
            towers=cutoff(events, config.towers_until),
            ranker=cutoff(events, config.ranker_until),
            choice=cutoff(events, config.choice_until),
            end=after_all(events),
        )


def after_all(events: pl.DataFrame) -> float:
    """A moment after all of these events, by as little as possible."""
    return float(np.nextafter(events[c.TS].to_numpy().max(), np.inf))
