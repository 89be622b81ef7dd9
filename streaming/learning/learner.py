"""Online learning: item vectors that keep learning from the stream between two releases.

A delta [n, d] is added to the release's item vectors. It starts at zero, so version 0 is the release itself and rolling back
is setting it to zero. The user tower stays as it is: it reads the moved vectors, so users follow, and no vector of a user can
meet items of another version of the tower. Only items with interactions since the release move.

Steps are Adagrad's (Duchi et al. 2011), as if it had seen every item's events of the training already: a film that the release
knows well hardly moves, one that it knows from its content alone learns from its first event on. Lengths are measured in
standard deviations of each coordinate over the catalogue, because the channels of a vector differ in scale a hundredfold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidInput
from evaluation.metrics import ndcg
from lake.learned_vectors import LearnedVectors
from retrieval.history import EncodedHistory
from streaming.learning.prequential import Guard, GuardConfig

_CUTOFF = 10
_TINY = 1e-12

# Histories, and where the items are [n, d] -> user vectors [len(histories), d]
Encode = Callable[[Sequence[EncodedHistory], NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class LearnerConfig:
    """How strongly item vectors follow the stream."""

    learning_rate: float = 0.1  # how far the first event moves a film without events in training
    inertia: float = 1.0  # number of gradients that an event of the training counts as
    batch: int = 64  # new examples of a step
    replay: float = 1.0  # earlier examples mixed in for each new one, so that today's popular items do not dominate
    buffer: int = 20_000  # examples that the replay draws from
    radius: float = 1.0  # maximum distance of a vector from the release's, root mean square over the coordinates

    def __post_init__(self) -> None:
        if self.batch < 1 or self.buffer < 1 or not self.replay >= 0:
            raise InvalidInput("batch, replay, buffer", (self.batch, self.replay, self.buffer), "at least 1, 0 and 1")
        if not (0 < self.learning_rate <= 10 and 0 < self.radius <= 10 and self.inertia >= 0):
            given = (self.learning_rate, self.radius, self.inertia)
            raise InvalidInput("learning_rate, radius, inertia", given, "above 0, at most 10; inertia 0 or more")


@dataclass(frozen=True, eq=False)
class Example:
    """A film that a user chose, and the history that the user tower may read: the one just before."""

    history: EncodedHistory
    target: int  # catalogue row
    seen: NDArray[np.intp]  # catalogue rows that could not have been recommended


class OnlineLearner:
    """Learns item vectors from examples, evaluates itself before it learns (prequentially), and rolls back what does harm.

    Not thread-safe. Deterministic by seed and order of the examples.
    """

    def __init__(
        self,
        encode: Encode,
        vectors: NDArray[np.float32],
        known: NDArray[np.float32],
        config: LearnerConfig | None = None,
        guard: GuardConfig | None = None,
        seed: int = 0,
    ) -> None:
        """`encode` is the release's user tower, `vectors` [n, d] its item embeddings, `known` [n] their events in training."""
        self.config = config or LearnerConfig()
        self.guard = Guard(guard or GuardConfig())
        self.version = 0
        self._encode = encode
        self._base = vectors.astype(np.float32)
        self._scale = self._base.std(axis=0) + _TINY
        self._unit = 0.0  # mean square of a user's coordinate, scaled; known from the first examples on
        self._known = 1.0 + self.config.inertia * known.astype(np.float64)
        self._seed = seed
        self._begin()

    def _begin(self) -> None:
        self._delta = np.zeros_like(self._base)
        self._squares = self._known.copy()  # Adagrad, one rate per item
        self._touched = np.zeros(len(self._base), dtype=np.bool_)  # rows with interactions
        self._buffer: list[Example] = []
        self._at = 0
        self._rng = np.random.default_rng(self._seed)

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The item vectors of this version [n, d]."""
        return self._base + self._delta

    def resume(self, learned: LearnedVectors) -> None:
        """Go on from what an earlier process published; its replay buffer and its learning rates are lost."""
        self.version = learned.version
        self._delta[learned.rows] = learned.vectors - self._base[learned.rows]
        self._touched[learned.rows] = True

    def learn(self, examples: Sequence[Example]) -> LearnedVectors | None:
        """Judge the release and this version on the examples, then learn from them.

        Returns what to publish: every row that ever moved, after a rollback where the release put it; None without examples.
        """
        if not examples:
            return None
        if self.guard.observe(self._gains(examples, self._base), self._gains(examples, self.vectors)):
            return self._rolled_back()
        for start in range(0, len(examples), self.config.batch):
            self._step(examples[start : start + self.config.batch])
        return self._published()

    def _gains(self, examples: Sequence[Example], vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """NDCG@10 of each example by full ranking without what the user had seen."""
        return ndcg(ranks(self._encode, examples, vectors), _CUTOFF)

    def _step(self, fresh: Sequence[Example]) -> None:
        """One bounded step on new examples and replayed ones, for every item with interactions since the release."""
        batch = [*fresh, *self._replayed(len(fresh))]
        self._remember(fresh)
        vectors = self.vectors
        users = self._encode([one.history for one in batch], vectors)
        targets = np.array([one.target for one in batch])
        self._touched[targets] = True
        rows = np.flatnonzero(self._touched)
        self._unit = self._unit or float(np.mean((users * self._scale) ** 2)) + _TINY
        self._move(rows, softmax_gradient(users, vectors, targets, rows) * (self._scale / np.sqrt(self._unit)))

    def _move(self, rows: NDArray[np.intp], gradient: NDArray[np.float32]) -> None:
        """Adagrad in units of the scale, then back into the ball around the release's vector."""
        self._squares[rows] += (gradient**2).mean(axis=1)
        rate = self.config.learning_rate / np.sqrt(self._squares[rows])
        moved = self._delta[rows] / self._scale - rate[:, None] * gradient
        length = np.sqrt((moved**2).mean(axis=1, keepdims=True))
        self._delta[rows] = self._scale * moved * np.minimum(1.0, self.config.radius / np.maximum(length, _TINY))

    def _replayed(self, fresh: int) -> list[Example]:
        """Drawn evenly from the buffer, as many as go with `fresh` new examples."""
        if not self._buffer:
            return []
        return [self._buffer[k] for k in self._rng.integers(len(self._buffer), size=round(self.config.replay * fresh))]

    def _remember(self, examples: Sequence[Example]) -> None:
        """A ring: the oldest examples go first."""
        for one in examples:
            if len(self._buffer) < self.config.buffer:
                self._buffer.append(one)
            else:
                self._buffer[self._at] = one
            self._at = (self._at + 1) % self.config.buffer

    def _rolled_back(self) -> LearnedVectors:
        """Back to the release's vectors, with an empty replay buffer."""
        touched = self._touched
        self._begin()
        self._touched |= touched
        return self._published()

    def _published(self) -> LearnedVectors:
        self.version += 1
        rows = np.flatnonzero(self._touched)
        return LearnedVectors(self.version, rows, self._base[rows] + self._delta[rows])


def ranks(encode: Encode, examples: Sequence[Example], vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    """Ranks of the targets [m], 0 the best, among everything that the user had not seen; ties count against the target."""
    scores = encode([one.history for one in examples], vectors) @ vectors.T
    targets = np.array([one.target for one in examples])
    own = scores[np.arange(len(examples)), targets]
    for row, one in enumerate(examples):
        scores[row, one.seen] = -np.inf
    ahead: NDArray[np.int64] = (scores >= own[:, None]).sum(axis=1) - np.isfinite(scores[np.arange(len(examples)), targets])
    return ahead


def softmax_gradient(
    users: NDArray[np.float32], items: NDArray[np.float32], targets: NDArray[np.intp], rows: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Gradient of the full softmax's cross-entropy, summed over users [B, d], in the items [n, d] at `rows` alone [r, d].

    `retrieval.losses.full_softmax` in numpy, so that the consumer does not need torch; a test keeps the two equal.
    """
    scores = users @ items.T
    np.exp(scores - scores.max(axis=1, keepdims=True), out=scores)
    chances = scores[:, rows] / scores.sum(axis=1, keepdims=True)
    gradient: NDArray[np.float32] = (chances - (targets[:, None] == rows)).T.astype(np.float32) @ users
    return gradient
