"""Transitions: what follows what, counted; on integer and on string ids alike, because only rows matter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from core.catalogue import Catalogue
from core.errors import BundleCorrupt
from core.features import UserFeatures
from core.kinds import Kind
from retrieval.transitions import GrownTransitions, TransitionModelConfig, Transitions

IDS = np.array([3, 7, 2**53, 2**53 + 1, 2**53 + 2], dtype=np.int64)  # the last three are keys of string ids


def catalogue(ids: np.ndarray) -> Catalogue:
    n = len(ids)
    return Catalogue(ids, ("x",) * n, ("a",), np.ones((n, 1), np.float32), np.zeros(n, np.float32))


CATALOGUE = catalogue(IDS)
PLAIN = TransitionModelConfig(window=2, recent=2, decay=0.5, normalise=0.0)


def events(*rows: tuple[int, int, float], kind: str = "view") -> pl.DataFrame:
    """(user, row of the catalogue, time)"""
    columns = {"user_id": [u for u, _, _ in rows], "item_id": [int(IDS[r]) for _, r, _ in rows], "ts": [t for _, _, t in rows]}
    types = {"user_id": pl.Int64, "item_id": pl.Int64, "ts": pl.Float64}
    return pl.DataFrame(columns, schema=types).with_columns(kind=pl.lit(kind), value=pl.lit(None, dtype=pl.Float64))


def user(*rows: int, kind: Kind = Kind.VIEW) -> UserFeatures:
    n = len(rows)
    kinds = np.full(n, kind.spec.code, dtype=np.int64)
    return UserFeatures(9, IDS[list(rows)], kinds, np.zeros(n, np.float32), np.arange(n, dtype=np.float64))


def test_the_votes_of_the_latest_items_for_what_followed_them() -> None:
    found = Transitions.fit(events((1, 0, 1.0), (1, 1, 2.0), (1, 2, 3.0), (2, 1, 1.0), (2, 3, 2.0)), CATALOGUE, PLAIN)
    assert found.scores(user(0), CATALOGUE).tolist() == [0, 1, 0.5, 0, 0]  # 1 / distance
    assert found.scores(user(0, 1), CATALOGUE).tolist() == [0, 0.5, 1.25, 1, 0]  # the latest in full, the one before by a half
    assert found.scores(user(4, 0, 1), CATALOGUE).tolist() == found.scores(user(0, 1), CATALOGUE).tolist(), "two items vote"


def test_time_decides_what_follows_and_not_the_order_of_the_file() -> None:
    rows = [(1, 0, 1.0), (1, 1, 2.0), (2, 2, 5.0)]
    whole, turned = (Transitions.fit(events(*some), CATALOGUE, PLAIN) for some in (rows, rows[::-1]))
    assert whole.scores(user(0), CATALOGUE).tolist() == turned.scores(user(0), CATALOGUE).tolist() == [0, 1, 0, 0, 0]
    assert not whole.scores(user(1), CATALOGUE).any(), "another user's event follows nothing"


def test_what_was_skipped_neither_follows_nor_votes() -> None:
    data = pl.concat([events((1, 0, 1.0), (1, 2, 3.0)), events((1, 1, 2.0), kind="skip")])
    found = Transitions.fit(data, CATALOGUE, PLAIN)
    assert found.scores(user(0), CATALOGUE).tolist() == [0, 0, 1, 0, 0]
    assert not found.scores(user(0, kind=Kind.SKIP), CATALOGUE).any()


@pytest.mark.parametrize("rows", [[], [(1, 0, 1.0)]])
def test_too_little_to_count(rows: list[tuple[int, int, float]]) -> None:
    found = Transitions.fit(events(*rows), CATALOGUE)
    assert not found.scores(user(0), CATALOGUE).any()
    assert not found.scores(None, CATALOGUE).any()
    assert found.scores_of([], CATALOGUE).shape == (0, 5)


def test_items_that_the_catalogue_does_not_have_are_nobodys_neighbour() -> None:
    known = catalogue(IDS[[0, 2]])
    found = Transitions.fit(events((1, 0, 1.0), (1, 1, 2.0), (1, 2, 3.0)), known, PLAIN)
    assert found.scores(user(0, 1), known).tolist() == [0, 1]


def test_only_the_strongest_successors_are_kept() -> None:
    rows = [(u, 0, 1.0) for u in range(6)] + [(u, 1 + u % 3 if u < 3 else 1, 2.0) for u in range(6)]
    found = Transitions.fit(events(*rows), CATALOGUE, TransitionModelConfig(window=1, normalise=0.0, max_successors=1))
    assert found.scores(user(0), CATALOGUE).tolist() == [0, 4, 0, 0, 0]


def test_a_longer_catalogue_keeps_every_count(tmp_path: Path) -> None:
    found = Transitions.fit(events((1, 0, 1.0), (1, 1, 2.0), (1, 2, 3.0)), CATALOGUE, PLAIN)
    longer = catalogue(np.sort(np.append(IDS, [1, 5])))
    moved = found.moved(longer.rows(IDS), len(longer))
    assert moved.scores(user(0), longer)[longer.rows(IDS)].tolist() == found.scores(user(0), CATALOGUE).tolist()
    found.save(tmp_path / "transitions.npz")
    assert Transitions.load(tmp_path / "transitions.npz").scores(user(0), CATALOGUE).any()


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 broken"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "transitions.npz").write_bytes(content)
    with pytest.raises(BundleCorrupt, match=r"transitions\.npz"):
        Transitions.load(tmp_path / "transitions.npz")


@pytest.mark.parametrize("normalise", [0.0, 0.5])
def test_transitions_that_follow_a_release_score_as_if_they_had_been_counted_with_it(normalise: float) -> None:
    """What a consumer counts on top is what `fit` counts, up to rounding; the built table stays as it is."""
    config = TransitionModelConfig(window=2, recent=2, decay=0.5, normalise=normalise)
    early = events((1, 0, 1.0), (1, 1, 2.0), (2, 1, 1.0), (2, 3, 2.0))
    late = events((3, 0, 1.0), (3, 4, 2.0), (4, 4, 1.0), (4, 0, 2.0))
    built, whole = Transitions.fit(early, CATALOGUE, config), Transitions.fit(pl.concat([early, late]), CATALOGUE, config)
    before = built.weights.copy()
    counts = Transitions.fit(late, CATALOGUE, TransitionModelConfig(window=2, normalise=0.0)).weights
    grown = GrownTransitions(built, counts)
    asked = [user(0), user(4), user(1, 0), user(2), None]
    for one in asked:
        np.testing.assert_allclose(grown.scores(one, CATALOGUE), whole.scores(one, CATALOGUE), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(grown.scores_of(asked, CATALOGUE), whole.scores_of(asked, CATALOGUE), rtol=1e-5, atol=1e-7)
    assert (built.weights != before).nnz == 0
    assert built.scores(user(0), CATALOGUE)[4] == 0 < grown.scores(user(0), CATALOGUE)[4]


@pytest.mark.parametrize("grown", [False, True])
def test_the_votes_of_each_item_sum_to_the_score(grown: bool) -> None:
    rows = (1, 0, 1.0), (1, 1, 2.0), (1, 2, 3.0), (2, 1, 1.0), (2, 3, 2.0)
    found: Transitions = Transitions.fit(events(*rows), CATALOGUE, TransitionModelConfig(window=2, recent=2, decay=0.5))
    if grown:
        found = GrownTransitions(found, csr_matrix(([2.0, 1.0], ([1, 0], [4, 2])), shape=(5, 5)))
    wanted = np.array([2, 3, 4])
    voters, weights = found.votes_by_item(user(0, 1), CATALOGUE, wanted)
    assert sorted(voters.tolist()) == [0, 1]
    np.testing.assert_allclose(weights.sum(axis=0), found.scores(user(0, 1), CATALOGUE)[wanted], rtol=1e-6)
    assert weights.any(axis=1).all()
