"""A user's events as the arrays that the user tower reads, for one request or for a batch of users.

Training cuts the same arrays out of all users' events at once (`retrieval/sequences.py`); a test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.catalogue import Catalogue
from core.features import HISTORY_LENGTH, UserFeatures


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """The n <= HISTORY_LENGTH latest events on items of one catalogue, oldest first. All arrays have shape [n]."""

    rows: NDArray[np.intp]  # catalogue rows
    kinds: NDArray[np.int64]  # codes of core.events.KIND_CODE
    values: NDArray[np.float32]  # stars or minutes as they are, 0 for none
    gaps: NDArray[np.float32]  # log1p of the seconds since the previous event here; 0 for the first

    def __len__(self) -> int:
        return len(self.rows)


def history_of(user: UserFeatures, catalogue: Catalogue) -> History:
    """The user's events in the words of one release; events on items that it does not know are left out."""
    rows = catalogue.rows(user.item_ids)
    known = np.flatnonzero(rows >= 0)[-HISTORY_LENGTH:]
    times = user.times[known]
    seconds = np.maximum(np.diff(times, prepend=times[:1]), 0.0)
    return History(
        rows=rows[known],
        kinds=user.kinds[known].astype(np.int64),
        values=user.values[known].astype(np.float32),
        gaps=np.log1p(seconds).astype(np.float32),
    )


def tower_inputs(histories: Sequence[History], embeddings: NDArray[np.float32]) -> dict[str, NDArray[np.generic]]:
    """The ONNX inputs of a batch of B non-empty histories, padded on the left to the longest, L.

    `embeddings` [n_items, d] are the item tower's outputs, row-aligned with the catalogue. Gives items [B, L, d], kinds,
    values, gaps and mask [B, L]; padding is zero.
    """
    size, length = len(histories), max(len(history) for history in histories)
    items = np.zeros((size, length, embeddings.shape[1]), dtype=np.float32)
    kinds = np.zeros((size, length), dtype=np.int64)
    values = np.zeros((size, length), dtype=np.float32)
    gaps = np.zeros((size, length), dtype=np.float32)
    mask = np.zeros((size, length), dtype=np.bool_)
    for row, history in enumerate(histories):
        at = (row, slice(length - len(history), None))
        items[at], kinds[at], values[at], gaps[at] = embeddings[history.rows], history.kinds, history.values, history.gaps
        mask[at] = True
    return {"items": items, "kinds": kinds, "values": values, "gaps": gaps, "mask": mask}
