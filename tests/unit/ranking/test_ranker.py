"""The ranker learns what can be learned, repeats itself, survives the disk, and refuses files that it cannot trust."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import BundleCorrupt, DatasetError
from ranking.candidate_features import CANDIDATE_FEATURES
from ranking.ranker import Ranker
from ranking.ranker_training import RankerConfig, train_ranker
from ranking.ranking_rows import RankingRows
from recommender.candidates import Features

F = len(CANDIDATE_FEATURES)
PLANTED, ORDER = (CANDIDATE_FEATURES.index(name) for name in ("cosine_liked", "order_score"))
SMALL = RankerConfig(trees=60, leaves=7, learning_rate=0.1, min_rows_per_leaf=5, threads=1)


def planted_rule(queries: int, size: int = 10, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int8], list[int]]:
    """In each query the candidate with the highest value in one column comes next; the other columns are noise."""
    features = np.random.default_rng(seed).normal(size=(queries, size, F)).astype(np.float32)
    relevant = (features[:, :, PLANTED] == features[:, :, PLANTED].max(axis=1, keepdims=True)).astype(np.int8)
    return features.reshape(-1, F), relevant.ravel(), [size] * queries


def rows_of(features: NDArray[np.float32], relevant: NDArray[np.int8], groups: list[int]) -> RankingRows:
    return RankingRows.alike(CANDIDATE_FEATURES, features, relevant, groups)


@pytest.fixture(scope="module")
def ranker() -> Ranker:
    return train_ranker(rows_of(*planted_rule(400)), SMALL, seed=0)


def test_a_planted_rule_is_learned(ranker: Ranker) -> None:
    features, relevant, groups = planted_rule(100, seed=9)
    best = ranker.score(features).reshape(-1, groups[0]).argmax(axis=1)
    assert (relevant.reshape(-1, groups[0])[np.arange(len(groups)), best] == 1).mean() > 0.8
    importance = ranker.importance()
    assert tuple(importance) == CANDIDATE_FEATURES
    assert max(importance, key=lambda name: importance[name]) == "cosine_liked"
    assert sum(importance.values()) == pytest.approx(1.0)


def test_the_contributions_of_features_sum_to_the_score(ranker: Ranker) -> None:
    features, *_ = planted_rule(20, seed=5)
    contributions = ranker.contributions(features)
    assert contributions.shape == (len(features), F)
    rest = ranker.score(features) - contributions.sum(axis=1)
    np.testing.assert_allclose(rest, rest[0], atol=1e-4)
    assert np.abs(contributions[:, PLANTED]).mean() > 3 * np.abs(np.delete(contributions, PLANTED, axis=1)).mean(axis=0).max()
    assert ranker.contributions(features[:0]).shape == (0, F)


def test_the_seed_decides_the_ranker(ranker: Ranker) -> None:
    features, *_ = planted_rule(20, seed=5)
    again = train_ranker(rows_of(*planted_rule(400)), SMALL, seed=0)
    other = train_ranker(rows_of(*planted_rule(400)), SMALL, seed=1)
    np.testing.assert_array_equal(ranker.score(features), again.score(features))
    assert (ranker.score(features) != other.score(features)).any()


def test_queries_may_differ_in_size() -> None:
    rng = np.random.default_rng(2)
    groups = rng.integers(2, 12, size=120).tolist()
    features = rng.normal(size=(sum(groups), F)).astype(np.float32)
    relevant, start = np.zeros(len(features), dtype=np.int8), 0
    for size in groups:
        relevant[start + features[start : start + size, PLANTED].argmax()] = 1
        start += size
    trained = train_ranker(rows_of(features, relevant, groups), SMALL, seed=0)
    probe = np.zeros((2, F), dtype=np.float32)
    probe[1, PLANTED] = 2.0
    low, high = trained.score(probe)
    assert high > low


def test_without_a_relevant_candidate_there_is_nothing_to_learn() -> None:
    features, relevant, groups = planted_rule(3)
    with pytest.raises(DatasetError, match="nothing to learn"):
        train_ranker(rows_of(features, np.zeros_like(relevant), groups), SMALL, seed=0)
    with pytest.raises(DatasetError):
        train_ranker(rows_of(np.empty((0, F), np.float32), np.empty(0, np.int8), []), SMALL, seed=0)


def test_no_candidates_no_scores(ranker: Ranker) -> None:
    assert ranker.score(np.empty((0, F), dtype=np.float32)).shape == (0,)


def test_saved_and_loaded_it_scores_the_same(ranker: Ranker, tmp_path: Path) -> None:
    ranker.save(tmp_path / "ranker.txt")
    features, *_ = planted_rule(10, seed=4)
    np.testing.assert_allclose(Ranker.load(tmp_path / "ranker.txt").score(features), ranker.score(features), rtol=1e-6)


def test_a_ranker_that_found_no_split_survives_the_disk(tmp_path: Path) -> None:
    features, relevant, groups = planted_rule(3)
    flat = train_ranker(rows_of(np.zeros_like(features), relevant, groups), SMALL, seed=0)
    flat.save(tmp_path / "ranker.txt")
    loaded = Ranker.load(tmp_path / "ranker.txt")
    assert loaded.order_weight == flat.order_weight > 0
    expected = loaded.order_weight * features[:, ORDER]
    np.testing.assert_allclose(loaded.score(features), expected + loaded.score(features[:1]) - expected[0], atol=1e-6)
    assert not any(flat.importance().values())


def test_a_file_of_before_the_sources_order_had_a_weight_is_scored_by_its_trees(ranker: Ranker, tmp_path: Path) -> None:
    path, (features, *_) = tmp_path / "ranker.txt", planted_rule(10, seed=4)
    ranker.save(path)
    path.write_text("\n".join(line for line in path.read_text().splitlines() if "order_weight" not in line))
    old = Ranker.load(path)
    assert old.order_weight == 0
    trees = ranker.score(features) - ranker.order_weight * features[:, ORDER]
    np.testing.assert_allclose(old.score(features), trees, atol=1e-5)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "of another kind": lambda _: b"\x00\xffPK\x03\x04" * 40,
    "only a first line": lambda _: b"tree\n",
    "cut in the header": lambda raw: raw[:200],
    "cut in a tree": lambda raw: raw[: len(raw) // 2],
    "cut before the end of the trees": lambda raw: raw[: raw.index(b"end of trees")],
    "a hole in a tree": lambda raw: raw.replace(raw[raw.index(b"leaf_value=") :][:40], b"", 1),
    "other lengths": lambda raw: raw.replace(b"tree_sizes=", b"tree_sizes=1 "),
    "other feature names": lambda raw: raw.replace(b"film_year", b"film_jahr"),
    "a weight that is no number": lambda raw: raw.replace(b"order_weight=", b"order_weight=much"),
    "feature names in no encoding": lambda raw: raw.replace(b"film_year", b"\xff\xfe"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_file_that_cannot_be_trusted_is_refused(ranker: Ranker, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "ranker.txt"
    ranker.save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BundleCorrupt, match=r"ranker\.txt"):
        Ranker.load(path)


SOME = ("film_year", "cosine_liked", "retrieval_score")


def test_a_ranker_of_fewer_features_in_another_order_still_reads_its_own(tmp_path: Path) -> None:
    """What older code trained: the code that loads it computes more features than it knows."""
    features, relevant, groups = planted_rule(400)
    mine = features[:, [CANDIDATE_FEATURES.index(name) for name in SOME]]
    trained = train_ranker(RankingRows.alike(SOME, mine, relevant, groups), SMALL, seed=0)
    trained.save(tmp_path / "ranker.txt")
    loaded = Ranker.load(tmp_path / "ranker.txt")
    assert loaded.names == trained.names == SOME
    assert max(loaded.importance().items(), key=lambda entry: entry[1])[0] == "cosine_liked"
    read = Features(CANDIDATE_FEATURES, features).matrix(loaded.names)
    np.testing.assert_array_equal(read, mine)
    np.testing.assert_array_equal(loaded.score(read), trained.score(mine))


def test_a_ranker_of_a_feature_that_is_not_computed_is_refused_by_its_name(ranker: Ranker, tmp_path: Path) -> None:
    path = tmp_path / "ranker.txt"
    ranker.save(path)
    path.write_bytes(path.read_bytes().replace(b"film_year", b"film_mood"))
    with pytest.raises(BundleCorrupt, match=r"ranker\.txt: it was trained on film_mood, which this code does not compute"):
        Ranker.load(path)


def test_a_cut_file_does_not_take_the_process_down(ranker: Ranker, tmp_path: Path) -> None:
    """LightGBM itself ends the process on a cut tree, which no `except` can catch: it must never get to see one."""
    path = tmp_path / "ranker.txt"
    ranker.save(path)
    raw = path.read_bytes()
    path.write_bytes(raw[: raw.index(b"leaf_value=") + 15])
    code = "import sys; from pathlib import Path; from ranking.ranker import Ranker; Ranker.load(Path(sys.argv[1]))"
    child = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, timeout=60, check=False)
    assert child.returncode == 1, child.stderr
    assert b"BundleCorrupt" in child.stderr


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleCorrupt):
        Ranker.load(tmp_path / "nothing.txt")
