"""The baselines know what there is to know of a world with two tastes, and nothing of the future."""

import numpy as np
import polars as pl
import pytest

from core.catalogue import Catalogue
from core.features import UserFeatures
from evaluation.baselines.ease import Ease, EaseConfig
from evaluation.baselines.factors import Als, Bpr, FactorsConfig
from evaluation.baselines.item_knn import ItemKnn
from evaluation.baselines.markov import WindowedMarkov
from evaluation.baselines.popularity import Popularity, PopularityConfig
from evaluation.queries import LabelledQuery
from evaluation.ranking import Model
from retrieval.transitions import TransitionModelConfig

N = 20
DAY = 86_400.0
IDS = np.arange(1, N + 1)


def catalogue() -> Catalogue:
    return Catalogue(IDS, ("x",) * N, ("a",), np.ones((N, 1), np.float32), np.zeros(N, np.float32))


def frame(rows: list[tuple[int, int, float]]) -> pl.DataFrame:
    schema = {"user_id": pl.Int64, "item_id": pl.Int64, "ts": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(kind=pl.lit("rating"), value=pl.lit(4.0))


def two_tastes() -> pl.DataFrame:
    """Users of even id take up even rows, the others odd ones; each leaves some unseen."""
    rng = np.random.default_rng(0)
    return frame([(u, int(2 * k + u % 2) + 1, float(t)) for u in range(1, 61) for t, k in enumerate(rng.permutation(N // 2)[:7])])


def query(rows: list[int], user: int = 999) -> LabelledQuery:
    items = IDS[rows]
    n = len(rows)
    known = UserFeatures(user, items, np.full(n, 3), np.full(n, 4, np.float32), np.arange(n) * 1.0, consumed=np.sort(items))
    return LabelledQuery(user, known, 0, 0.0)


@pytest.mark.parametrize(
    "model",
    [
        Ease(EaseConfig(10)),
        ItemKnn(),
        Als(FactorsConfig(8)),
        Bpr(FactorsConfig(8, iterations=300, learning_rate=0.05)),
        WindowedMarkov(),
    ],
    ids=lambda model: model.name,
)
def test_a_model_prefers_items_like_those_in_the_history(model: Model) -> None:
    model.fit(two_tastes(), catalogue())
    for taste in (0, 1):
        (scores,) = model.scores([query([taste, taste + 2, taste + 6])])
        unseen = np.setdiff1d(np.arange(taste, N, 2), [taste, taste + 2, taste + 6])
        assert scores.shape == (N,)
        assert scores[unseen].mean() > scores[1 - taste :: 2].max()


@pytest.mark.parametrize(
    "model", [Ease(), ItemKnn(), Als(FactorsConfig(4)), Bpr(FactorsConfig(4, iterations=5)), WindowedMarkov()]
)
def test_a_stranger_gets_scores_that_are_numbers(model: Model) -> None:
    model.fit(two_tastes(), catalogue())
    stranger = LabelledQuery(1000, None, 0, 0.0)
    assert np.isfinite(model.scores([stranger, query([0])])).all()


def test_ease_has_the_closed_form() -> None:
    """Steck's solution, checked by its optimality: the gradient of the ridge is zero off the diagonal."""
    model = Ease(EaseConfig(5.0))
    model.fit(two_tastes(), catalogue())
    weights = model._weights.astype(np.float64)
    rated = np.zeros((60, N))
    for user, item in two_tastes().select("user_id", "item_id").iter_rows():
        rated[user - 1, item - 1] = 1
    gradient = rated.T @ (rated @ weights - rated) + 5.0 * weights
    np.fill_diagonal(gradient, 0)
    np.testing.assert_allclose(gradient, 0, atol=1e-3)
    assert (np.diag(weights) == 0).all()


def test_popularity_of_a_window_looks_at_the_end_of_training_only() -> None:
    rows = [(u, 1, 0.0) for u in range(5)] + [(u, 2, 100 * DAY) for u in range(3)]
    everything, lately = Popularity(), Popularity(PopularityConfig(window=30))
    for model in (everything, lately):
        model.fit(frame(rows), catalogue())
    stranger = LabelledQuery(1, None, 0, 0.0)
    assert everything.scores([stranger])[0].argmax() == 0
    assert lately.scores([stranger])[0].argmax() == 1


def test_markov_by_hand() -> None:
    """1 -> 2 -> 3: two follows one at distance 1, three at distance 2 for half; the latest item votes most."""
    model = WindowedMarkov(TransitionModelConfig(window=2, recent=2, decay=0.5, normalise=0.0))
    model.fit(frame([(1, 1, 1), (1, 2, 2), (1, 3, 3), (2, 2, 1), (2, 4, 2)]), catalogue())
    (scores,) = model.scores([query([0, 1])])  # saw item 1, then item 2
    np.testing.assert_allclose(scores[:4], [0, 0.5 * 1, 1 + 0.5 * 0.5, 1])


def test_skips_and_searches_teach_nothing() -> None:
    skipped = frame([(u, 9, 1.0) for u in range(50)]).with_columns(kind=pl.lit("skip"))
    models = ItemKnn(), ItemKnn()
    models[0].fit(two_tastes(), catalogue())
    models[1].fit(pl.concat([two_tastes(), skipped]), catalogue())
    np.testing.assert_array_equal(*(model.scores([query([0, 2])]) for model in models))
