"""What the reward model knows of a list: sums over its positions, so that a list's reward is that of its positions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.alternatives import Alternatives
from recommender.live import Snapshot

Floats = NDArray[np.float64]
NAMES = ("position", "popularity", "rating", "fit", "score", "known user")
_ITEM = len(NAMES) - 1


def position_features(now: Snapshot, found: Alternatives, rows: NDArray[np.intp]) -> Floats:
    """Of a list of catalogue rows [m] (-1: not in the catalogue) for the request of `found`: [m, len(NAMES)].

    Each position is discounted by 1 / log2(1 + its number), as it is seen less; times popularity and rating as of the request's
    day, the user vector's fit, and the policy's score. How much is known of the user counts once, at the top.
    """
    here = rows >= 0
    at = np.where(here, rows, 0)
    columns = np.ones((len(rows), _ITEM))
    columns[:, 1] = np.log1p(now.stats.recent[at])
    columns[:, 2] = now.stats.rating_mean[at]
    vector = found.query.user_vector
    columns[:, 3] = 0.0 if vector is None else now.item_vectors[at] @ vector
    columns[:, 4] = _standard_scores(found, rows)
    columns[:, 1:] *= here[:, None]
    out = np.zeros((len(rows), len(NAMES)))
    out[:, :_ITEM] = columns / np.log2(2.0 + np.arange(len(rows)))[:, None]
    if len(rows) and found.query.user is not None:
        out[0, _ITEM] = np.log1p(found.query.user.n_events)
    return out


def _standard_scores(found: Alternatives, rows: NDArray[np.intp]) -> Floats:
    """The candidates' scores in units of their spread [m]; what is no candidate has the worst one's."""
    scores = found.candidates.scores.astype(np.float64)
    if not len(scores):
        return np.zeros(len(rows))
    standard = (scores - scores.mean()) / max(float(scores.std()), 1e-9)
    index = found.candidates.index(rows)
    return np.asarray(np.where(index >= 0, standard[index], standard.min()))
