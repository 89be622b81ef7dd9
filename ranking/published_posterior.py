"""What the contextual bandit has learned, published by the consumer for the API."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lake.published_file import FollowedFile, replace_file
from ranking.linear_bandit import CONTEXT, Evidence, Posterior

_WHAT = "the bandit's posterior"
_NAME, _MEAN, _COVARIANCE, _VERSION = "name", "mean", "covariance", "version"
_PRECISION, _RESPONSE, _SHOWN, _ACCEPTED = "precision", "response", "shown", "accepted"


def publish(path: Path, posterior: Posterior, evidence: Evidence) -> None:
    """One row for each feature; the evidence is there for the process that goes on with it. Raises StorageFull."""
    columns = {
        _NAME: pl.Series(CONTEXT),
        _MEAN: pl.Series(posterior.mean),
        _COVARIANCE: _square(posterior.covariance),
        _PRECISION: _square(evidence.precision),
        _RESPONSE: pl.Series(evidence.response),
    }
    numbers = {_VERSION: posterior.version, _SHOWN: evidence.shown, _ACCEPTED: evidence.accepted}
    replace_file(path, pl.DataFrame(columns).with_columns(pl.lit(value).alias(name) for name, value in numbers.items()), _WHAT)


def _square(table: NDArray[np.float64]) -> pl.Series:
    return pl.Series(table, dtype=pl.Array(pl.Float64, len(CONTEXT)))


class PublishedPosterior:
    """Reads the posterior whenever it is new."""

    def __init__(self, path: Path) -> None:
        self._file = FollowedFile(path, _WHAT)

    def look(self) -> Posterior | None:
        """The posterior if it is new since the last check; None for one of other features, of another version of Marquee.

        Raises DependencyUnavailable for a file that cannot be read.
        """
        found = self.learned()
        return None if found is None else found[0]

    def learned(self) -> tuple[Posterior, Evidence] | None:
        """The same with what it stands on."""
        table = self._file.look()
        if table is None or tuple(table[_NAME]) != CONTEXT:
            return None
        number = table.row(0, named=True)
        posterior = Posterior(int(number[_VERSION]), _floats(table[_MEAN]), _floats(table[_COVARIANCE]))
        evidence = Evidence(_floats(table[_PRECISION]), _floats(table[_RESPONSE]), number[_SHOWN], number[_ACCEPTED])
        return posterior, evidence


def _floats(column: pl.Series) -> NDArray[np.float64]:
    return np.asarray(column.to_numpy(), dtype=np.float64)
