"""One tiny release, trained and built as any other, in a second or two."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl

from core.bundle import MANIFEST
from core.catalogue import Catalogue
from lifecycle.build import TrainingData, build_release
from lifecycle.cuts import BuildConfig
from ranking.ranker_training import RankerConfig
from recommender.policy import Policy
from recommender.release import expected_schema
from retrieval.config import TrainConfig
from retrieval.preset import Preset

N_ITEMS, N_USERS, PER_USER = 60, 40, 12


def catalogue() -> Catalogue:
    """60 films, ids 10 to 600."""
    ids = np.arange(1, N_ITEMS + 1) * 10
    titles = [f"Film {i}" for i in ids]
    items = {"item_id": ids, "title": titles, "genres": [["Drama"], ["War"]] * (N_ITEMS // 2), "year": [2000] * N_ITEMS}
    return Catalogue.from_frame(pl.DataFrame(items))


def interactions() -> pl.DataFrame:
    """480 ratings at 480 different times."""
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(1, N_USERS + 1), PER_USER)
    events = {
        "event_id": [f"e{at}" for at in range(len(users))],
        "user_id": users,
        "item_id": np.concatenate([rng.permutation(catalogue().ids)[:PER_USER] for _ in range(N_USERS)]),
        "kind": ["rating"] * len(users),
        "value": [4.0] * len(users),
        "ts": rng.permutation(len(users)).astype(np.float64) + 1e9,
        "log_offset": np.full(len(users), -1),
    }
    return pl.DataFrame(events)


def build(workdir: Path) -> Path:
    """The bundle's folder."""
    return build_release(
        TrainingData(interactions(), catalogue(), {}, "noise", "none"),
        BuildConfig(0.5, 0.8, 0.9, ranker=RankerConfig(trees=5, leaves=4, min_rows_per_leaf=10, threads=1)),
        Preset.of(TrainConfig.of(dim=8, blocks=1, heads=1, epochs=1, batch_events=128)),
        workdir,
        policy=Policy.load("default"),
        feature_schema=expected_schema(),
        code_version="test",
        seed=0,
        echo=lambda _: None,
    )


def copied(bundle: Path, folder: Path, name: str, **changes: object) -> Path:
    """The same bundle as a release with another name, and other lines in its manifest."""
    shutil.copytree(bundle, folder)
    known = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(known | {"release": name} | changes))
    return folder
