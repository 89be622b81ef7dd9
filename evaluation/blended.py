"""What a release learns from events without looking at lists: the towers and the item-to-item tables that are blended."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from core import bundle
from core.catalogue import Catalogue
from core.features import Profiles
from core.ports import Echo
from evaluation.blending import RIDGES, Blend, BlendWeights, choose_blend
from evaluation.queries import LabelledQuery
from feature_repo.item_stats import item_stats
from feature_repo.stats_over_time import StatsOverTime
from retrieval.config import TrainConfig
from retrieval.ease import EaseTable
from retrieval.export import export
from retrieval.preset import Preset
from retrieval.training import TrainedTowers, train_towers
from retrieval.transitions import Transitions


@dataclass(frozen=True, eq=False)
class Learned:
    """The sources' models. `ease` is None where it has no weight in the blend: it would only take space.

    `eases` are the tables of all ridges that were compared, `seconds` what counting took, by source; both empty after a refit.
    """

    towers: TrainedTowers
    transitions: Transitions
    ease: EaseTable | None
    eases: Mapping[float, EaseTable] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Their files of a release bundle."""
        export(self.towers, folder)
        self.transitions.save(folder / bundle.TRANSITIONS)
        (folder / bundle.EASE).unlink(missing_ok=True)
        if self.ease is not None:
            self.ease.save(folder / bundle.EASE)


@dataclass(frozen=True, eq=False)
class Learner:
    """Learns from lake rows, always with the same settings. A training that has finished in its folder is not repeated."""

    catalogue: Catalogue
    profiles: Profiles
    preset: Preset
    workdir: Path
    seed: int
    progress: bool = True
    echo: Echo = lambda _: None

    def choose(
        self, past: pl.DataFrame, queries: Sequence[LabelledQuery], followed: pl.DataFrame | None = None
    ) -> tuple[Learned, Blend]:
        """Learn from the past, and weigh the parts by how well they predict these later events.

        `followed` are all events, where what is popular will be counted as events come. Else the statistics stand still.
        """
        chosen = self.preset.choose(past, self.catalogue, self.profiles, self.workdir, self.seed, self.progress, self.echo)
        towers = self._towers(past, self.preset.candidates[chosen], self.workdir / chosen)
        start = time.perf_counter()
        transitions = Transitions.fit(past, self.catalogue)
        counted = time.perf_counter()
        ease = EaseTable.fit(past, self.catalogue, RIDGES)
        seconds = {"transitions": counted - start, "ease": time.perf_counter() - counted}
        if followed is None:
            stats = StatsOverTime([item_stats(past, self.catalogue, np.inf)])
        else:
            stats = StatsOverTime.over(followed, self.catalogue, [query.ts for query in queries])
        blend = choose_blend(towers, transitions, ease, stats, queries, self.catalogue)
        used = ease[blend.weights.ridge] if blend.weights.ease else None
        return Learned(towers, transitions, used, ease, seconds), blend

    def refit(self, events: pl.DataFrame, chosen: Learned, weights: BlendWeights) -> Learned:
        """Learn from all events with what was chosen on a part of them: configuration, number of epochs, and weights."""
        epochs = int(chosen.towers.metrics["best_epoch"])
        towers = self._towers(events, chosen.towers.config.on_everything(epochs), self.workdir / "refit")
        towers.weigh_spectral(weights.spectral)
        ease = EaseTable.fit(events, self.catalogue, [weights.ridge])[weights.ridge] if weights.ease else None
        return Learned(towers, Transitions.fit(events, self.catalogue), ease)

    def _towers(self, events: pl.DataFrame, config: TrainConfig, workdir: Path) -> TrainedTowers:
        return train_towers(
            events, self.catalogue, config, workdir, seed=self.seed, progress=self.progress, profiles=self.profiles
        )
