"""What the contextual bandit has learned, published by the consumer for the API."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from lake.published_file import FollowedFile, replace_file
from ranking.linear_bandit import CONTEXT, Posterior

_WHAT = "the bandit's posterior"
_NAME, _MEAN, _COVARIANCE, _VERSION = "name", "mean", "covariance", "version"


def publish(path: Path, posterior: Posterior) -> None:
    """One row for each feature. Raises StorageFull."""
    covariance = pl.Series(_COVARIANCE, posterior.covariance, dtype=pl.Array(pl.Float64, len(CONTEXT)))
    table = pl.DataFrame({_NAME: CONTEXT, _MEAN: posterior.mean, _COVARIANCE: covariance})
    replace_file(path, table.with_columns(pl.lit(posterior.version).alias(_VERSION)), _WHAT)


class PublishedPosterior:
    """Reads the posterior whenever it is new."""

    def __init__(self, path: Path) -> None:
        self._file = FollowedFile(path, _WHAT)

    def look(self) -> Posterior | None:
        """The posterior if it is new since the last check; None for one of other features, of another version of Marquee.

        Raises DependencyUnavailable for a file that cannot be read.
        """
        table = self._file.look()
        if table is None or tuple(table[_NAME]) != CONTEXT:
            return None
        mean, covariance = table[_MEAN].to_numpy(), table[_COVARIANCE].to_numpy()
        return Posterior(int(table[_VERSION][0]), mean.astype(np.float64), covariance.astype(np.float64))
