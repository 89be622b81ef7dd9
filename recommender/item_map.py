"""The items of a release on a map of two dimensions, and the place of a user on it.

The two directions in which the item vectors differ most (principal components). Any vector can be projected on them, so that a
user's, which lies in the same space, has a place too, and the map of a release is the same in every process.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking.unit_vectors import unit

_MOST = 0.9  # quantile of the distances that lies at three quarters of the way to the edge
_THREE_QUARTERS = 0.97  # whose hyperbolic tangent is 3/4


@dataclass(frozen=True, eq=False)
class ItemMap:
    """A projection of vectors of one space. Coordinates lie within -1 and 1: the farther out, the closer together, so that a few
    far-off items do not press the others into the middle, and none is put on the edge."""

    centre: NDArray[np.float32]  # [d]
    axes: NDArray[np.float32]  # [d, 2], scaled

    @classmethod
    def of(cls, vectors: NDArray[np.float32]) -> ItemMap:
        """The map of item vectors [n, d]. They are taken at length 1: an item's length is its popularity, and no taste."""
        points = unit(vectors)
        centre = points.mean(axis=0)
        centred = (points - centre).astype(np.float64)
        _, directions = np.linalg.eigh(centred.T @ centred)  # ascending
        axes = directions[:, ::-1][:, :2]
        axes *= np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])  # either sign is right: always the same one
        reach = np.quantile(np.abs(centred @ axes), _MOST, axis=0)
        return cls(centre, (axes * _THREE_QUARTERS / np.maximum(reach, 1e-9)).astype(np.float32))

    def places(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Coordinates [m, 2] of vectors [m, d]."""
        return np.tanh((unit(vectors) - self.centre) @ self.axes)
