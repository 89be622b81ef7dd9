"""EASE as a source's table: the exact weights where they are kept, everything consumed votes, and memory bounds the items."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.catalogue import Catalogue
from core.features import UserFeatures
from core.kinds import Kind
from evaluation.baselines.ease import Ease, EaseConfig
from evaluation.queries import LabelledQuery
from retrieval import ease
from retrieval.ease import EaseTable, EaseTableConfig, memory_of

N, USERS = 40, 90
IDS = 2**53 + np.arange(N)  # keys of string ids
CATALOGUE = Catalogue(IDS, ("",) * N, (), np.zeros((N, 0), np.float32), np.zeros(N, np.float32))


def events(seed: int = 0) -> pl.DataFrame:
    """Tastes of ten neighbouring items; item 0 has a single consumer."""
    dice = np.random.default_rng(seed)
    rows = [
        (user, int(IDS[10 * (user % 4) + item]), float(step))
        for user in range(USERS)
        for step, item in enumerate(dice.permutation(np.arange(1, 10))[:5])
    ]
    frame = pl.DataFrame(
        [*rows, (1, int(IDS[0]), 9.0)], schema={"user_id": pl.Int64, "item_id": pl.Int64, "ts": pl.Float64}, orient="row"
    )
    return frame.with_columns(kind=pl.lit("purchase"), value=pl.lit(None, dtype=pl.Float64))


def user(*rows: int, kind: Kind = Kind.PURCHASE, consumed: tuple[int, ...] = ()) -> UserFeatures:
    n = len(rows)
    kinds = np.full(n, kind.spec.code, dtype=np.int64)
    return UserFeatures(
        9, IDS[list(rows)], kinds, np.zeros(n, np.float32), np.arange(n) * 1.0, consumed=np.sort(IDS[list(consumed)])
    )


def test_it_scores_as_the_baseline_does() -> None:
    shared = events().head(-1)  # every item has two consumers
    table, exact = EaseTable.fit(shared, CATALOGUE, [20.0])[20.0], Ease(EaseConfig(20.0))
    exact.fit(shared, CATALOGUE)
    known = user(12, 13, consumed=(12, 13))
    (wanted,) = exact.scores([LabelledQuery(9, known, 0, 0.0)])
    np.testing.assert_allclose(table.scores(known, CATALOGUE)[1:], wanted[1:], atol=1e-6)
    assert table.scores(None, CATALOGUE).tolist() == [0.0] * N


@pytest.mark.parametrize("length", [0, 1, 10, 38])
def test_one_user_has_the_scores_that_many_have(length: int) -> None:
    table, known = EaseTable.fit(events(), CATALOGUE, [20.0])[20.0], user(*range(1, length + 1))
    np.testing.assert_allclose(table.scores(known, CATALOGUE), table.scores_of([None, known], CATALOGUE)[1], atol=1e-6)


def test_every_ridge_has_a_table_of_its_own() -> None:
    weak, strong = EaseTable.fit(events(), CATALOGUE, [5.0, 500.0]).values()
    assert abs(weak.weights).sum() > 2 * abs(strong.weights).sum()
    alone = EaseTable.fit(events(), CATALOGUE, [500.0])[500.0]
    np.testing.assert_array_equal(alone.weights.toarray(), strong.weights.toarray())


def test_old_events_vote_through_what_was_consumed_and_refused_ones_do_not() -> None:
    table = EaseTable.fit(events(), CATALOGUE, [20.0])[20.0]
    old = table.votes(user(12, consumed=(12, 31)), CATALOGUE)
    assert (old.rows.tolist(), old.weights.tolist()) == ([12, 31], [1.0, 1.0])
    assert table.votes(user(12, kind=Kind.VIEW), CATALOGUE).rows.tolist() == [12], "a view consumes nothing, and is a liking"
    assert not len(table.votes(user(12, kind=Kind.SKIP, consumed=(12,)), CATALOGUE).rows)


def test_only_the_strongest_neighbours_of_an_item_are_kept() -> None:
    table = EaseTable.fit(events(), CATALOGUE, [20.0], EaseTableConfig(max_neighbours=3))[20.0]
    whole = EaseTable.fit(events(), CATALOGUE, [20.0])[20.0].weights.toarray()
    for row in range(1, N):
        kept = np.flatnonzero(table.weights[row].toarray()[0])
        if abs(whole[row]).any():
            assert set(kept) == set(np.argsort(-abs(whole[row]))[:3])


@pytest.mark.parametrize("bound", ["items", "memory"])
def test_the_most_consumed_items_have_weights(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, bound: str
) -> None:
    monkeypatch.setattr(ease, "available_memory", lambda: 2 * memory_of(12) if bound == "memory" else 1 << 40)
    with caplog.at_level(logging.WARNING):
        table = EaseTable.fit(events(), CATALOGUE, [20.0], EaseTableConfig(max_items=12 if bound == "items" else 1000))[20.0]
    used = np.flatnonzero(abs(table.weights).sum(axis=1))
    consumers = np.bincount(CATALOGUE.rows(events()["item_id"].to_numpy()), minlength=N)
    assert 10 < len(used) <= 12, "one without a neighbour among the others has nothing to say"
    assert consumers[used].min() >= np.sort(consumers)[::-1][11]
    assert "EASE weighs the 12 most consumed items of 36" in caplog.text


def test_without_two_consumers_of_anything_there_are_no_weights(tmp_path: Path) -> None:
    table = EaseTable.fit(events().head(3), CATALOGUE, [20.0])[20.0]
    assert not table.scores(user(12), CATALOGUE).any()
    table.save(tmp_path / "ease.npz")
    assert len(EaseTable.load(tmp_path / "ease.npz")) == N
