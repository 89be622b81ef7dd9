"""A policy becomes a pipeline: time-outs and threads come from it, and threads outlive a release."""

from __future__ import annotations

from synthetic import POPULAR, TWO_TOWER, make_policy, make_snapshot

from recommender.assembly import SourceThreads, assemble
from recommender.parts.selectors import EpsilonSelector, GreedySelector

POLICY = make_policy(source=[TWO_TOWER | {"timeout_ms": 70}, POPULAR])


def test_time_outs_come_from_the_file_and_only_sources_that_may_block_have_threads() -> None:
    towers, popular = assemble(POLICY, make_snapshot(), SourceThreads()).sources
    assert (towers.timeout, towers.fills) == (0.07, False)
    assert popular.fills
    assert towers.threads is not None
    assert popular.threads is None


def test_offline_no_source_has_threads_nor_so_a_time_out() -> None:
    assert [timed.threads for timed in assemble(POLICY, make_snapshot(), SourceThreads(), bounded=False).sources] == [None, None]


def test_the_next_release_shares_the_threads() -> None:
    threads = SourceThreads()
    first, second = (assemble(POLICY, make_snapshot(name), threads) for name in ("r1", "r2"))
    assert first.sources[0].threads is second.sources[0].threads is threads.of("two_tower")
    assert threads.of("two_tower") is not threads.of("another")


def test_the_selector_is_that_of_the_file() -> None:
    assert isinstance(assemble(POLICY, make_snapshot(), SourceThreads()).selector, EpsilonSelector)
    assert isinstance(assemble(POLICY.greedy(), make_snapshot(), SourceThreads()).selector, GreedySelector)
