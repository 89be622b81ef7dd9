"""A user's events as the arrays that the user tower reads, for one request or for a batch of users.

Training cuts the same arrays out of all users' events at once (`retrieval/sequences.py`); a test checks that they are equal.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.answers import attributes
from core.catalogue import Catalogue
from core.features import UserFeatures
from core.kinds import KINDS

PROFILE_BUCKETS = 4096  # 0 is padding


@dataclass(frozen=True, slots=True, eq=False)
class EncodedHistory:
    """A user's n latest events on items of one catalogue, oldest first (arrays [n]), and p static attributes."""

    rows: NDArray[np.intp]  # catalogue rows
    kinds: NDArray[np.int64]  # codes of core.kinds.KIND_CODE
    values: NDArray[np.float32]  # stars or minutes as they are, 0 for none
    gaps: NDArray[np.float32]  # log1p of the seconds since the previous event here; 0 for the first
    profile: NDArray[np.int64]  # [p] buckets of attributes

    def __len__(self) -> int:
        return len(self.rows)


def history_of(user: UserFeatures, catalogue: Catalogue, max_length: int, n_kinds: int = len(KINDS)) -> EncodedHistory:
    """The user's `max_length` latest events, encoded for one release, which knows the first `n_kinds` kinds of event.

    Events of later kinds, and those on items that the release does not know, are left out.
    """
    rows = catalogue.rows(user.item_ids)
    known = np.flatnonzero((rows >= 0) & (user.kinds < n_kinds))[-max_length:]
    times = user.times[known]
    seconds = np.maximum(np.diff(times, prepend=times[:1]), 0.0)
    return EncodedHistory(
        rows=rows[known],
        kinds=user.kinds[known].astype(np.int64),
        values=user.values[known].astype(np.float32),
        gaps=np.log1p(seconds).astype(np.float32),
        profile=profile_buckets(user.profile),
    )


def profile_buckets(profile: Sequence[str]) -> NDArray[np.int64]:
    """The static attributes of a profile ("age:25") hashed to buckets [p] from 1, so that a new one needs no new release."""
    tokens = attributes(profile)
    return np.array([1 + zlib.crc32(token.encode()) % (PROFILE_BUCKETS - 1) for token in tokens], dtype=np.int64)


def tower_inputs(histories: Sequence[EncodedHistory], embeddings: NDArray[np.float32]) -> dict[str, NDArray[np.generic]]:
    """The ONNX inputs of a batch of B histories, padded on the right to the longest, L >= 1.

    `embeddings` [n_items, d] are the item tower's outputs, row-aligned with the catalogue. Gives items [B, L, d], kinds,
    values and gaps [B, L], length [B] and profile [B, P >= 1]; padding is zero.
    """
    size = len(histories)
    length = max(1, *(len(history) for history in histories))
    items = np.zeros((size, length, embeddings.shape[1]), dtype=np.float32)
    kinds = np.zeros((size, length), dtype=np.int64)
    values = np.zeros((size, length), dtype=np.float32)
    gaps = np.zeros((size, length), dtype=np.float32)
    profile = np.zeros((size, max(1, *(len(history.profile) for history in histories))), dtype=np.int64)
    for row, history in enumerate(histories):
        at = (row, slice(len(history)))
        items[at], kinds[at], values[at], gaps[at] = embeddings[history.rows], history.kinds, history.values, history.gaps
        profile[row, : len(history.profile)] = history.profile
    lengths = np.array([len(history) for history in histories], dtype=np.int64)
    return {"items": items, "kinds": kinds, "values": values, "gaps": gaps, "length": lengths, "profile": profile}
