"""The trees for serving score as LightGBM does, also where a value lies on a threshold, and need nothing of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import BundleCorrupt
from ranking.candidate_features import CANDIDATE_FEATURES
from ranking.ranker import Ranker, trees_of
from ranking.tree_scorer import TreeScorer, as_onnx

NAMES = CANDIDATE_FEATURES[:5]
QUIET = {"verbosity": -1, "num_leaves": 15, "min_data_in_leaf": 5, "learning_rate": 0.3, "num_threads": 1}


def boosted(features: NDArray[np.floating], trees: int = 30, seed: int = 0) -> lgb.Booster:
    target = np.random.default_rng(seed).normal(size=len(features)) + features[:, 0] * features[:, 1]
    return lgb.train(QUIET, lgb.Dataset(features, label=target, feature_name=list(NAMES)), num_boost_round=trees)


@pytest.fixture(scope="module")
def booster() -> lgb.Booster:
    return boosted(np.random.default_rng(0).normal(size=(2000, len(NAMES))))


def thresholds(booster: lgb.Booster) -> NDArray[np.float64]:
    frame = booster.trees_to_dataframe()
    return frame["threshold"].dropna().to_numpy(np.float64)


def test_every_row_takes_the_path_that_it_takes_in_lightgbm(booster: lgb.Booster) -> None:
    near = thresholds(booster).astype(np.float32)
    values = np.concatenate([near, np.nextafter(near, np.float32(-np.inf)), np.nextafter(near, np.float32(np.inf))])
    rounded = near.astype(np.float64) > thresholds(booster)
    assert 0.2 < rounded.mean() < 0.8, "about half of the thresholds would be rounded to the other side of a value"
    probe = np.random.default_rng(1).choice(values, (5000, len(NAMES)))
    scores = TreeScorer(as_onnx(booster, "x")).score(probe)
    np.testing.assert_allclose(scores, booster.predict(probe, num_threads=1), atol=1e-5)


def test_a_tree_without_a_split_and_one_row() -> None:
    flat = boosted(np.zeros((100, len(NAMES))), trees=3)
    assert flat.trees_to_dataframe()["split_feature"].isna().all()
    probe = np.ones((1, len(NAMES)), dtype=np.float32)
    np.testing.assert_allclose(TreeScorer(as_onnx(flat, "")).score(probe), flat.predict(probe), atol=1e-6)


def test_trees_that_ask_whether_a_value_is_missing_are_refused() -> None:
    features = np.random.default_rng(0).normal(size=(500, len(NAMES)))
    features[::3, 0] = np.nan
    with pytest.raises(ValueError, match="missing values 'NaN'"):
        as_onnx(boosted(features), "")


def test_what_is_no_model_of_trees_is_refused() -> None:
    with pytest.raises(BundleCorrupt, match="ONNX Runtime can read"):
        TreeScorer(b"PK")


@pytest.fixture
def saved(booster: lgb.Booster, tmp_path: Path) -> Path:
    path = tmp_path / "ranker.txt"
    Ranker.of(booster).save(path)
    return path


def test_serving_needs_neither_lightgbm_nor_onnx(saved: Path) -> None:
    code = "import sys, numpy; from pathlib import Path; from ranking.ranker import Ranker; "
    code += "ranker = Ranker.load(Path(sys.argv[1])); ranker.score(numpy.ones((2, len(ranker.names)), numpy.float32)); "
    code += "assert not {'lightgbm', 'onnx', 'torch'} & set(sys.modules), sys.modules.keys(); "
    code += "ranker.contributions(numpy.ones((2, len(ranker.names)), numpy.float32)); "
    code += "assert 'lightgbm' in sys.modules and not {'sklearn', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code, str(saved)], check=True, timeout=60)


def test_a_bundle_of_before_there_were_such_trees_is_served_alike(saved: Path, booster: lgb.Booster) -> None:
    trees_of(saved).unlink()
    probe = np.random.default_rng(2).normal(size=(50, len(NAMES))).astype(np.float32)
    np.testing.assert_allclose(Ranker.load(saved).score(probe), booster.predict(probe), atol=1e-5)


def test_trees_of_another_ranker_are_not_used(saved: Path, booster: lgb.Booster) -> None:
    other = boosted(np.random.default_rng(5).normal(size=(2000, len(NAMES))), seed=9)
    trees_of(saved).write_bytes(as_onnx(other, "somebody else's"))
    probe = np.random.default_rng(2).normal(size=(50, len(NAMES))).astype(np.float32)
    np.testing.assert_allclose(Ranker.load(saved).score(probe), booster.predict(probe), atol=1e-5)


def test_torn_trees_are_named(saved: Path) -> None:
    trees_of(saved).write_bytes(trees_of(saved).read_bytes()[:200])
    with pytest.raises(BundleCorrupt, match=r"ranker_trees\.onnx"):
        Ranker.load(saved)
