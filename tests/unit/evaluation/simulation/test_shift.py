"""What is in fashion changes on one day, for everybody, and nothing else does."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import InvalidInput
from evaluation.simulation.shift import ShiftingWorld
from evaluation.simulation.world import WorldConfig, made_up

DAY, GAP = 8.0, 1.5
USUAL = made_up(400, WorldConfig(cold_items=0.0))
SHIFTING = ShiftingWorld(USUAL, DAY, GAP, share=0.3)


def extra(day: float) -> np.ndarray:
    """What the shift adds to each film's utility for a user."""
    return SHIFTING.utility(7, day) - USUAL.utility(7, day)


def test_films_in_fashion_are_wanted_more_and_those_out_of_fashion_less() -> None:
    before, after = extra(DAY - 0.1), extra(DAY)
    assert before[SHIFTING.earlier] == pytest.approx(GAP, abs=1e-4)
    assert before[SHIFTING.later] == pytest.approx(-GAP, abs=1e-4)
    assert after == pytest.approx(-before, abs=1e-4)


def test_about_the_share_of_the_films_is_in_fashion_and_the_rest_never_cares() -> None:
    assert not (SHIFTING.earlier & SHIFTING.later).any()
    assert 0.2 < SHIFTING.earlier.mean() < 0.4
    assert 0.2 < SHIFTING.later.mean() < 0.4
    rest = ~(SHIFTING.earlier | SHIFTING.later)
    assert extra(DAY)[rest] == pytest.approx(0.0, abs=1e-4)


def test_some_films_have_what_they_have_among_all() -> None:
    rows = np.array([5, 250, 17], dtype=np.intp)
    assert SHIFTING.appeal(DAY, rows) == pytest.approx(SHIFTING.appeal(DAY)[rows])


def test_personal_tastes_stay() -> None:
    assert (SHIFTING.tastes(range(1, 20), DAY + 1) == USUAL.tastes(range(1, 20), DAY + 1)).all()


@pytest.mark.parametrize("share", [0.0, 0.6, -1.0])
def test_a_share_that_cannot_be_is_refused(share: float) -> None:
    with pytest.raises(InvalidInput, match="share"):
        ShiftingWorld(USUAL, DAY, GAP, share)
