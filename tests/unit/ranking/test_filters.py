"""What a user consumed is not shown again."""

import numpy as np
import polars as pl

from core.catalogue import Catalogue
from core.features import UserFeatures
from core.pipeline import Candidates, Query
from ranking.filters import SeenFilter

CATALOGUE = Catalogue.from_frame(
    pl.DataFrame({"item_id": [10, 20, 30, 40], "title": ["t"] * 4, "genres": [["x"]] * 4, "year": [2000] * 4})
)


def kept(user: UserFeatures | None, rows: list[int]) -> list[bool]:
    candidates = Candidates.of(np.array(rows, dtype=np.intp), np.zeros(len(rows), dtype=np.float32))
    mask = SeenFilter(CATALOGUE).keep(Query("r", 1, 3, now=0.0, seed=0, user=user), candidates)
    assert mask.dtype == np.bool_
    return mask.tolist()


def test_consumed_items_go_whatever_found_them() -> None:
    assert kept(UserFeatures(1, consumed=np.array([20, 40])), [3, 0, 1, 2]) == [False, True, False, True]


def test_a_stranger_and_a_user_who_consumed_nothing_see_everything() -> None:
    assert kept(None, [0, 1]) == [True, True]
    assert kept(UserFeatures(1), [0, 1]) == [True, True]


def test_what_was_only_looked_at_stays() -> None:
    assert kept(UserFeatures(1, item_ids=np.array([10, 20]), consumed=np.array([20])), [0, 1]) == [True, False]


def test_consumed_items_that_left_the_catalogue_do_no_harm() -> None:
    assert kept(UserFeatures(1, consumed=np.array([5, 20, 999])), [0, 1, 2]) == [True, False, True]


def test_nothing_to_filter() -> None:
    assert kept(UserFeatures(1, consumed=np.array([20])), []) == []
