"""Training takes the threads that it is told, or those that are free, and gives them back."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import torch

from retrieval import threads
from retrieval.threads import training_threads


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("free", "used"), [(1, 1), (2, 2), (64, 2)])
def test_by_default_the_free_cores_and_never_more_than_torch_would_take(
    monkeypatch: pytest.MonkeyPatch, free: int, used: int
) -> None:
    monkeypatch.setattr(threads, "free_cores", lambda: free)
    with training_threads(0) as told:
        assert torch.get_num_threads() == told == used
    assert torch.get_num_threads() == 2


def test_what_is_said_holds_and_too_much_is_warned_of(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(threads, "available_cores", lambda: 3)
    with training_threads(3):
        assert torch.get_num_threads() == 3
    assert not caplog.text
    with caplog.at_level(logging.WARNING), training_threads(4):
        assert torch.get_num_threads() == 4
    assert "MARQUEE_TRAIN_THREADS is 4, and this process may use 3 core(s)" in caplog.text


def test_an_error_gives_the_threads_back() -> None:
    with pytest.raises(KeyError), training_threads(1):
        raise KeyError
    assert torch.get_num_threads() == 2
