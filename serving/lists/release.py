"""What the API needs of the release that it serves, as one value: replacing it is one assignment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.bundle import Manifest
from core.catalogue import Catalogue, ItemStats
from core.features import UserFeatures
from core.pipeline import Pipeline
from ranking.reasons import Reason

# (user or None, catalogue rows [n], which of them exploration chose [n]) -> the reasons of each row
Explain = Callable[[UserFeatures | None, NDArray[np.intp], NDArray[np.bool_]], Sequence[Sequence[Reason]]]


@dataclass(frozen=True, eq=False)
class ServedRelease:
    """One release, assembled. All parts are of the same bundle; the service adds the logging of impressions to `pipeline`."""

    manifest: Manifest
    catalogue: Catalogue
    stats: ItemStats
    pipeline: Pipeline
    explain: Explain

    @property
    def name(self) -> str:
        return self.manifest.release

    def film(self, row: int) -> dict[str, Any]:
        """What people know a catalogue row by."""
        year = int(self.catalogue.years[row])
        return {
            "item_id": int(self.catalogue.ids[row]),
            "title": self.catalogue.titles[row],
            "genres": list(self.catalogue.genres_of(row)),
            "year": year or None,
        }
