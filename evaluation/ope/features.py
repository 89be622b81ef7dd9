"""What the reward model knows of a list: sums over its positions, so that a list's reward is that of its positions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.alternatives import Alternatives
from recommender.live import Snapshot

Floats = NDArray[np.float64]
NAMES = ("position", "popularity", "rating", "fit", "score", "known user")


def position_features(now: Snapshot, found: Alternatives, rows: NDArray[np.intp]) -> Floats:
    """Of lists of catalogue rows [..., m] for the request of `found`: [..., m, len(NAMES)]; zeros for -1, which is no row.

    Each position is discounted by 1 / log2(1 + its number), as it is seen less; times popularity and rating as of the request's
    day, the user vector's fit, and the policy's score. How much is known of the user counts once, at the top.
    """
    here, vector = rows >= 0, found.query.user_vector
    at = np.where(here, rows, 0)
    out = np.zeros((*rows.shape, len(NAMES)))
    out[..., 0] = 1.0
    out[..., 1] = np.log1p(now.stats.recent[at])
    out[..., 2] = now.stats.rating_mean[at]
    out[..., 3] = 0.0 if vector is None else now.item_vectors[at] @ vector
    out[..., 4] = _standard_scores(found, rows)
    out *= (here / np.log2(2.0 + np.arange(rows.shape[-1])))[..., None]
    if rows.shape[-1] and found.query.user is not None:
        out[..., 0, -1] = np.log1p(found.query.user.n_events)
    return out


def _standard_scores(found: Alternatives, rows: NDArray[np.intp]) -> Floats:
    """The candidates' scores in units of their spread [..., m]; what is no candidate has the worst one's."""
    scores = found.candidates.scores.astype(np.float64)
    if not len(scores):
        return np.zeros(rows.shape)
    standard = (scores - scores.mean()) / max(float(scores.std()), 1e-9)
    index = found.candidates.index(rows.ravel()).reshape(rows.shape)
    return np.asarray(np.where(index >= 0, standard[index], standard.min()))
