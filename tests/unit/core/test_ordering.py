"""Order by time, ties by a fixed hash: not by file order, item id or user id."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ordering import chronological, tie_hash

GOLDEN = [15979313559291895140, 8853410974868434435, 3385023308830181501]  # of (1, 1), (1, 2) and (2, 1)


def hashes(users: list[int], items: list[int]) -> list[int]:
    return [int(value) for value in tie_hash(np.array(users, dtype=np.int64), np.array(items, dtype=np.int64))]


def test_golden_hashes_do_not_change_between_versions() -> None:
    assert hashes([1, 1, 2], [1, 2, 1]) == GOLDEN


def test_time_comes_first() -> None:
    ts = np.array([3.0, 1.0, 2.0])
    same = np.array([7, 7, 7])
    assert chronological(ts, same, np.array([1, 2, 3])).tolist() == [1, 2, 0]


@given(st.permutations(range(12)))
def test_the_order_does_not_depend_on_the_order_of_rows(permutation: list[int]) -> None:
    users, items = np.repeat([1, 2, 3], 4), np.tile([10, 20, 30, 40], 3)
    ts = np.repeat([5.0, 6.0], 6)
    expected = chronological(ts, users, items)
    shuffled = np.array(permutation)
    again = shuffled[chronological(ts[shuffled], users[shuffled], items[shuffled])]
    assert again.tolist() == expected.tolist()


def test_ties_follow_neither_item_id_nor_user_id() -> None:
    n = 4000
    rng = np.random.default_rng(0)
    for fixed in ("users", "items"):
        varying = rng.permutation(n).astype(np.int64)
        constant = np.full(n, 5, dtype=np.int64)
        users, items = (constant, varying) if fixed == "users" else (varying, constant)
        placed = varying[chronological(np.zeros(n), users, items)]
        correlation = np.corrcoef(placed, np.arange(n))[0, 1]
        assert abs(correlation) < 4 / np.sqrt(n)


def test_each_user_breaks_ties_in_another_way() -> None:
    items = np.arange(50, dtype=np.int64)
    orders = {tuple(np.argsort(tie_hash(np.int64(user), items)).tolist()) for user in range(20)}
    assert len(orders) == 20


@pytest.mark.filterwarnings("error")
def test_the_hash_has_no_collisions_on_a_grid_and_takes_large_ids_without_a_warning() -> None:
    users = np.arange(1, 301, dtype=np.int64)[:, None]
    items = np.concatenate((np.arange(1, 300), [2**53 - 1, 2**63 - 1])).astype(np.int64)[None, :]
    values = tie_hash(users, items)
    assert values.shape == (300, 301)
    assert values.dtype == np.uint64
    assert len(np.unique(values)) == values.size


def test_nothing_has_an_order_of_nothing() -> None:
    none = np.empty(0, dtype=np.int64)
    assert chronological(np.empty(0), none, none).tolist() == []
