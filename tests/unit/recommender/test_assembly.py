"""A policy becomes a pipeline: time-outs and threads come from it, and threads outlive a release."""

from __future__ import annotations

from dataclasses import replace

from pydantic import HttpUrl
from synthetic import POPULAR, TWO_TOWER, make_policy, make_snapshot

from recommender.assembly import SourceThreads, assemble
from recommender.live import Snapshot
from recommender.parts.external import ExternalConfig
from recommender.parts.selectors import EpsilonSelector, GreedySelector
from retrieval.adapters.mirror import MirrorIndex


class Elsewhere(MirrorIndex):
    """An index that may wait for a service."""

    in_process = False


def searched_elsewhere(name: str = "r1") -> Snapshot:
    return replace(make_snapshot(name), index=Elsewhere())


POLICY = make_policy(source=[TWO_TOWER | {"timeout_ms": 70}, POPULAR])


def test_time_outs_come_from_the_file_and_only_sources_that_may_block_have_threads() -> None:
    towers, popular = assemble(POLICY, searched_elsewhere(), SourceThreads()).sources
    assert (towers.timeout, towers.fills) == (0.07, False)
    assert popular.fills
    assert towers.waits is not None
    assert popular.waits is None


def test_a_search_inside_the_process_needs_no_thread() -> None:
    towers, _ = assemble(POLICY, make_snapshot(), SourceThreads()).sources
    assert towers.waits is None


def test_offline_no_source_has_threads_nor_so_a_time_out() -> None:
    assert [timed.waits for timed in assemble(POLICY, searched_elsewhere(), SourceThreads(), bounded=False).sources] == [
        None,
        None,
    ]


def test_the_next_release_shares_the_threads() -> None:
    threads = SourceThreads()
    first, second = (assemble(POLICY, searched_elsewhere(name), threads) for name in ("r1", "r2"))
    assert first.sources[0].waits is second.sources[0].waits is threads.of(POLICY.sources[0])


def test_external_services_at_two_addresses_share_nothing() -> None:
    threads = SourceThreads()
    here, there = (ExternalConfig(url=HttpUrl(f"http://{host}/items")) for host in ("here", "there"))
    assert threads.of(here) is threads.of(here.model_copy())
    assert threads.of(here) is not threads.of(there)


def test_the_selector_is_that_of_the_file() -> None:
    assert isinstance(assemble(POLICY, make_snapshot(), SourceThreads()).selector, EpsilonSelector)
    assert isinstance(assemble(POLICY.greedy(), make_snapshot(), SourceThreads()).selector, GreedySelector)
