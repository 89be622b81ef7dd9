"""EASE takes the memory that it says, refuses what does not fit, and the others are compared without it."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from app.usecases.evaluating import Comparison, evaluate
from core.catalogue import Catalogue
from datasets.dataset import Dataset, validate
from evaluation.baselines import ease
from evaluation.baselines.ease import Ease, EaseConfig
from evaluation.does_not_fit import DoesNotFit
from retrieval import ease as ease_table
from retrieval.config import TrainConfig
from retrieval.ease import memory_of
from retrieval.item_to_item import consumed_rows, user_items
from retrieval.preset import Preset


def catalogue(n: int) -> Catalogue:
    return Catalogue(np.arange(1, n + 1), ("",) * n, ("a",), np.ones((n, 1), np.float32), np.zeros(n, np.float32))


def events(n_items: int, users: int, each: int, kind: str = "purchase") -> pl.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        (u, int(i), 1e9 + u + 50 * t) for u in range(1, users + 1) for t, i in enumerate(rng.choice(n_items, each, False) + 1)
    ]
    frame = pl.DataFrame(rows, schema={"user_id": pl.Int64, "item_id": pl.Int64, "ts": pl.Float64}, orient="row")
    return frame.with_columns(kind=pl.lit(kind), value=pl.lit(4.0 if kind == "rating" else None, pl.Float64))


def data(kind: str) -> Dataset:
    films = pl.DataFrame({"item_id": range(1, 31), "title": ["x"] * 30, "genres": [["a"]] * 30, "year": [2000] * 30})
    return validate("small", events(30, 40, 5, kind), films.with_columns(pl.col("year").cast(pl.Int32)))


@pytest.mark.parametrize("n", [700, 1100], ids=["one block and a part", "two blocks and a part"])
def test_the_inverse_in_its_own_memory_is_the_inverse(n: int) -> None:
    model, train = Ease(EaseConfig(20.0)), events(n, 300, 20)
    model.fit(train, catalogue(n))
    matrix, _ = user_items(consumed_rows(train, catalogue(n)), n)
    inverse = np.linalg.inv((matrix.T @ matrix).toarray().astype(np.float64) + 20 * np.eye(n))
    wanted = inverse / -np.diag(inverse)
    np.fill_diagonal(wanted, 0)
    np.testing.assert_allclose(model._weights, wanted, atol=1e-6)


@pytest.mark.parametrize("n", [1500, 3000])
def test_it_takes_the_memory_that_it_says(n: int) -> None:
    train, films, model = events(n, 400, 30), catalogue(n), Ease()
    tracemalloc.start()
    model.fit(train, films)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    said = memory_of(n) - ease_table._FIXED
    assert 0.5 * said < peak < said, "one matrix more or less would show"


def test_what_does_not_fit_is_refused_with_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ease, "available_memory", lambda: memory_of(20))
    Ease().fit(events(20, 40, 5), catalogue(20))
    with pytest.raises(
        DoesNotFit, match=r"items is 21; allowed: at most 20 .*: 21 items need 0.1 GiB, and 0.1 GiB are available"
    ):
        Ease().fit(events(20, 40, 5), catalogue(21))
    monkeypatch.setattr(ease, "available_memory", lambda: 0)
    with pytest.raises(DoesNotFit, match="at most 0 in the memory"):
        Ease().fit(events(20, 40, 5), catalogue(20))


@pytest.mark.parametrize("kind", ["rating", "purchase"])
def test_the_others_are_compared_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(ease, "available_memory", lambda: 1 << 20)
    said: list[str] = []

    def compared(*models: str) -> list[str]:
        wanted = Comparison("loo", models, 1, (1,), TrainConfig(), Preset.of(TrainConfig()))
        found = evaluate(data(kind), wanted, tmp_path, progress=False, echo=said.append)
        assert found.left_out == {"ease": "30 items need 0.1 GiB, and 0.0 GiB are available"}
        return [one.name for one in found.outcomes]

    assert compared("popularity", "ease", "markov") == ["popularity", "markov"]
    assert compared("ease", "markov") == ["markov"]
    assert "left out: ease: 30 items need 0.1 GiB, and 0.0 GiB are available" in said
    with pytest.raises(DoesNotFit):
        compared("ease")
