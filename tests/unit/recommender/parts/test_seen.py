"""What a user consumed is not shown again."""

import numpy as np
import polars as pl
from synthetic import make_query

from core.catalogue import Catalogue
from core.features import UserFeatures
from recommender.parts.seen import SeenFilter

CATALOGUE = Catalogue.from_frame(
    pl.DataFrame({"item_id": [10, 20, 30, 40], "title": ["t"] * 4, "genres": [["x"]] * 4, "year": [2000] * 4})
)


def kept(user: UserFeatures | None, eligible: tuple[bool, ...] = (True,) * 4) -> list[bool]:
    mask = np.array(eligible)
    SeenFilter(CATALOGUE).narrow(make_query(user=user), mask)
    return mask.tolist()


def test_consumed_items_go() -> None:
    assert kept(UserFeatures(1, consumed=np.array([20, 40]))) == [True, False, True, False]


def test_what_another_filter_dropped_stays_dropped() -> None:
    assert kept(UserFeatures(1, consumed=np.array([20])), (False, True, True, False)) == [False, False, True, False]


def test_a_stranger_and_a_user_who_consumed_nothing_see_everything() -> None:
    assert kept(None) == kept(UserFeatures(1)) == [True] * 4


def test_what_was_only_looked_at_stays() -> None:
    assert kept(UserFeatures(1, item_ids=np.array([10, 20]), consumed=np.array([20]))) == [True, False, True, True]


def test_consumed_items_that_left_the_catalogue_do_no_harm() -> None:
    assert kept(UserFeatures(1, consumed=np.array([5, 20, 999]))) == [True, False, True, True]
