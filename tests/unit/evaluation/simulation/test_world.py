"""A world is a function of its seed, tastes drift, positions matter, and users cost nothing until they act."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from core.errors import InvalidInput
from evaluation.simulation.arrivals import Arrivals
from evaluation.simulation.choice import ChoiceModel, browsed
from evaluation.simulation.world import World, WorldConfig, made_up

MANY = 1_000_000


def world(seed: int = 1) -> World:
    return made_up(200, WorldConfig(seed=seed))


def played(seed: int, visits: int = 200) -> list[tuple[int, int | None]]:
    films, arrivals, choices = world(seed), Arrivals(1000, seed), ChoiceModel()
    happened = [arrivals.visit(number) for number in range(visits)]
    return [(visit.user, choices.choose(films, visit, browsed(films, visit))) for visit in happened]


def test_the_same_seed_is_the_same_world_and_another_one_is_not() -> None:
    assert played(3) == played(3)
    assert played(3) != played(4)


def test_tastes_drift_slowly_and_to_somewhere_else() -> None:
    films = world()
    users = np.arange(1, 100)
    now, soon, later = (films.tastes(users, day) for day in (0.0, 1.0, films.config.drift_days))
    assert np.sum(now * soon, axis=1).min() > 0.99
    assert np.abs(np.sum(now * later, axis=1)).max() < 1e-5
    assert np.abs(films.preference(7, 0.0) - films.preference(7, films.config.drift_days)).sum() > 0.1


def test_the_same_films_are_chosen_more_often_at_the_top() -> None:
    films, rows = world(), np.full(5, 17)
    probabilities = ChoiceModel().probabilities(films, 5, 40.0, rows)
    assert probabilities.sum() == pytest.approx(1)
    assert np.allclose(probabilities[:5] / probabilities[0], 1 / np.arange(1, 6))
    assert np.ptp(ChoiceModel(position=0).probabilities(films, 5, 40.0, rows)[:5]) == 0


def test_choices_follow_the_stated_probabilities() -> None:
    films, arrivals, rows = world(), Arrivals(1), np.arange(4)
    taken = [ChoiceModel().choose(films, arrivals.visit(number), rows) for number in range(4000)]
    counted = np.bincount([4 if at is None else at for at in taken], minlength=5) / len(taken)
    assert np.abs(counted - ChoiceModel().probabilities(films, 1, 0.0, rows)).max() < 0.04


def test_nobody_chooses_an_unreleased_film_or_one_of_another_world() -> None:
    films = world()
    late = int(films.released.argmax())
    assert films.released[late] > 0
    assert films.preference(1, 0.0)[late] == 0
    assert films.preference(1, films.released[late])[late] > 0
    assert ChoiceModel().probabilities(films, 1, 0.0, np.array([-1, 3]))[0] == 0


def test_new_users_come_at_the_stated_share_and_once() -> None:
    visits = [Arrivals(MANY, cold=0.1).visit(number) for number in range(5000)]
    cold = [visit.user for visit in visits if visit.cold]
    assert len(cold) == 500
    assert len(set(cold)) == 500
    assert min(cold) > MANY // 2


def test_a_million_users_take_no_memory() -> None:
    tracemalloc.start()
    try:
        films, arrivals = made_up(200, WorldConfig()), Arrivals(MANY)
        for number in range(500):
            films.preference(arrivals.visit(number * 97).user, 1.0)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000  # bytes; two for each user
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("bad", [{"dims": 1}, {"cold_items": 1.0}, {"drift_days": 0.0}])
def test_a_world_that_cannot_be_names_the_field(bad: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(bad))):
        WorldConfig(**bad)  # type: ignore[arg-type]
