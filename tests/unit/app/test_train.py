"""`marquee train` on the lake: what it learns from, and when it learns again."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from app.usecases.run import train
from app.usecases.steps import build
from app.usecases.tuning import as_toml
from core.items import PROFILE_SCHEMA, complete
from core.settings import Settings
from lake import tables
from lake.adapters.delta import DeltaLake
from retrieval.config import TrainConfig

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")  # MLflow's own models
USERS, PER_USER, ITEMS = 12, 6, 20


def _profiles(user_1: str) -> pl.DataFrame:
    return pl.DataFrame({"user_id": [1], "profile": [[user_1]]}, schema=PROFILE_SCHEMA)


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    settings, rng = Settings(home=tmp_path / "home"), np.random.default_rng(0)
    ids = range(1, ITEMS + 1)
    items = pl.DataFrame({"item_id": ids, "title": [f"Film {i}" for i in ids], "genres": [["Drama"]] * ITEMS, "year": 2000})
    n = USERS * PER_USER
    events = {
        "event_id": [f"e{at}" for at in range(n)],
        "user_id": np.repeat(np.arange(1, USERS + 1), PER_USER),
        "item_id": np.concatenate([rng.permutation(ITEMS)[:PER_USER] + 1 for _ in range(USERS)]),
        "kind": ["rating"] * n,
        "value": [4.0] * n,
        "ts": np.arange(n) + 1e6,
        "request_id": pl.Series([None] * n, dtype=pl.String),
        "log_offset": np.full(n, -1),
    }
    lake = DeltaLake(settings.folder("lake"))
    lake.replace(tables.ITEMS, complete(items))
    lake.replace(tables.USERS, _profiles("age:25"))
    lake.replace(tables.INTERACTIONS, pl.DataFrame(events))
    return settings


def test_profiles_are_learned_from(home: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = tmp_path / "tiny.toml"
    config.write_text(as_toml(TrainConfig(dim=8, blocks=1, heads=1, epochs=1, batch_events=64), []))
    said: list[str] = []
    with caplog.at_level(logging.WARNING, "retrieval.training"):
        train(home, config, 1, said.append)
        DeltaLake(home.folder("lake")).replace(tables.USERS, _profiles("age:50"))
        train(home, config, 1, said.append)
        assert "not trained again" not in caplog.text
        train(home, config, 1, said.append)
    assert "not trained again" in caplog.text
    assert len(said) == 3


def test_training_computes_with_the_threads_of_the_settings(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[int] = []

    def trained(*_: object, **__: object) -> None:
        used.append(torch.get_num_threads())
        raise KeyboardInterrupt

    monkeypatch.setattr("retrieval.training.train_towers", trained)
    monkeypatch.setattr("lifecycle.build.build_release", trained)
    config = tmp_path / "tiny.toml"
    config.write_text(as_toml(TrainConfig(dim=8, blocks=1, heads=1), []))
    three, before = home.model_copy(update={"train_threads": 3}), torch.get_num_threads()
    for run in (lambda: train(three, config, 1, print), lambda: build(three, str(config), 1, False, print)):
        with pytest.raises(KeyboardInterrupt):
            run()
    assert used == [3, 3]
    assert torch.get_num_threads() == before
