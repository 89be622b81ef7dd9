"""Processes that serve leave the other cores to others: linear algebra computes in the thread that calls it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from app.usecases import run
from core.settings import Settings


@pytest.fixture
def many_threads() -> Iterator[None]:
    """As it is without us on a machine of several cores, and again when the test is over."""
    with threadpool_limits(2, user_api="blas"):
        assert blas_threads() == {2}
        yield


def blas_threads() -> set[int]:
    np.zeros((1, 1)) @ np.zeros((1, 1))
    return {int(library["num_threads"]) for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.mark.usefixtures("many_threads")
@pytest.mark.parametrize(("process", "made"), [(run.served_api, "api"), (run.consume, "_consume")])
def test_serving_and_consuming_compute_in_one_thread(
    process: Callable[[Settings], object], made: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[int]] = []
    monkeypatch.setattr(run, made, lambda _: seen.append(blas_threads()))
    monkeypatch.setattr(run, "freeze", lambda: None)  # not this process
    monkeypatch.setattr(run.wiring, "observed", lambda *_: None)
    process(Settings(home=tmp_path))
    assert seen == [{1}]
