"""Latencies of a run: the latest ones only, and no percentile of nothing."""

import math

from evaluation.simulation.tally import Tally


def test_percentiles_are_of_the_requests_so_far() -> None:
    tally = Tally()
    assert math.isnan(tally.percentile(50))
    for seconds in range(1, 102):
        tally.took(float(seconds))
    assert (tally.percentile(50), tally.percentile(100)) == (51.0, 101.0)


def test_memory_is_bounded_and_old_latencies_make_room() -> None:
    tally = Tally()
    for tally.visits in range(25_000):
        tally.took(0.0 if tally.visits < 12_000 else 1.0)
    assert len(tally.latencies) == 10_000
    assert tally.percentile(0) == 1.0
