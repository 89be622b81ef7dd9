"""Holm's correction, against the one of statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from evaluation.multiple import holm


@pytest.mark.parametrize("n", [1, 2, 7])
def test_it_is_that_of_statsmodels(n: int) -> None:
    p = np.random.default_rng(n).random(n) ** 3
    p[-1] = p[0]
    np.testing.assert_allclose(holm(p.tolist()), multipletests(p, method="holm")[1])


def test_nothing_is_corrected_to_nothing() -> None:
    assert holm([]) == []
