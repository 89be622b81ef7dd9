"""Latencies of a run: the latest ones only, and no percentile of nothing."""

import math

from evaluation.simulation.run_statistics import RunStatistics


def test_percentiles_are_of_the_requests_so_far() -> None:
    statistics = RunStatistics()
    assert math.isnan(statistics.percentile(50))
    for seconds in range(1, 102):
        statistics.took(float(seconds))
    assert (statistics.percentile(50), statistics.percentile(100)) == (51.0, 101.0)


def test_memory_is_bounded_and_old_latencies_make_room() -> None:
    statistics = RunStatistics()
    for statistics.visits in range(25_000):
        statistics.took(0.0 if statistics.visits < 12_000 else 1.0)
    assert len(statistics.latencies) == 10_000
    assert statistics.percentile(0) == 1.0
