"""The runner: what it does when parts are dead, slow or wrong, and what it promises about the list."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.errors import DependencyUnavailable
from core.pipeline import Candidates, Pipeline, Query, TimedSource, Trace, merge

PATIENT = 30.0  # seconds: longer than any test runs


@dataclass
class Fixed:
    """A source that always finds the same rows, scored by their position."""

    name: str
    rows: Sequence[int]

    def fetch(self, query: Query) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        return np.array(self.rows, dtype=np.intp), np.arange(len(self.rows), 0, -1, dtype=np.float32)


@dataclass
class Failing:
    """A source that raises."""

    name: str
    error: Exception

    def fetch(self, query: Query) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        raise self.error


@dataclass
class Hanging:
    """A source that does not answer until it is released."""

    name: str = "hanging"
    released: threading.Event = field(default_factory=threading.Event)

    def fetch(self, query: Query) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        assert self.released.wait(PATIENT)
        return np.array([99], dtype=np.intp), np.ones(1, dtype=np.float32)


@dataclass
class Odd:
    """Keeps even rows."""

    name: str = "drop-odd"

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return candidates.rows % 2 == 0


@dataclass
class ByRow:
    """Attaches the row as the only feature, scores by it, and remembers what it saw."""

    name: str = "by-row"
    hydrated: list[int] = field(default_factory=list)
    scored: list[int] = field(default_factory=list)

    def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        self.hydrated = candidates.rows.tolist()
        return replace(candidates, features=candidates.rows[:, None].astype(np.float32))

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]:
        assert candidates.features is not None
        self.scored = candidates.rows.tolist()
        return candidates.features[:, 0]


@dataclass
class Best:
    """The k best by score, chosen with certainty."""

    name: str = "best"

    def select(self, query: Query, candidates: Candidates) -> Candidates:
        chosen = candidates.take(np.argsort(-candidates.scores, kind="stable")[: query.k])
        return replace(chosen, propensities=np.ones(len(chosen), dtype=np.float32))


@dataclass
class Log:
    """A side effect that remembers, or raises."""

    name: str = "log"
    error: Exception | None = None
    logged: list[list[int]] = field(default_factory=list)

    def run(self, query: Query, chosen: Candidates) -> None:
        if self.error:
            raise self.error
        self.logged.append(chosen.rows.tolist())


def pipeline(*sources: Fixed | Failing | Hanging, effects: Sequence[Log] = (), by_row: ByRow | None = None) -> Pipeline:
    part = by_row or ByRow()
    return Pipeline("test", [TimedSource(source, PATIENT) for source in sources], [part], [Odd()], [part], Best(), effects)


def run(pipe: Pipeline, k: int = 3) -> tuple[list[int], Trace]:
    chosen, trace = asyncio.run(pipe.run(Query("r", 1, k, now=0.0, seed=0)))
    return chosen.rows.tolist(), trace


GONE = DependencyUnavailable("milvus", "connection refused")


def test_the_stages_run_in_order_and_the_trace_counts_them() -> None:
    rows, trace = run(pipeline(Fixed("first", [1, 2, 3, 4]), Fixed("second", [4, 6, 8]), effects=[Log()]))
    assert rows == [8, 6, 4]
    assert [(s.stage, s.part, s.returned, s.dropped) for s in trace.stages if s.stage != "source"] == [
        ("filter", "drop-odd", 4, 2),
        ("hydrator", "by-row", 4, 0),
        ("scorer", "by-row", 4, 0),
        ("selector", "best", 3, 1),
        ("side_effect", "log", 3, 0),
    ]
    assert sorted((s.part, s.returned) for s in trace.stages if s.stage == "source") == [("first", 4), ("second", 3)]
    assert all(s.milliseconds >= 0 for s in trace.stages)
    assert trace.failed() == []


def test_only_what_passes_the_filter_is_hydrated_and_scored() -> None:
    part = ByRow()
    run(pipeline(Fixed("all", range(10)), by_row=part))
    assert part.hydrated == part.scored == [0, 2, 4, 6, 8]


def test_a_dead_source_contributes_nothing_and_the_trace_says_why() -> None:
    rows, trace = run(pipeline(Failing("milvus", GONE), Fixed("popular", [2, 4])))
    assert rows == [4, 2]
    assert [(s.part, s.returned, s.error) for s in trace.failed()] == [("milvus", 0, GONE.detail)]


def test_when_every_source_is_dead_the_list_is_empty() -> None:
    rows, trace = run(pipeline(Failing("a", GONE), Failing("b", GONE)))
    assert rows == []
    assert len(trace.failed()) == 2


def test_a_pipeline_without_sources_gives_an_empty_list() -> None:
    assert run(pipeline())[0] == []


def test_a_source_that_hangs_is_left_behind_at_its_timeout() -> None:
    hanging = Hanging()
    pipe = replace(pipeline(), sources=[TimedSource(hanging, 0.05), TimedSource(Fixed("popular", [2, 4]), PATIENT)])

    async def request() -> tuple[Candidates, Trace]:
        try:
            return await pipe.run(Query("r", 1, 3, now=0.0, seed=0))
        finally:
            hanging.released.set()  # only now may it answer: the list cannot have waited for it

    chosen, trace = asyncio.run(request())
    assert chosen.rows.tolist() == [4, 2]
    assert [(s.part, s.error) for s in trace.failed()] == [("hanging", "no answer within 50 ms")]


def test_sources_run_side_by_side() -> None:
    barrier = threading.Barrier(2, timeout=PATIENT)

    class Meeting(Fixed):
        def fetch(self, query: Query) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
            barrier.wait()  # passes only when both are in it
            return super().fetch(query)

    assert run(pipeline(Meeting("a", [2]), Meeting("b", [4])))[0] == [4, 2]


@pytest.mark.parametrize("bug", [ValueError("shapes differ"), KeyError("item"), ZeroDivisionError()], ids=repr)
def test_a_bug_in_a_source_stays_loud(bug: Exception) -> None:
    with pytest.raises(type(bug)):
        run(pipeline(Failing("buggy", bug), Fixed("popular", [2])))


def test_a_bug_in_a_side_effect_stays_loud() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        run(pipeline(Fixed("a", [2]), effects=[Log(error=ValueError("shapes differ"))]))


def test_a_dead_side_effect_does_not_cost_the_list_nor_the_next_effect() -> None:
    last = Log("last")
    rows, trace = run(pipeline(Fixed("a", [2, 4]), effects=[Log("dead", error=GONE), last]))
    assert rows == [4, 2]
    assert last.logged == [[4, 2]]
    assert [(s.stage, s.part) for s in trace.failed()] == [("side_effect", "dead")]


found = st.lists(st.lists(st.integers(0, 30), unique=True, max_size=20), max_size=4)


@given(found)
def test_merging_keeps_each_item_once_with_the_first_source_that_found_it(lists: list[list[int]]) -> None:
    columns = [(np.array(rows, dtype=np.intp), np.full(len(rows), s, dtype=np.float32)) for s, rows in enumerate(lists)]
    merged = merge(columns)
    expected: dict[int, int] = {}
    for source, rows in enumerate(lists):
        for row in rows:
            expected.setdefault(row, source)
    assert merged.rows.tolist() == list(expected)
    assert merged.origin.tolist() == list(expected.values())
    assert merged.scores.tolist() == list(expected.values())
    assert merged.scores.dtype == np.float32


@given(found, st.integers(1, 10))
def test_a_list_never_shows_an_item_twice_nor_more_than_k(lists: list[list[int]], k: int) -> None:
    rows, _ = run(pipeline(*(Fixed(str(n), rows) for n, rows in enumerate(lists))), k)
    distinct_even = {row for rows_ in lists for row in rows_ if row % 2 == 0}
    assert len(rows) == len(set(rows)) == min(k, len(distinct_even))


def test_taking_rows_takes_every_column() -> None:
    candidates = Candidates(
        rows=np.array([5, 6, 7]),
        scores=np.array([0.5, 0.6, 0.7], dtype=np.float32),
        origin=np.array([0, 1, 0], dtype=np.int8),
        features=np.arange(6, dtype=np.float32).reshape(3, 2),
        propensities=np.array([0.1, 0.2, 0.3], dtype=np.float32),
    )
    for index in (np.array([2, 0]), np.array([True, False, True])):
        taken = candidates.take(index)
        assert taken.features is not None
        assert taken.propensities is not None
        assert (taken.features[:, 0] / 2).tolist() == [r - 5 for r in taken.rows]
        np.testing.assert_allclose(taken.propensities, (taken.rows - 4) / 10)
        np.testing.assert_allclose(taken.scores, taken.rows / 10)
        assert len(taken) == len(taken.origin) == 2
