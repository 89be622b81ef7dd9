"""What was learned travels whole, and only to the release that it belongs to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.catalogue import Catalogue
from core.errors import DependencyUnavailable
from lake.learned_vectors import LearnedVectors, PublishedVectors, publish

CATALOGUE = Catalogue.from_frame(
    pl.DataFrame({"item_id": [10, 20, 30], "title": ["a", "b", "c"], "genres": [["x"]] * 3, "year": [2000] * 3})
)
BASE = np.zeros((3, 2), dtype=np.float32)


def learned(version: int, row: int) -> LearnedVectors:
    return LearnedVectors(version, np.array([row]), np.array([[1.5, -2.0]], dtype=np.float32))


def test_a_version_arrives_once_and_stands_on_the_release(tmp_path: Path) -> None:
    path, ids = tmp_path / "learned.parquet", np.array([30])
    reader = PublishedVectors(path)
    assert reader.look("r1", CATALOGUE, 2) is None
    publish(path, "r1", ids, learned(4, 2))
    found = reader.look("r1", CATALOGUE, 2)
    assert found is not None
    assert found.version == 4
    assert found.over(BASE).tolist() == [[0, 0], [0, 0], [1.5, -2.0]]
    assert not BASE.any()
    assert reader.look("r1", CATALOGUE, 2) is None


@pytest.mark.parametrize(("release", "item", "dim"), [("r2", 30, 2), ("r1", 31, 2), ("r1", 30, 3)])
def test_vectors_of_another_release_are_ignored(tmp_path: Path, release: str, item: int, dim: int) -> None:
    path = tmp_path / "learned.parquet"
    publish(path, "r1", np.array([item]), learned(4, 2))
    assert PublishedVectors(path).look(release, CATALOGUE, dim) is None


def test_a_broken_file_is_reported_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "learned.parquet"
    path.write_bytes(b"no parquet")
    with pytest.raises(DependencyUnavailable, match=r"learned vectors .* the consumer will write them again"):
        PublishedVectors(path).look("r1", CATALOGUE, 2)
