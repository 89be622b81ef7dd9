"""Models on folds: what is learned before each fold's queries, measured by name, in groups, and against each other."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from core.catalogue import Catalogue
from core.errors import InvalidInput
from core.features import UserFeatures
from evaluation.comparison import compare, lift
from evaluation.protocols import Fold
from evaluation.queries import LabelledQuery
from evaluation.ranking import NOT_FOUND
from evaluation.report import markdown, table

N = 30
CATALOGUE = Catalogue.from_frame(
    pl.DataFrame({"item_id": range(1, N + 1), "title": ["t"] * N, "genres": [["x"]] * N, "year": [2000] * N})
)


class Falling:
    """Ranks the rows in the order of the catalogue, or turned round."""

    def __init__(self, sign: int = 1) -> None:
        self.name = "falling" if sign > 0 else "rising"
        self.sign = sign

    def fit(self, train: pl.DataFrame, catalogue: Catalogue) -> None: ...

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        return np.tile(-self.sign * np.arange(N, dtype=np.float32), (len(queries), 1))


def query(user: int, target: int, known: bool = True) -> LabelledQuery:
    return LabelledQuery(user, UserFeatures(user, consumed=np.array([N])) if known else None, target, 0.0)


FOLDS = [
    Fold("1", pl.DataFrame({"item_id": [1, 1, 3]}), (query(1, 0), query(2, 2), query(3, 20, known=False))),
    Fold("2", pl.DataFrame({"item_id": [1]}), (query(4, 2),)),
]


def test_the_queries_of_all_folds_are_pooled_with_what_their_own_training_knew() -> None:
    pooled, (falling,) = compare({"falling": Falling}, FOLDS, CATALOGUE)
    assert pooled.users.tolist() == [1, 2, 3, 4]
    assert pooled.target_counts.tolist() == [2, 1, 0, 0], "item 3 is warm in the first fold and cold in the second"
    assert falling.ranks.tolist() == [0, 2, 20, 2]
    assert falling.metrics["hr@10"] == 0.75
    assert falling.metrics["ndcg@10"] == falling.interval.mean == pytest.approx((1 + 0.5 + 0.5) / 4)
    groups = {name: value for name, value in falling.metrics.items() if name.startswith(("warm", "cold"))}
    shares = {"warm_item_share": 0.5, "cold_item_share": 0.5, "cold_user_share": 0.25}
    assert groups == pytest.approx(shares | {"warm_item_ndcg@10": 0.75, "cold_item_ndcg@10": 0.25, "cold_user_ndcg@10": 0.0})


def test_only_what_is_named_is_measured_and_lists_are_as_long_as_that_needs() -> None:
    names = ["mrr", "coverage@15"]
    _, (falling,) = compare({"falling": Falling}, FOLDS, CATALOGUE, names)
    assert list(falling.metrics)[:2] == names
    assert "hr@10" not in falling.metrics
    assert falling.metrics["coverage@15"] == 0.5
    with pytest.raises(InvalidInput, match=r"metric is 'luck@10'; allowed: hr@k, .*miscalibration@k"):
        compare({"falling": Falling}, FOLDS, CATALOGUE, ["luck@10"])


def test_the_lift_is_paired_over_the_same_queries() -> None:
    users = np.arange(40)
    always, never = np.zeros(40, dtype=np.int64), np.full(40, NOT_FOUND)
    half = np.where(users % 2, NOT_FOUND, 0)
    assert (lift(always, never, users).low, lift(never, always, users).high) == (1.0, -1.0)
    assert (lift(half, half, users).low, lift(half, half, users).high) == (0.0, 0.0)
    gain = lift(half, never, users)
    assert 0 < gain.low < gain.mean == 0.5 < gain.high < 1


def test_the_table_has_the_best_model_first() -> None:
    pooled, outcomes = compare({"rising": lambda: Falling(-1), "falling": Falling}, FOLDS, CATALOGUE)
    lines = table(outcomes, pooled).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["falling", "rising"]
    assert lines[0].startswith("| model | hr@10 | ndcg@10 | hr@100 |")


def test_a_table_shows_figures_with_four_digits() -> None:
    lines = markdown({"towers": {"hr@10": 0.5, "gap": ""}, "popular": {"hr@10": 0.12345, "gap": "0 to 1"}}).splitlines()
    assert lines == ["| model | hr@10 | gap |", "|---|---|---|", "| towers | 0.5000 |  |", "| popular | 0.1235 | 0 to 1 |"]
