"""A preset: training configurations among which the data choose, read from `configs/presets/*.toml`.

The file has what all candidates share at the top, and a table of what is special of each. The first one is taken where nothing
can be validated. A file without such tables is a single training configuration, and leaves nothing to choose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from core.catalogue import Catalogue
from core.errors import InvalidInput
from core.features import Profiles
from core.ports import Echo
from core.settings import CONFIGS
from core.toml_file import named_file, read_toml
from retrieval.config import TrainConfig
from retrieval.halving import HalvingConfig, best_so_far, successive_halving
from retrieval.training import train_towers

CANDIDATES = "candidate"


@dataclass(frozen=True)
class Preset:
    """Candidates by name, and how they compete."""

    name: str
    candidates: Mapping[str, TrainConfig]
    halving: HalvingConfig = field(default_factory=HalvingConfig)

    @classmethod
    def of(cls, config: TrainConfig, name: str = "") -> Preset:
        """Without a choice."""
        return cls(name, {"": config})

    @classmethod
    def load(cls, path: Path) -> Preset:
        """From a TOML file. Raises InvalidInput for a file that cannot be read, an unknown key or a value out of range."""
        shared = dict(read_toml(path, "preset"))
        special = shared.pop(CANDIDATES, {"": {}})
        if not isinstance(special, dict) or not special or not all(isinstance(own, dict) for own in special.values()):
            raise InvalidInput(f"{path}: {CANDIDATES}", special, "a table [candidate.NAME] for each candidate")
        candidates = {name: TrainConfig.of(**{**shared, **own}) for name, own in special.items()}
        members = max(config.members for config in candidates.values())
        if len(candidates) > 1 and members > 1:
            raise InvalidInput(f"{path}: members", members, "1: candidates are compared one by one")
        return cls(path.stem, candidates)

    @classmethod
    def named(cls, name: str) -> Preset:
        """By the name of a file in configs/presets or configs/training, or by a path. Raises as `load` does, or NotFound."""
        if name.endswith(".toml"):
            return cls.load(Path(name))
        training = CONFIGS / "training" / f"{name}.toml"
        return cls.load(training if training.is_file() else named_file(CONFIGS / "presets", name, "preset"))

    def choose(
        self, events: pl.DataFrame, catalogue: Catalogue, profiles: Profiles, workdir: Path, seed: int, progress: bool, echo: Echo
    ) -> str:
        """The candidate that predicts these lake rows best. Trainings are paused in `workdir`/NAME, where they can go on."""

        def train(name: str, epochs: int) -> float | None:
            def until(epochs: int) -> Mapping[str, float]:
                return train_towers(
                    events,
                    catalogue,
                    self.candidates[name],
                    workdir / name,
                    seed=seed,
                    progress=progress,
                    profiles=profiles,
                    pause_after=epochs,
                ).metrics

            return best_so_far(until, epochs)

        return successive_halving(self.candidates, train, self.halving, echo)
