"""What an event counts: by its kind, and for what a list showed by how unlikely that was."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from core import columns as c
from core.catalogue import Catalogue
from evaluation.event_weights import MAX_INVERSE, weighted
from evaluation.queries import labelled_queries
from feature_repo.signals import SignalWeights
from ranking.ranker_training import RankerConfig, train_ranker
from ranking.ranking_rows import RankingRows

WEIGHTS = SignalWeights({"rating": 1.0, "watch": 0.5, "skip": 0.0})
NOTHING = pl.DataFrame()


def events(*rows: tuple[str, str | None, int]) -> pl.DataFrame:
    """Kind, request and item."""
    return pl.DataFrame(rows, schema={c.KIND: pl.String, c.REQUEST_ID: pl.String, c.ITEM: pl.Int64}, orient="row")


def shown(*rows: tuple[str, int, float]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={c.REQUEST_ID: pl.String, c.ITEM: pl.Int64, c.PROPENSITY: pl.Float64}, orient="row")


def test_without_lists_the_kind_decides() -> None:
    some = events(("rating", None, 1), ("watch", None, 1), ("skip", None, 2))
    for impressions in (NOTHING, shown()):
        assert weighted(some, WEIGHTS, impressions)[c.WEIGHT].to_list() == [1.0, 0.5, 0.0]
    assert weighted(some.drop(c.REQUEST_ID), WEIGHTS, shown(("a", 1, 0.5)))[c.WEIGHT].to_list() == [1.0, 0.5, 0.0]


def test_answers_count_by_how_unlikely_they_were_to_be_shown() -> None:
    some = events(("rating", "a", 1), ("rating", "b", 2), ("rating", None, 2), ("rating", "c", 3), ("watch", "b", 9))
    found = weighted(some, WEIGHTS, shown(("a", 1, 0.5), ("b", 2, 0.25), ("b", 9, 0.5), ("a", 2, 0.01), ("d", 3, 0.1)))
    mean = (2 + 4 + 2) / 3
    np.testing.assert_allclose(found[c.WEIGHT].to_list(), [2 / mean, 4 / mean, 1.0, 1.0, 0.5 * 2 / mean])
    assert found.drop(c.WEIGHT).equals(some)


@pytest.mark.parametrize("propensity", [1e-9, 1 / MAX_INVERSE])
def test_no_single_answer_decides(propensity: float) -> None:
    found = weighted(events(("rating", "a", 1), ("rating", "b", 2)), WEIGHTS, shown(("a", 1, propensity), ("b", 2, 1.0)))
    assert found[c.WEIGHT][0] / found[c.WEIGHT][1] == pytest.approx(MAX_INVERSE)


def test_an_impression_that_was_delivered_twice_counts_once() -> None:
    some = events(("rating", "a", 1), ("rating", "b", 2))
    assert len(weighted(some, WEIGHTS, shown(("a", 1, 0.5), ("a", 1, 0.5), ("b", 2, 1.0)))) == 2


def test_queries_have_the_weights_of_their_events() -> None:
    catalogue = Catalogue.from_frame(
        pl.DataFrame({"item_id": [1, 2, 3], "title": list("abc"), "genres": [[], [], []], "year": [0, 0, 0]})
    )
    rows = [(1, 1, "rating", 5.0, 1.0, 0.3), (1, 2, "watch", 9.0, 2.0, 0.7), (2, 3, "rating", 4.0, 3.0, 2.0)]
    schema = {c.USER: pl.Int64, c.ITEM: pl.Int64, c.KIND: pl.String, c.VALUE: pl.Float64, c.TS: pl.Float64, c.WEIGHT: pl.Float64}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    assert [one.weight for one in labelled_queries(frame, catalogue, 0.0, 9.0)] == [0.3, 0.7, 2.0]
    assert [one.weight for one in labelled_queries(frame.drop(c.WEIGHT), catalogue, 0.0, 9.0)] == [1.0] * 3


def test_a_ranker_does_not_learn_what_the_policy_showed_most() -> None:
    """Two kinds of item that people take up alike when they see them, one of which was shown nine times as often."""
    rng = np.random.default_rng(0)
    often = rng.random(4000) < 0.9
    kinds = np.tile([1.0, 0.0], 4000).astype(np.float32)  # of the two candidates of each query
    features = np.stack([kinds, rng.normal(size=8000).astype(np.float32)], axis=1)
    relevant = np.stack([often, ~often], axis=1).astype(np.int8).ravel()
    answers = events(*[("rating", f"r{at}", 1 if one else 2) for at, one in enumerate(often.tolist())])
    impressions = shown(*[(f"r{at}", 1 if one else 2, 0.9 if one else 0.1) for at, one in enumerate(often.tolist())])
    names, config = ("cost", "runtime"), RankerConfig(trees=20, leaves=4, min_rows_per_leaf=50, threads=1)
    naive = RankingRows.alike(names, features, relevant, [2] * 4000)
    counted = weighted(answers, WEIGHTS, impressions)[c.WEIGHT].to_numpy().astype(np.float32)
    fair = RankingRows(naive.names, features, relevant, naive.groups, counted)
    probe = np.array([[1.0, 0.0], [0.0, 0.0]], dtype=np.float32)
    gaps = [float(np.diff(train_ranker(rows, config, seed=0).score(probe)[::-1])[0]) for rows in (naive, fair)]
    assert gaps[0] > 0.1
    assert abs(gaps[1]) < 0.15 * gaps[0], gaps
