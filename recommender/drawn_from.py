"""What a selector drew a list from, in few bytes: stored with the list, so that the list can be drawn again bit for bit.

The scores come out of a vector search, statistics and learned vectors that are replaced every few seconds, so that they cannot be
computed again later. What is drawn from them can: it takes only the candidates that the draw can reach, a seed and the policy.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.catalogue import Catalogue
from ranking.linear_bandit import CONTEXT, Posterior
from ranking.policies.choice import best
from recommender.candidates import Candidates

NEW_ITEMS = "new_items"  # the source whose items exploration has to show
_HEAD = struct.Struct("<BIBI")  # format, candidates, context columns, version of the posterior
_FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class DrawnFrom:
    """n candidates, the best first, as far as the draw can reach them."""

    keys: NDArray[np.int64]  # [n] of items
    scores: NDArray[np.float32]  # [n]
    fits: NDArray[np.float32]  # [n] of new items, NaN for the others
    contexts: NDArray[np.float32]  # [m, d] of the first m, of a policy that learns from them; [0, d] of the others
    posterior: Posterior | None = None  # of such a policy

    def candidates(self, rows: NDArray[np.intp]) -> Candidates:
        """As the selector gets them; `rows` [n] are those of the catalogue."""
        return Candidates(
            rows=rows,
            scores=self.scores,
            sources=(NEW_ITEMS,),
            source_scores=self.fits[:, None],
            filling=(NEW_ITEMS,),
            spreads=(1.0,),
            contexts=self.contexts if self.posterior is not None else None,
        )

    def pack(self) -> bytes:
        """Everything comes back bit for bit."""
        d, posterior = len(CONTEXT), self.posterior
        learned = b"" if posterior is None else posterior.mean.tobytes() + posterior.covariance.tobytes()
        new = np.flatnonzero(~np.isnan(self.fits)).astype("<u4")
        columns = (
            self.keys.astype("<i8"),
            self.scores.astype("<f4"),
            new,
            self.fits[new].astype("<f4"),
            self.contexts.astype("<f4"),
        )
        head = _HEAD.pack(_FORMAT, len(self.keys), 0 if posterior is None else d, 0 if posterior is None else posterior.version)
        body = struct.pack("<II", len(new), len(self.contexts)) + b"".join(column.tobytes() for column in columns) + learned
        return head + zlib.compress(body, 1)

    @classmethod
    def unpack(cls, raw: bytes) -> DrawnFrom:
        """Raises ValueError for what `pack` did not write."""
        try:
            kind, n, d, version = _HEAD.unpack_from(raw)
            if kind != _FORMAT or d not in (0, len(CONTEXT)):
                raise ValueError(f"format {kind} with {d} context columns; allowed: {_FORMAT} with 0 or {len(CONTEXT)}")
            body = memoryview(zlib.decompress(raw[_HEAD.size :]))
            n_new, n_contexts = struct.unpack_from("<II", body)
            reader = _Reader(body, 8)
            keys, scores = reader.take("<i8", n), reader.take("<f4", n)
            fits = np.full(n, np.nan, dtype=np.float32)
            new = reader.take("<u4", n_new)
            fits[new] = reader.take("<f4", n_new)
            contexts = reader.take("<f4", n_contexts * len(CONTEXT)).reshape(n_contexts, len(CONTEXT))
            posterior = Posterior(version, reader.take("<f8", d), reader.take("<f8", d * d).reshape(d, d)) if d else None
        except (struct.error, zlib.error, IndexError) as error:
            raise ValueError(f"not the candidates of a list: {error}") from error
        return cls(keys, scores, fits, contexts, posterior)


def has_posterior(raw: bytes) -> bool:
    """Whether packed candidates are those of a policy that learns; cheaper than to unpack them. Raises ValueError."""
    try:
        return bool(_HEAD.unpack_from(raw)[2])
    except struct.error as error:
        raise ValueError(f"not the candidates of a list: {error}") from error


class _Reader:
    def __init__(self, body: memoryview, at: int) -> None:
        self._body = body
        self._at = at

    def take(self, dtype: str, count: int) -> NDArray[Any]:
        start, self._at = self._at, self._at + count * np.dtype(dtype).itemsize
        if self._at > len(self._body):
            raise IndexError("it ends too early")
        return np.frombuffer(self._body, dtype, count, start)


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """Which candidates a draw can reach, noted when it is made and packed behind the answer."""

    candidates: Candidates
    first: int | None  # so many best ones, and the new items; None: all of them
    contexts: NDArray[np.float32] | None = None
    posterior: Posterior | None = None

    def packed(self, catalogue: Catalogue) -> bytes:
        found = self.candidates
        fits = found.scores_of(NEW_ITEMS)
        order = best(found.scores, len(found))
        if self.first is not None:
            order = order[(np.arange(len(order)) < self.first) | ~np.isnan(fits[order])]
        contexts = np.empty((0, len(CONTEXT)), np.float32) if self.contexts is None else self.contexts
        keys = catalogue.ids[found.rows[order]]
        return DrawnFrom(keys, found.scores[order], fits[order], contexts, self.posterior).pack()
