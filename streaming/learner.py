"""Online learning: item vectors that go on learning from the stream between two releases.

A delta [n, d] is added to the release's item vectors. It starts at zero, so version 0 is the release itself and rolling back
is setting it to zero. The user tower stays as it is: it reads the moved vectors, so users follow, and no vector of a user can
meet items of another version of the tower. Only items that somebody just liked move (their row is what a step touches), each
at most `radius` away from where the release put it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import InvalidInput
from evaluation.metrics import ndcg
from retrieval.history import History
from retrieval.losses import full_softmax
from streaming.prequential import Guard, GuardConfig

_CUTOFF = 10

# Histories, and where the items are [n, d] -> user vectors [len(histories), d]
Encode = Callable[[Sequence[History], NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class LearnerConfig:
    """How boldly the stream is learned from."""

    learning_rate: float = 0.05
    batch: int = 64  # new examples of a step
    replayed: int = 192  # earlier examples mixed into a step, so that what is loud today does not drown what is true
    buffer: int = 20_000  # examples that the replay draws from
    radius: float = 0.5  # furthest that a vector may move, in multiples of the median length of the release's vectors

    def __post_init__(self) -> None:
        if self.batch < 1 or self.buffer < 1 or self.replayed < 0:
            raise InvalidInput("batch, replayed, buffer", (self.batch, self.replayed, self.buffer), "at least 1, 0 and 1")
        if not (0 < self.learning_rate <= 10 and 0 < self.radius <= 10):
            raise InvalidInput("learning_rate, radius", (self.learning_rate, self.radius), "above 0, at most 10")


@dataclass(frozen=True, eq=False)
class Example:
    """A film that a user took up, and what the user tower may know of the user just before."""

    history: History
    target: int  # catalogue row
    seen: NDArray[np.intp]  # catalogue rows that could not have been recommended


@dataclass(frozen=True, eq=False)
class Delta:
    """Item vectors [m, d] of catalogue rows [m] that replace those of a release or of its earlier deltas."""

    version: int
    rows: NDArray[np.intp]
    vectors: NDArray[np.float32]


class OnlineLearner:
    """Learns item vectors from examples, judges itself before it learns (prequentially), and takes back what does harm.

    Not thread-safe. Deterministic by seed and order of the examples.
    """

    def __init__(
        self,
        encode: Encode,
        vectors: NDArray[np.float32],
        config: LearnerConfig | None = None,
        guard: GuardConfig | None = None,
        seed: int = 0,
    ) -> None:
        """`encode` is the release's user tower; `vectors` [n, d] its item embeddings, row-aligned with its catalogue."""
        self.config = config or LearnerConfig()
        self.guard = Guard(guard or GuardConfig())
        self.version = 0
        self._encode = encode
        self._base = vectors.astype(np.float32)
        self._delta = np.zeros_like(self._base)
        self._squares = np.zeros(len(vectors), dtype=np.float64)  # Adagrad, one rate per item
        self._radius = self.config.radius * float(np.median(np.linalg.norm(self._base, axis=1)))
        self._buffer: list[Example] = []
        self._at = 0
        self._rng = np.random.default_rng(seed)

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The item vectors of this version [n, d]."""
        return self._base + self._delta

    def learn(self, examples: Sequence[Example]) -> Delta | None:
        """Judge the release and this version on the examples, then learn from them.

        Returns what to publish: the rows that moved, or after a rollback all rows that had moved; None when nothing did.
        """
        if not examples:
            return None
        if self.guard.observe(self._gains(examples, self._base), self._gains(examples, self.vectors)):
            return self._rolled_back()
        moved = [self._step(examples[start : start + self.config.batch]) for start in range(0, len(examples), self.config.batch)]
        return self._published(np.unique(np.concatenate(moved)))

    def _gains(self, examples: Sequence[Example], vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """NDCG@10 of each example by full ranking without what the user had seen."""
        scores = self._encode([one.history for one in examples], vectors) @ vectors.T
        targets = np.array([one.target for one in examples])
        own = scores[np.arange(len(examples)), targets]
        for row, one in enumerate(examples):
            scores[row, one.seen] = -np.inf
        ahead = (scores >= own[:, None]).sum(axis=1) - np.isfinite(scores[np.arange(len(examples)), targets])
        return ndcg(ahead.astype(np.int64), _CUTOFF)

    def _step(self, fresh: Sequence[Example]) -> NDArray[np.intp]:
        """One bounded step on new examples and replayed ones; returns the rows that moved."""
        batch = [*fresh, *self._replay()]
        self._remember(fresh)
        vectors = self.vectors
        users = torch.from_numpy(self._encode([one.history for one in batch], vectors))
        targets = np.array([one.target for one in batch])
        items = torch.from_numpy(vectors).requires_grad_()
        full_softmax(users, items, torch.from_numpy(targets)).backward()  # type: ignore[no-untyped-call]
        assert items.grad is not None  # noqa: S101 - the loss reaches every item
        rows = np.unique(targets)
        self._move(rows, len(batch) * items.grad.numpy()[rows])
        return rows

    def _move(self, rows: NDArray[np.intp], gradient: NDArray[np.float32]) -> None:
        """Adagrad (Duchi et al., 2011), then back into the ball around the release's vector."""
        self._squares[rows] += (gradient**2).mean(axis=1)
        rate = self.config.learning_rate / np.sqrt(self._squares[rows] + 1e-8)
        moved = self._delta[rows] - (rate[:, None] * gradient).astype(np.float32)
        length = np.linalg.norm(moved, axis=1, keepdims=True)
        self._delta[rows] = moved * np.minimum(1.0, self._radius / np.maximum(length, 1e-12))

    def _replay(self) -> list[Example]:
        if not self._buffer or not self.config.replayed:
            return []
        return [self._buffer[k] for k in self._rng.integers(len(self._buffer), size=self.config.replayed)]

    def _remember(self, examples: Sequence[Example]) -> None:
        """A ring: the oldest examples go first."""
        for one in examples:
            if len(self._buffer) < self.config.buffer:
                self._buffer.append(one)
            else:
                self._buffer[self._at] = one
            self._at = (self._at + 1) % self.config.buffer

    def _rolled_back(self) -> Delta | None:
        rows = np.flatnonzero(self._delta.any(axis=1))
        self._delta[:] = 0
        self._squares[:] = 0
        return self._published(rows)

    def _published(self, rows: NDArray[np.intp]) -> Delta | None:
        if not len(rows):
            return None
        self.version += 1
        return Delta(self.version, rows, self.vectors[rows])
