"""A preset: the data choose among its candidates, trainings pause and go on, and a bad file is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.catalogue import Catalogue
from core.errors import InvalidInput, NotFound
from core.settings import CONFIGS
from retrieval.callbacks import TrainingPaused
from retrieval.config import TrainConfig
from retrieval.halving import HalvingConfig, best_so_far, successive_halving
from retrieval.preset import Preset
from retrieval.training import train_towers

N = 30
IDS = 2**53 + np.arange(N)  # keys of string ids
CATALOGUE = Catalogue(IDS, ("",) * N, (), np.zeros((N, 0), np.float32), np.zeros(N, np.float32))
TINY = TrainConfig(dim=8, blocks=1, heads=1, epochs=6, batch_events=256, validation_share=0.2, dropout=0.0, patience=6)


def walks() -> pl.DataFrame:
    """Everybody walks on from a random item, one event every ten minutes."""
    dice = np.random.default_rng(0)
    rows = [
        (u, int(IDS[(b + s) % N]), 1e9 + 600.0 * (8 * u + s)) for u, b in enumerate(dice.integers(0, N, 60), 1) for s in range(7)
    ]
    frame = pl.DataFrame(rows, schema={"user_id": pl.Int64, "item_id": pl.Int64, "ts": pl.Float64}, orient="row")
    return frame.with_columns(kind=pl.lit("view"), value=pl.lit(None, dtype=pl.Float64))


def four(epochs: int = 12) -> dict[str, TrainConfig]:
    return {name: TrainConfig(epochs=epochs) for name in "abcd"}


class Race:
    """Scores that grow with the epochs, each candidate to a level of its own; remembers who trained for how long."""

    def __init__(self, **levels: float) -> None:
        self.levels = levels
        self.epochs: dict[str, int] = {}
        self.now = 0.0

    def train(self, name: str, epochs: int) -> float | None:
        self.now += 10.0 * (epochs - self.epochs.get(name, 0))
        self.epochs[name] = epochs
        return self.levels[name] * epochs / 12


def test_the_better_half_goes_on() -> None:
    race, said = Race(a=0.1, b=0.4, c=0.3, d=0.2), []
    assert successive_halving(four(), race.train, HalvingConfig(first=3), said.append, lambda: race.now) == "b"
    assert race.epochs == {"a": 3, "b": 6, "c": 6, "d": 3}, (
        "no candidate trains anew, and the last one is not trained to its end here"
    )
    assert said == [
        "validation NDCG@10 after 3 epochs: b 0.1000, c 0.0750, d 0.0500, a 0.0250 (120 s)",
        "validation NDCG@10 after 6 epochs: b 0.2000, c 0.1500 (180 s)",
    ]


def test_when_the_time_is_over_the_leader_goes_on_alone() -> None:
    race, said = Race(a=0.1, b=0.2, c=0.3, d=0.4), []
    found = successive_halving(four(), race.train, HalvingConfig(first=3, budget=50.0), said.append, lambda: race.now)
    assert found == "b"
    assert set(race.epochs) == {"a", "b"}
    assert said[0] == "the time for choosing (50 s) is over: c, d not tried further"


def test_without_validation_the_first_is_taken() -> None:
    assert successive_halving(four(), lambda _name, _epochs: None, HalvingConfig(), print) == "a"


def test_of_equals_the_first_is_taken_and_one_needs_no_race() -> None:
    assert successive_halving(four(), lambda _name, _epochs: 0.5, HalvingConfig(), lambda _: None) == "a"

    def never(name: str, epochs: int) -> float | None:
        raise AssertionError(name, epochs)

    assert successive_halving({"only": TrainConfig()}, never, HalvingConfig(), print) == "only"


@pytest.mark.parametrize("first", [0, -1])
def test_a_race_without_epochs_is_refused(first: int) -> None:
    with pytest.raises(InvalidInput, match="first"):
        HalvingConfig(first=first)


def test_a_paused_training_goes_on_where_it_stopped(tmp_path: Path) -> None:
    def train(folder: str, pause: int | None = None) -> dict[str, float]:
        return train_towers(walks(), CATALOGUE, TINY, tmp_path / folder, seed=1, progress=False, pause_after=pause).metrics

    with pytest.raises(TrainingPaused) as paused:
        train("halves", 2)
    assert [point["epoch"] for point in paused.value.curve] == [1, 2]
    assert train("halves") == train("whole")
    assert best_so_far(lambda epochs: train("scored", epochs), 2) == max(point["ndcg@10"] for point in paused.value.curve)
    assert best_so_far(lambda epochs: train("scored", epochs), 9) == train("whole")["ndcg@10"], "it ended before"


def test_the_data_choose(tmp_path: Path) -> None:
    preset = Preset("two", {"idle": TINY.model_copy(update={"learning_rate": 1e-9}), "able": TINY}, HalvingConfig(first=2))
    said: list[str] = []
    assert preset.choose(walks(), CATALOGUE, {}, tmp_path, 1, False, said.append) == "able"
    assert said[0].startswith("validation NDCG@10 after 2 epochs: able ")


def test_the_shipped_presets_can_be_read() -> None:
    auto, demo = Preset.named("auto"), Preset.named("demo")
    assert (auto.name, demo.name) == ("auto", "demo")
    assert list(auto.candidates) == ["content", "wide", "full"]
    assert list(demo.candidates.values()) == [TrainConfig.load(CONFIGS / "training" / "demo.toml")]
    assert Preset.named(str(CONFIGS / "training" / "demo.toml")) == demo


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("candidate = 3", "candidate"),
        ("[candidate]", "candidate"),
        ("[candidate.a]\ndims = 8", "dims"),
        ("members = 2\n[candidate.a]\n[candidate.b]", "members"),
        ("dim = ", "readable TOML"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(InvalidInput, match=match):
        Preset.load(tmp_path / "bad.toml")


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(NotFound, match=r"'autumn'.* has auto"):
        Preset.named("autumn")
