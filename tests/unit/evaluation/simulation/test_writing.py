"""A world as files that `marquee data import` reads."""

from pathlib import Path

from datasets.tables import read_tables
from evaluation.simulation.arrivals import Arrivals
from evaluation.simulation.simulation import Simulation
from evaluation.simulation.world import WorldConfig, made_up
from evaluation.simulation.writing import write_world


def test_a_written_world_can_be_imported(tmp_path: Path) -> None:
    progress: list[int] = []
    simulation = Simulation(made_up(50, WorldConfig()), Arrivals(100))
    interactions, items = write_world(simulation, tmp_path / "new", 80, progress.append)
    dataset = read_tables(interactions, items, {}, 0.0)
    assert (len(dataset.interactions), len(dataset.items)) == (80, 50)
    assert progress == list(range(1, 81))
