"""Caps: how many items of a list may belong to the same group, such as a genre or a series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Caps:
    """Which of G groups each of n candidates belongs to [n, G], and how many of a list each group may have [G]."""

    member: NDArray[np.bool_]
    most: NDArray[np.intp]


class CapCounts:
    """What a list has of each group so far, and which candidates that forbids. Not thread-safe: one list."""

    def __init__(self, caps: Caps) -> None:
        self._caps = caps
        self._left = caps.most.copy()
        self._forbidden: NDArray[np.bool_] = np.any(caps.member[:, self._left <= 0], axis=1)

    def take(self, one: int) -> None:
        """Candidate `one` is in the list."""
        groups = np.flatnonzero(self._caps.member[one])
        self._left[groups] -= 1
        full = groups[self._left[groups] == 0]
        if len(full):
            self._forbidden |= np.any(self._caps.member[:, full], axis=1)

    def allowed(self, candidates: list[int]) -> list[int]:
        """Those of the candidates that no cap forbids, in their order."""
        forbidden = self._forbidden
        return [one for one in candidates if not forbidden[one]]
