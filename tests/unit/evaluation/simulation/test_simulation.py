"""What a visitor does with a list: takes a film of this world and rates it, or leaves."""

import numpy as np
import pytest

from core.events import Interaction
from evaluation.simulation.arrivals import Arrivals
from evaluation.simulation.choice import ChoiceModel
from evaluation.simulation.simulation import Simulation
from evaluation.simulation.world import World, WorldConfig, made_up

NOW = 1_700_000_000.0


def test_rows_are_found_by_id_and_strangers_are_minus_one() -> None:
    ids = np.array([3, 8, 20], dtype=np.int64)
    simulation = Simulation(World(ids, np.ones((3, 1), np.float32), WorldConfig()), Arrivals(5))
    assert simulation.rows_of([20, 4, 3, 99, 1, 8]).tolist() == [2, -1, 0, -1, -1, 1]
    assert simulation.rows_of([]).tolist() == []


def test_an_event_keeps_the_contract_and_names_the_list() -> None:
    simulation = Simulation(made_up(50, WorldConfig()), Arrivals(100), ChoiceModel(nothing=-50.0))
    visit = simulation.arrivals.visit(3)
    event = simulation.event(visit, [4, -1, 7], "list-1", NOW)
    assert event is not None
    kept = Interaction.model_validate(event)
    assert (kept.user_id, kept.request_id, kept.ts) == (visit.user, "list-1", NOW)
    assert kept.item_id in (5, 8)
    assert "request_id" not in (simulation.browse(visit, NOW) or {})


@pytest.mark.parametrize("rows", [[], [-1, -1]])
def test_nothing_is_chosen_from_a_list_without_a_film_of_this_world(rows: list[int]) -> None:
    simulation = Simulation(made_up(50, WorldConfig()), Arrivals(100), ChoiceModel(nothing=-50.0))
    assert simulation.event(simulation.arrivals.visit(0), rows, None, NOW) is None
