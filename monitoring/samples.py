"""Validation of a drift detector's input, shared by both adapters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidInput

MIN_ROWS = 10  # fewer say nothing about a distribution
# Distance, in standard deviations of the reference, from which a column counts as drifted. On MovieLens, windows of
# 2,000 events (about 27 users, so sampled in clumps) lie 0.05 to 0.25 from the 20,000 before them.
THRESHOLD = 0.3

Samples = Mapping[str, NDArray[np.float64]]


def check_samples(reference: Samples, current: Samples) -> None:
    """Raises InvalidInput that names the column: not in both samples, too short, or not finite."""
    for name in sorted({*reference, *current}):
        for role, sample in (("reference", reference), ("current", current)):
            if name not in sample:
                raise InvalidInput(name, f"missing in the {role} sample", "the same columns in both samples")
            values = sample[name]
            if len(values) < MIN_ROWS:
                raise InvalidInput(name, f"{len(values)} rows in the {role} sample", f"at least {MIN_ROWS} rows")
            bad = int((~np.isfinite(values)).sum())
            if bad:
                raise InvalidInput(name, f"{bad} NaN or infinite of {len(values)} in the {role} sample", "finite numbers")
