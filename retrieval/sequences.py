"""From interaction rows to batches: users' events in time order, cut into windows, batched by length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from core import columns as c
from core.catalogue import Catalogue
from core.errors import DatasetError
from core.events import KIND_CODE, Kind
from core.ordering import chronological

Ints = NDArray[np.int64]
_NOT_TARGETS = (Kind.SKIP, Kind.WATCHLIST_REMOVE, Kind.SEARCH)  # read as history, never predicted
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Sequences:
    """m events in (user, time) order; user u owns `starts[u]:starts[u + 1]`."""

    starts: Ints  # [users + 1]
    rows: Ints  # [m] catalogue rows
    kinds: Ints  # [m] core.events.KIND_CODE
    values: NDArray[np.float32]  # [m] stars or minutes, 0 for none
    times: NDArray[np.float64]  # [m] Unix seconds
    is_target: NDArray[np.bool_]  # [m] the user's first liking of the item: what a model should predict

    @classmethod
    def from_frame(cls, interactions: pl.DataFrame, catalogue: Catalogue) -> Sequences:
        """From lake rows; items outside the catalogue are left out. Raises DatasetError when nothing is left."""
        row = catalogue.rows(interactions[c.ITEM].to_numpy())
        table = interactions.with_columns(pl.Series("row", row, dtype=pl.Int64)).filter(pl.col("row") >= 0)
        if table.is_empty():
            raise DatasetError(f"none of the {len(interactions)} interactions is with a known item: nothing to learn from")
        users, items = table[c.USER].to_numpy(), table[c.ITEM].to_numpy()
        order = chronological(table[c.TS].to_numpy(), users, items)
        order = order[np.argsort(users[order], kind="stable")]
        table, users = table[order], users[order]
        rows = table["row"].to_numpy()
        kinds = table[c.KIND].replace_strict(KIND_CODE, return_dtype=pl.Int64).to_numpy()
        return cls(
            starts=np.append(np.flatnonzero(np.diff(users, prepend=-1)), len(users)).astype(np.int64),
            rows=rows,
            kinds=kinds,
            values=table[c.VALUE].fill_null(0).cast(pl.Float32).to_numpy(),
            times=table[c.TS].to_numpy(),
            is_target=_first_liked(users, rows, kinds),
        )

    def __len__(self) -> int:
        return len(self.rows)

    def before(self, moment: float) -> Sequences:
        """Only the events before a moment (Unix seconds)."""
        kept = self.times < moment
        counts = np.add.reduceat(kept.astype(np.int64), self.starts[:-1]) if len(self) else np.empty(0, dtype=np.int64)
        return Sequences(
            starts=np.append(0, np.cumsum(counts[counts > 0])).astype(np.int64),
            rows=self.rows[kept],
            kinds=self.kinds[kept],
            values=self.values[kept],
            times=self.times[kept],
            is_target=self.is_target[kept],
        )


def _first_liked(users: Ints, rows: Ints, kinds: Ints) -> NDArray[np.bool_]:
    liked = np.flatnonzero(~np.isin(kinds, [KIND_CODE[kind] for kind in _NOT_TARGETS]))
    first = np.unique(np.stack([users[liked], rows[liked]]), axis=1, return_index=True)[1]
    result = np.zeros(len(users), dtype=np.bool_)
    result[liked[first]] = True
    return result


class Windows(NamedTuple):
    """w stretches of one user's events. Events `begin` to `end` - 1 are read; the event after each of those is predicted
    if it is a target and not before `predict_from`."""

    begin: Ints  # [w]
    end: Ints  # [w]
    predict_from: Ints  # [w]
    user_start: Ints  # [w] where the user's history begins

    def take(self, index: Ints) -> Windows:
        return Windows(*(column[index] for column in self))


def training_windows(sequences: Sequences, length: int, rng: np.random.Generator) -> Windows:
    """Windows of at most `length` that predict each event once, cut at a random phase per user."""
    starts, ends = sequences.starts[:-1], sequences.starts[1:]
    predictions = ends - starts - 1
    phase = rng.integers(0, length, size=len(starts))
    counts = np.where(predictions > 0, -(-(predictions + phase) // length), 0)
    user = np.repeat(np.arange(len(starts)), counts)
    piece = np.arange(len(user)) - np.repeat(np.cumsum(counts) - counts, counts)
    low = starts[user] + np.maximum(piece * length - phase[user], 0)
    high = starts[user] + np.minimum((piece + 1) * length - phase[user], predictions[user])
    return _with_targets(sequences, Windows(low, high, low + 1, starts[user]))


def validation_windows(sequences: Sequences, since: float, length: int) -> Windows:
    """Windows that predict each event at or after `since` once, from at least half a window of history where there is one."""
    stride = max(1, length // 2)
    pieces = []
    for start, end in zip(sequences.starts[:-1], sequences.starts[1:], strict=True):
        first = max(start + 1, start + np.searchsorted(sequences.times[start:end], since))
        for target in range(first, end, stride):
            stop = min(target + stride, end) - 1
            pieces.append((max(start, stop - length), stop, target, start))
    columns = np.array(pieces, dtype=np.int64).reshape(-1, 4).T
    return _with_targets(sequences, Windows(*columns))


def _with_targets(sequences: Sequences, windows: Windows) -> Windows:
    reached = np.append(0, np.cumsum(sequences.is_target))
    return windows.take(np.flatnonzero(reached[windows.end + 1] > reached[windows.predict_from]))


class Batch(NamedTuple):
    """B windows of up to L events, padded on the left. Fields as the user tower reads them, and what is to be predicted."""

    rows: Tensor  # [B, L] int64 catalogue rows
    kinds: Tensor  # [B, L] int64
    values: Tensor  # [B, L] float32
    gaps: Tensor  # [B, L] float32
    mask: Tensor  # [B, L] bool
    targets: Tensor  # [B, L] int64: the next event's catalogue row
    counted: Tensor  # [B, L] bool: whether the next event is predicted here


def collate(sequences: Sequences, windows: Windows) -> Batch:
    """The batch of these windows."""
    length = int((windows.end - windows.begin).max())
    begin, at = windows.begin[:, None], windows.end[:, None] - length + np.arange(length)
    mask = at >= begin
    at = np.maximum(at, begin)
    seconds = np.maximum(sequences.times[at] - sequences.times[np.maximum(at - 1, 0)], 0)
    counted = mask & sequences.is_target[at + 1] & (at + 1 >= windows.predict_from[:, None])
    return Batch(
        rows=torch.from_numpy(sequences.rows[at]),
        kinds=torch.from_numpy(sequences.kinds[at]),
        values=torch.from_numpy(sequences.values[at]),
        gaps=torch.from_numpy(np.where(at > begin, np.log1p(seconds), 0).astype(np.float32)),
        mask=torch.from_numpy(mask),
        targets=torch.from_numpy(sequences.rows[at + 1]),
        counted=torch.from_numpy(counted),
    )


def first_seen(sequences: Sequences, windows: Windows, n_items: int) -> Tensor:
    """For each window's user, how many read positions of the padded batch come before an item is known to the user: [B, n].

    Item i was seen by position p of the batch when `first_seen[b, i] <= p`; negative for items from before the window.
    """
    length = int((windows.end - windows.begin).max())
    seen = np.full((len(windows.end), n_items), _NEVER, dtype=np.int64)
    for b, (end, start) in enumerate(zip(windows.end, windows.user_start, strict=True)):
        history = np.arange(end - 1, start - 1, -1)
        seen[b, sequences.rows[history]] = history - (end - length)  # backwards: the first time wins
    return torch.from_numpy(seen)


def length_batches(windows: Windows, batch_events: int, rng: np.random.Generator) -> list[Ints]:
    """Window indices batch by batch: alike in length, at most `batch_events` events with padding, in random order."""
    lengths = windows.end - windows.begin
    order = np.lexsort((rng.random(len(lengths)), -lengths))
    batches, at = [], 0
    while at < len(order):
        fits = max(1, batch_events // int(lengths[order[at]]))
        batches.append(order[at : at + fits])
        at += fits
    return [batches[b] for b in rng.permutation(len(batches))]
