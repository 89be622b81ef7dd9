"""The MLP ranker learns what can be learned, repeats itself, survives the disk, and refuses files that it cannot trust."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import BundleCorrupt, DatasetError
from ranking.candidate_features import CANDIDATE_FEATURES
from ranking.mlp import MlpRanker
from ranking.mlp_config import MlpConfig
from ranking.mlp_training import train_mlp
from ranking.ranking_rows import MIN_HELD_OUT, ORDER_WEIGHTS, RankingRows

F = len(CANDIDATE_FEATURES)
ORDER, YEAR, COSINE = (CANDIDATE_FEATURES.index(name) for name in ("order_score", "film_year", "cosine_liked"))
SMALL = MlpConfig(hidden=(16,), epochs=6, learning_rate=1e-2, batch=32)


def rows(queries: int, by: dict[int, float], seed: int = 0, names: tuple[str, ...] = CANDIDATE_FEATURES) -> RankingRows:
    """Lists of 3 to 20 candidates, of which the best by weighted features (by column) came next."""
    rng = np.random.default_rng(seed)
    groups = rng.integers(3, 21, queries)
    features = rng.normal(size=(groups.sum(), F)).astype(np.float32)
    features[:, YEAR] = 1990 + 20 * features[:, YEAR]  # of another scale
    merit = features[:, list(by)] @ np.array(list(by.values())) if by else rng.normal(size=len(features))
    relevant = np.zeros(len(features), dtype=np.int8)
    for start, size in zip(np.cumsum(groups) - groups, groups, strict=True):
        relevant[start + np.argmax(merit[start : start + size])] = 1
    return RankingRows.alike(names, features, relevant, groups.tolist())


@pytest.fixture(scope="module")
def ranker() -> MlpRanker:
    return train_mlp(rows(400, {COSINE: 1.0, YEAR: 0.05}), SMALL, seed=0)


def test_a_planted_rule_is_learned_whatever_the_scale(ranker: MlpRanker) -> None:
    later = rows(300, {COSINE: 1.0, YEAR: 0.05}, seed=9)
    assert later.ndcg(ranker.score(later.features)) > 0.85
    assert later.ndcg(later.features[:, COSINE]) < later.ndcg(ranker.score(later.features)) - 0.05


def test_what_a_candidate_has_of_a_feature_is_what_its_score_lacks_without(ranker: MlpRanker) -> None:
    some = rows(20, {COSINE: 1.0, YEAR: 0.05}, seed=5)
    contributions = ranker.contributions(some.features)
    assert contributions.shape == (len(some.features), F)
    without = some.features.copy()
    without[:, COSINE] = rows(400, {COSINE: 1.0, YEAR: 0.05}).features[:, COSINE].mean()
    expected = ranker.score(some.features) - ranker.score(without)
    np.testing.assert_allclose(contributions[:, COSINE], expected, atol=1e-4)
    others = np.delete(np.abs(contributions), [COSINE, YEAR, ORDER], axis=1)
    assert np.abs(contributions[:, COSINE]).mean() > 3 * others.mean(axis=0).max()
    assert ranker.contributions(some.features[:0]).shape == (0, F)


def test_the_sources_order_weighs_as_far_as_it_is_right() -> None:
    """Little is learned in one slow epoch, so that what is left is the order."""
    slow = MlpConfig(hidden=(4,), epochs=1, learning_rate=1e-6)
    assert train_mlp(rows(300, {ORDER: 1.0}), slow, seed=0).order_weight == max(ORDER_WEIGHTS)
    assert train_mlp(rows(300, {ORDER: -1.0}), slow, seed=0).order_weight == 0.0
    few = train_mlp(rows(MIN_HELD_OUT, {ORDER: 1.0}), SMALL, seed=0)
    assert (few.epochs, few.order_weight) == (SMALL.epochs, sorted(ORDER_WEIGHTS)[2])


def test_the_seed_decides_the_ranker(ranker: MlpRanker) -> None:
    learned, probe = rows(400, {COSINE: 1.0, YEAR: 0.05}), rows(20, {}, seed=3)
    again, other = (train_mlp(learned, SMALL, seed) for seed in (0, 1))
    np.testing.assert_array_equal(ranker.score(probe.features), again.score(probe.features))
    assert (ranker.score(probe.features) != other.score(probe.features)).any()


def test_a_feature_that_never_changes_costs_nothing() -> None:
    still = rows(200, {COSINE: 1.0})
    still.features[:, YEAR] = 1990
    scores: NDArray[np.float32] = train_mlp(still, SMALL, seed=0).score(still.features)
    assert np.isfinite(scores).all()
    assert still.ndcg(scores) > 0.8


def test_without_a_relevant_candidate_there_is_nothing_to_learn() -> None:
    found = rows(3, {})
    with pytest.raises(DatasetError, match="nothing to learn"):
        train_mlp(replace(found, relevant=np.zeros_like(found.relevant)), SMALL, seed=0)


def test_saved_and_loaded_it_scores_the_same(ranker: MlpRanker, tmp_path: Path) -> None:
    ranker.save(tmp_path / "ranker.onnx")
    loaded, probe = MlpRanker.load(tmp_path / "ranker.onnx"), rows(10, {}, seed=4).features
    np.testing.assert_array_equal(loaded.score(probe), ranker.score(probe))
    assert (loaded.names, loaded.epochs, loaded.order_weight) == (ranker.names, ranker.epochs, ranker.order_weight)
    assert ranker.score(probe[:0]).shape == (0,)


@pytest.mark.parametrize("damage", [lambda _: b"", lambda raw: raw[: len(raw) // 2], lambda raw: raw.replace(b"means", b"meant")])
def test_a_file_that_cannot_be_trusted_is_refused(ranker: MlpRanker, tmp_path: Path, damage: object) -> None:
    path = tmp_path / "ranker.onnx"
    ranker.save(path)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(BundleCorrupt, match=r"ranker\.onnx"):
        MlpRanker.load(path)
    with pytest.raises(BundleCorrupt, match=r"nothing\.onnx"):
        MlpRanker.load(tmp_path / "nothing.onnx")


def test_a_feature_that_is_not_computed_is_refused_by_its_name(ranker: MlpRanker, tmp_path: Path) -> None:
    path = tmp_path / "ranker.onnx"
    ranker.save(path)
    path.write_bytes(path.read_bytes().replace(b"film_year", b"film_mood"))
    with pytest.raises(BundleCorrupt, match="it was trained on film_mood, which this code does not compute"):
        MlpRanker.load(path)


def test_serving_needs_no_torch(ranker: MlpRanker, tmp_path: Path) -> None:
    ranker.save(tmp_path / "ranker.onnx")
    code = "import sys; from pathlib import Path; from ranking.mlp import MlpRanker; MlpRanker.load(Path(sys.argv[1])); "
    code += "assert not {'torch', 'lightgbm', 'onnx'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "ranker.onnx")], check=True, timeout=60)
