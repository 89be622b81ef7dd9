"""The scale of a request's scores: what business rules are measured in, because the scores of scorers do not compare."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.candidates import Candidates

Scores = NDArray[np.float32]


class Scale(NamedTuple):
    """Of the candidates that are more than a fill-up, or of all where none is: the lowest score, and the standard deviation."""

    lowest: float
    spread: float

    @classmethod
    def of(cls, candidates: Candidates) -> Scale:
        """Spread 1 where all scores are the same."""
        primary = candidates.primary
        scores = candidates.scores[primary] if primary.any() else candidates.scores
        if not len(scores):
            return cls(0.0, 1.0)
        spread = float(scores.std())
        return cls(float(scores.min()), spread if spread > 0 else 1.0)


def multiplied(candidates: Candidates, factors: NDArray[np.floating]) -> Scores:
    """Scores [n] with their height above the lowest one times `factors` [n]; what lies below stays where it is."""
    lowest = Scale.of(candidates).lowest
    height = np.maximum(candidates.scores - lowest, 0.0)
    return np.asarray(candidates.scores + height * (factors - 1.0), dtype=np.float32)


def raised(candidates: Candidates, spreads: NDArray[np.floating]) -> Scores:
    """Scores [n] with so many spreads [n] more."""
    return np.asarray(candidates.scores + spreads * Scale.of(candidates).spread, dtype=np.float32)


def reordered(candidates: Candidates, order: NDArray[np.intp]) -> Scores:
    """The candidates' own scores, given out again so that the candidates `order` [m] come first, and the others as they were.

    So a reranker leaves the scale to what comes behind it, a selector that draws by scores included.
    """
    before = np.argsort(-candidates.scores, kind="stable")
    rest = before[~np.isin(before, order)]
    scores = np.empty_like(candidates.scores)
    scores[np.concatenate([order, rest])] = candidates.scores[before]
    return scores
