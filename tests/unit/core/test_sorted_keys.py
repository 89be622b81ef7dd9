"""A key is found in a table and by search alike, and one that is not there by neither."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.ids import FIRST_ITEM_KEY
from core.sorted_keys import MAX_PLACES, KeyRows, rows_of

KEYS = st.integers(1, 2**63 - 1)
ANY = st.integers(-(2**63), 2**63 - 1)
NEAR = st.integers(1, 300)


@given(keys=st.sets(KEYS) | st.sets(NEAR) | st.sets(NEAR.map(lambda key: key + FIRST_ITEM_KEY)), others=st.lists(ANY | NEAR))
def test_as_a_dictionary_would_find_them(keys: set[int], others: list[int]) -> None:
    known = np.array(sorted(keys), dtype=np.int64)
    asked = [*others, *sorted(keys)[::-1]]
    expected = [{key: row for row, key in enumerate(sorted(keys))}.get(one, -1) for one in asked]
    assert KeyRows(known).of(asked).tolist() == expected
    assert rows_of(known, asked).tolist() == expected


def test_far_apart_keys_cost_no_table() -> None:
    near, far = KeyRows(np.arange(5, 5 + 100)), KeyRows(np.array([1, 2 * MAX_PLACES + 1]))
    assert near._table is not None
    assert far._table is None
    assert far.of([1, 2, 2 * MAX_PLACES + 1]).tolist() == [0, -1, 1]


def test_no_keys_and_nothing_asked() -> None:
    nothing = KeyRows(np.empty(0, dtype=np.int64))
    assert nothing.of([0, 7]).tolist() == [-1, -1]
    assert KeyRows(np.array([3])).of([]).shape == (0,)
