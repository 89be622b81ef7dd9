"""The runner: what it does when parts are dead, slow or wrong, and what it promises about the list."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from synthetic import make_catalogue, make_query, make_snapshot

from core.breaker import Breaker
from core.errors import DependencyUnavailable
from core.item_facts import ItemFacts
from recommender.candidates import Candidates
from recommender.completion import Completion
from recommender.eligibility import Eligibility
from recommender.parts.caps import CapConfig
from recommender.parts.selectors import GreedyConfig
from recommender.roles import Constraints, Eligible, Fetched, Query, Selection
from recommender.runner import Pipeline, TimedSource, Waits
from recommender.slots import Slots
from recommender.trace import Trace

PATIENT = 30.0  # seconds: longer than any test runs
NOW = make_snapshot(catalogue=make_catalogue(40))
EVEN = ItemFacts(NOW.catalogue.to_frame().gather_every(2))  # what the lake knows of: rows 0, 2, 4, ...


@dataclass
class Fixed:
    """A source that always finds the same rows where they are eligible, scored by their position."""

    name: str
    rows: Sequence[int]

    def fetch(self, query: Query, eligible: Eligible) -> Fetched:
        rows = np.array([row for row in self.rows if eligible[row]], dtype=np.intp)
        return Fetched(rows, np.arange(len(rows), 0, -1, dtype=np.float32))


@dataclass
class Failing:
    """A source that raises."""

    name: str
    error: Exception

    def fetch(self, query: Query, eligible: Eligible) -> Fetched:
        raise self.error


@dataclass
class Hanging:
    """A source that does not answer until it is released."""

    name: str = "hanging"
    released: threading.Event = field(default_factory=threading.Event)

    def fetch(self, query: Query, eligible: Eligible) -> Fetched:
        assert self.released.wait(PATIENT)
        return Fetched(np.array([38]), np.ones(1, dtype=np.float32))


@dataclass
class ByRow:
    """Attaches the row as a feature, scores by it, and remembers what it saw."""

    name: str = "by-row"
    hydrated: list[int] = field(default_factory=list)
    scored: list[int] = field(default_factory=list)

    def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        self.hydrated = candidates.rows.tolist()
        return candidates.with_features(("row",), candidates.rows[:, None].astype(np.float32))

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]:
        self.scored = candidates.rows.tolist()
        return candidates.features.matrix(["row"])[:, 0]


@dataclass
class Drops:
    """A filter that drops these rows."""

    rows: Sequence[int]
    name: str = "drops"

    def narrow(self, query: Query, eligible: Eligible) -> None:
        eligible[list(self.rows)] = False


@pytest.fixture
def waits() -> Iterator[Waits]:
    with ThreadPoolExecutor(8) as pool:
        yield Waits(pool, Breaker("a source", retry_after=0.0, failures=2))


def pipeline(
    *sources: Fixed | Failing | Hanging, by_row: ByRow | None = None, drops: Sequence[int] = (), facts: ItemFacts = EVEN
) -> Pipeline:
    part = by_row or ByRow()
    return Pipeline(
        name="test",
        policy_id="p1",
        eligibility=Eligibility(NOW.catalogue, facts),
        filters=[Drops(drops)],
        sources=[TimedSource(source, PATIENT) for source in sources],
        hydrators=[part],
        scorers=[part],
        selector=GreedyConfig().build(NOW),
        completion=Completion(NOW.popularity),
        slots=Slots((), NOW),
    )


def run(pipe: Pipeline, k: int = 3, query: Query | None = None) -> tuple[list[int], Trace]:
    chosen, trace = asyncio.run(pipe.run(query or make_query(k)))
    return chosen.rows.tolist(), trace


def popular(*taken: int, facts: ItemFacts = EVEN) -> list[int]:
    """What completion adds, in order, to a list that has these rows."""
    known = facts.rows(NOW.catalogue.ids) >= 0
    return [row for row in NOW.stats.popular_rows(40).tolist() if known[row] and row not in taken]


GONE = DependencyUnavailable("milvus", "connection refused")


def test_the_stages_run_in_order_and_the_trace_counts_them() -> None:
    rows, trace = run(pipeline(Fixed("first", [1, 2, 3, 4]), Fixed("second", [4, 6, 8, 10]), drops=[10, 1]))
    assert rows == [8, 6, 4]
    assert [(s.stage, s.part, s.returned, s.dropped) for s in trace.stages if s.stage != "source"] == [
        ("filter", "eligible", 20, 20),
        ("filter", "drops", 19, 1),
        ("hydrator", "by-row", 4, 0),
        ("scorer", "by-row", 4, 0),
        ("selector", "greedy", 3, 1),
    ]
    assert sorted((s.part, s.returned) for s in trace.stages if s.stage == "source") == [("first", 2), ("second", 3)]
    assert all(s.milliseconds >= 0 for s in trace.stages)
    assert trace.failed() == []
    assert set(trace.stages[0].as_json()) == {"stage", "part", "returned", "dropped", "milliseconds", "error", "note"}


def test_only_what_is_eligible_is_hydrated_and_scored() -> None:
    part = ByRow()
    run(pipeline(Fixed("all", range(10)), by_row=part))
    assert part.hydrated == part.scored == [0, 2, 4, 6, 8]


def test_a_dead_source_contributes_nothing_and_the_trace_says_why() -> None:
    rows, trace = run(pipeline(Failing("milvus", GONE), Fixed("popular", [2, 4])), k=2)
    assert rows == [4, 2]
    assert [(s.part, s.returned, s.error) for s in trace.failed()] == [("milvus", 0, GONE.detail)]


def test_a_list_that_is_short_is_filled_up_and_the_trace_says_so() -> None:
    rows, trace = run(pipeline(Fixed("a", [2, 4])), k=5)
    assert rows == [4, 2, *popular(2, 4)[:3]]
    assert (trace.stages[-1].stage, trace.stages[-1].part, trace.stages[-1].returned) == ("completion", "popular", 3)


def test_when_every_source_is_dead_the_list_is_popular() -> None:
    rows, trace = run(pipeline(Failing("a", GONE), Failing("b", GONE)))
    assert rows == popular()[:3]
    assert len(trace.failed()) == 2


def test_a_pipeline_without_sources_gives_what_is_popular() -> None:
    assert run(pipeline())[0] == popular()[:3]


def test_when_nothing_is_eligible_the_list_is_empty() -> None:
    assert run(pipeline(Fixed("a", range(10)), drops=range(40)))[0] == []


def test_the_policy_stands_on_the_list() -> None:
    chosen, _ = asyncio.run(pipeline(Fixed("a", [2])).run(make_query()))
    assert chosen.policy_id == "p1"


def test_a_source_that_hangs_is_left_behind_at_its_timeout(waits: Waits) -> None:
    hanging = Hanging()
    timed = [TimedSource(hanging, 0.05, waits), TimedSource(Fixed("popular", [2, 4]), PATIENT, waits)]
    pipe = replace(pipeline(), sources=timed)

    async def request() -> tuple[Selection, Trace]:
        try:
            return await pipe.run(make_query(2))
        finally:
            hanging.released.set()  # only now may it answer: the list cannot have waited for it

    chosen, trace = asyncio.run(request())
    assert chosen.rows.tolist() == [4, 2]
    assert [(s.part, s.error) for s in trace.failed()] == [("hanging", "no answer within 50 ms")]


def test_a_source_that_failed_twice_is_asked_behind_the_lists_until_it_answers() -> None:
    away = True

    class Coming(Fixed):
        def fetch(self, query: Query, eligible: Eligible) -> Fetched:
            if away:
                raise DependencyUnavailable("elsewhere", "connection refused")
            return super().fetch(query, eligible)

    with ThreadPoolExecutor(1) as thread:
        coming = TimedSource(Coming("coming", [6]), PATIENT, Waits(thread, Breaker("coming", retry_after=0.0, failures=2)))
        pipe = replace(pipeline(), sources=[coming, TimedSource(Fixed("popular", [4]), PATIENT)])

        def request() -> tuple[list[int], list[str | None]]:
            chosen, trace = asyncio.run(pipe.run(make_query(1)))
            thread.submit(lambda: None).result(PATIENT)  # what was asked behind the list is over
            return chosen.rows.tolist(), [stage.error for stage in trace.failed()]

        for _ in range(2):
            assert "connection refused" in str(request())
        not_waited_for = ([4], ["it did not answer a moment ago"])
        assert request() == not_waited_for
        away = False
        assert request() == not_waited_for
        assert request() == ([6], [])


def test_sources_with_threads_run_side_by_side(waits: Waits) -> None:
    barrier = threading.Barrier(2, timeout=PATIENT)

    class Meeting(Fixed):
        def fetch(self, query: Query, eligible: Eligible) -> Fetched:
            barrier.wait()  # passes only when both are in it
            return super().fetch(query, eligible)

    timed = [TimedSource(Meeting(name, [row]), PATIENT, waits) for name, row in (("a", 2), ("b", 4))]
    assert run(replace(pipeline(), sources=timed), k=2)[0] == [4, 2]


def test_a_source_without_threads_runs_in_the_requests_own() -> None:
    seen: list[threading.Thread] = []

    class Looking(Fixed):
        def fetch(self, query: Query, eligible: Eligible) -> Fetched:
            seen.append(threading.current_thread())
            return super().fetch(query, eligible)

    run(pipeline(Looking("a", [2])))
    assert seen == [threading.current_thread()]


@pytest.mark.parametrize("bug", [ValueError("shapes differ"), KeyError("item"), ZeroDivisionError()], ids=repr)
@pytest.mark.parametrize("own_threads", [True, False])
def test_a_bug_in_a_source_stays_loud(waits: Waits, bug: Exception, own_threads: bool) -> None:
    buggy = TimedSource(Failing("buggy", bug), PATIENT, waits if own_threads else None)
    pipe = pipeline(Fixed("popular", [2]))
    with pytest.raises(type(bug)):
        run(replace(pipe, sources=[buggy, *pipe.sources]))


def test_a_bug_in_a_filter_stays_loud() -> None:
    with pytest.raises(IndexError):
        run(pipeline(Fixed("a", [2]), drops=[1000]))


def test_candidates_are_what_the_scorers_see() -> None:
    part = ByRow()
    pipe = pipeline(Fixed("first", [2, 4]), Fixed("second", [4, 6]), by_row=part)
    candidates, _ = asyncio.run(pipe.candidates(make_query()))
    assert part.scored == []
    run(pipe)
    assert part.scored == candidates.rows.tolist() == [2, 4, 6]
    assert candidates.features.matrix(["row"])[:, 0].tolist() == [2, 4, 6]


def test_a_feature_that_a_source_names_reaches_the_scorer() -> None:
    @dataclass
    class Ageing(Fixed):
        def fetch(self, query: Query, eligible: Eligible) -> Fetched:
            found = super().fetch(query, eligible)
            return replace(found, features={"age": -found.rows.astype(np.float32)})

    @dataclass
    class Youngest(ByRow):
        def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]:
            return candidates.features.matrix(["age"])[:, 0]

    assert run(pipeline(Ageing("a", [8, 2, 6]), by_row=Youngest()))[0] == [2, 6, 8]


found = st.lists(st.lists(st.integers(0, 39), unique=True, max_size=20), max_size=4)


@given(found, st.integers(1, 30), st.lists(st.integers(0, 39), unique=True))
def test_a_list_never_shows_an_item_twice_and_is_short_only_when_no_more_are_eligible(
    lists: list[list[int]], k: int, drops: list[int]
) -> None:
    rows, _ = run(pipeline(*(Fixed(str(n), rows) for n, rows in enumerate(lists)), drops=drops), k)
    eligible = {row for row in range(0, 40, 2) if row not in drops}
    assert len(rows) == len(set(rows)) == min(k, len(eligible))
    assert set(rows) <= eligible


def test_constraints_reach_every_part() -> None:
    part = ByRow()
    excluded = frozenset(NOW.catalogue.ids[[4, 8]].tolist())
    query = make_query(40, constraints=Constraints(exclude=excluded))
    rows, _ = run(pipeline(Fixed("all", range(10)), by_row=part), query=query)
    assert part.scored == [0, 2, 6]
    assert sorted(rows) == [row for row in range(0, 40, 2) if row not in (4, 8)]


def test_caps_that_give_way_are_said_in_the_trace() -> None:
    """Every item has one of the genres, and each may come once."""
    greedy = GreedyConfig(caps=(CapConfig(by="genre", most=1),)).build(NOW)
    _, trace = run(replace(pipeline(Fixed("a", range(30))), selector=greedy), 20)
    noted = [stage.note for stage in trace.stages if stage.stage == "selector"]
    assert noted[0] is not None
    assert "over a cap" in noted[0]
    assert not trace.failed()
