"""From interaction rows to batches: users' events in time order, cut into windows, batched by length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from core.kinds import KIND_CODE, TARGETS, codes
from core.ordering import chronological
from retrieval.history import profile_buckets

Ints = NDArray[np.int64]
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Sequences:
    """m events in (user, time) order; user u owns `starts[u]:starts[u + 1]`."""

    starts: Ints  # [users + 1]
    rows: Ints  # [m] catalogue rows
    kinds: Ints  # [m] core.kinds.KIND_CODE
    values: NDArray[np.float32]  # [m] stars or minutes, 0 for none
    times: NDArray[np.float64]  # [m] Unix seconds
    is_target: NDArray[np.bool_]  # [m] whether it is the user's first liking of the item, which a model should predict
    profiles: Ints  # [users, P] buckets of static attributes, 0 for none

    @classmethod
    def from_frame(
        cls, interactions: pl.DataFrame, catalogue: Catalogue, profiles: Mapping[int, Sequence[str]] | None = None
    ) -> Sequences:
        """From lake rows; items outside the catalogue are left out. `profiles` are users' static attributes ("age:25").

        Raises DatasetError when nothing is left.
        """
        row = catalogue.rows(interactions[c.ITEM].to_numpy())
        table = interactions.with_columns(pl.Series("row", row, dtype=pl.Int64)).filter(pl.col("row") >= 0)
        if table.is_empty():
            raise DatasetError(
                f"none of the {len(interactions)} interactions is with a known item, so there is nothing to learn from"
            )
        users, items = table[c.USER].to_numpy(), table[c.ITEM].to_numpy()
        order = chronological(table[c.TS].to_numpy(), users, items)
        order = order[np.argsort(users[order], kind="stable")]
        table, users = table[order], users[order]
        rows = table["row"].to_numpy()
        kinds = table[c.KIND].replace_strict(KIND_CODE, return_dtype=pl.Int64).to_numpy()
        starts = np.append(np.flatnonzero(np.diff(users, prepend=-1)), len(users)).astype(np.int64)
        return cls(
            starts=starts,
            rows=rows,
            kinds=kinds,
            values=table[c.VALUE].fill_null(0).cast(pl.Float32).to_numpy(),
            times=table[c.TS].to_numpy(),
            is_target=_first_liked(users, rows, kinds),
            profiles=_profile_table(users[starts[:-1]].tolist(), profiles or {}),
        )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def counts(self) -> Ints:
        """Events per user [users]."""
        return np.diff(self.starts)

    @property
    def has_successors(self) -> bool:
        """Whether any target follows another event of the same user."""
        first = np.zeros(len(self), dtype=np.bool_)
        first[self.starts[:-1][self.counts > 0]] = True
        return bool((self.is_target & ~first).any())

    def first(self, counts: Ints) -> Sequences:
        """Only the first `counts` [users] events of each user; users may be left without any."""
        kept = np.arange(len(self)) - np.repeat(self.starts[:-1], self.counts) < np.repeat(counts, self.counts)
        return Sequences(
            starts=np.append(0, np.cumsum(np.minimum(counts, self.counts))).astype(np.int64),
            rows=self.rows[kept],
            kinds=self.kinds[kept],
            values=self.values[kept],
            times=self.times[kept],
            is_target=self.is_target[kept],
            profiles=self.profiles,
        )


def _first_liked(users: Ints, rows: Ints, kinds: Ints) -> NDArray[np.bool_]:
    liked = np.flatnonzero(np.isin(kinds, codes(TARGETS)))
    by_pair = np.lexsort((rows[liked], users[liked]))  # stable: the first event of each (user, item) leads its run
    user, row = users[liked][by_pair], rows[liked][by_pair]
    leads = np.append(True, (user[1:] != user[:-1]) | (row[1:] != row[:-1])) if len(liked) else np.empty(0, dtype=np.bool_)
    result = np.zeros(len(users), dtype=np.bool_)
    result[liked[by_pair[leads]]] = True
    return result


def _profile_table(users: list[int], profiles: Mapping[int, Sequence[str]]) -> Ints:
    width = max((len(tokens) for tokens in profiles.values()), default=0)
    table = np.zeros((len(users), max(1, width)), dtype=np.int64)
    for at, user in enumerate(users):
        if tokens := profiles.get(user):
            buckets = profile_buckets(tokens)
            table[at, : len(buckets)] = buckets
    return table


class Windows(NamedTuple):
    """w windows, each of one user's events. Events `begin` to `end` - 1 are read. Those from `predict_from` to `end` are
    predicted, each from the ones before it, if they are targets; `begin` itself is predicted from the profile alone."""

    begin: Ints  # [w]
    end: Ints  # [w]
    predict_from: Ints  # [w]
    user: Ints  # [w]

    def take(self, index: Ints) -> Windows:
        return Windows(*(column[index] for column in self))


def training_windows(sequences: Sequences, length: int, rng: np.random.Generator) -> Windows:
    """Windows of at most `length` that predict each event once: a user's latest window is full, the others have a random phase.

    The latest is full because serving reads full windows; the random phase varies the context of earlier predictions.
    """
    starts, counts = sequences.starts[:-1], sequences.counts
    earlier = np.maximum(counts - 1 - length, 0)  # events before the start of the latest window
    phase = np.where(earlier > 0, rng.integers(0, length, size=len(starts)), 0)
    pieces = np.where(counts > 0, 1 + -(-(earlier + phase) // length), 0)
    user = np.repeat(np.arange(len(starts)), pieces)
    piece = np.arange(len(user)) - np.repeat(np.cumsum(pieces) - pieces, pieces)  # 0 is the latest
    last = starts[user] + counts[user] - 1
    end = np.where(piece == 0, last, starts[user] + earlier[user] + phase[user] - (piece - 1) * length)
    end = np.minimum(end, starts[user] + np.where(piece == 0, counts[user] - 1, earlier[user]))
    low = np.where(piece == 0, starts[user] + earlier[user], starts[user] + earlier[user] + phase[user] - piece * length)
    begin = np.maximum(low, starts[user])
    predict_from = np.where(begin == starts[user], begin, begin + 1)
    return _with_targets(sequences, Windows(begin, end, predict_from, user))


def held_out_windows(sequences: Sequences, kept: Ints, length: int) -> Windows:
    """Windows that predict, once each, a user's events from number `kept` [users] on, with at least half a window of history
    if the user has that much."""
    stride = max(1, length // 2)
    pieces = []
    for user, (start, count, first) in enumerate(zip(sequences.starts[:-1], sequences.counts, kept, strict=True)):
        for target in range(start + first, start + count, stride):
            stop = min(target + stride, start + count) - 1
            pieces.append((max(start, stop - length), stop, target, user))
    columns = np.array(pieces, dtype=np.int64).reshape(-1, 4).T
    return _with_targets(sequences, Windows(*columns))


def _with_targets(sequences: Sequences, windows: Windows) -> Windows:
    reached = np.append(0, np.cumsum(sequences.is_target))
    return windows.take(np.flatnonzero(reached[windows.end + 1] > reached[windows.predict_from]))


class Batch(NamedTuple):
    """B windows of up to L events, padded on the right. The inputs of the user tower, and the events to predict."""

    rows: Tensor  # [B, L] int64 catalogue rows
    kinds: Tensor  # [B, L] int64
    values: Tensor  # [B, L] float32
    gaps: Tensor  # [B, L] float32
    profile: Tensor  # [B, P] int64
    targets: Tensor  # [B, L + 1] int64: the catalogue row of the event after 0, 1, ... L events
    counted: Tensor  # [B, L + 1] bool: whether it is predicted here


def collate(sequences: Sequences, windows: Windows) -> Batch:
    """The batch of these windows."""
    steps = np.arange(int((windows.end - windows.begin).max()) + 1)
    begin, end = windows.begin[:, None], windows.end[:, None]
    ahead = np.minimum(begin + steps, end)  # the event after `steps` events
    at = ahead[:, :-1]
    seconds = np.maximum(sequences.times[at] - sequences.times[np.maximum(at - 1, 0)], 0)
    inside = begin + steps <= end
    return Batch(
        rows=torch.from_numpy(sequences.rows[at]),
        kinds=torch.from_numpy(sequences.kinds[at]),
        values=torch.from_numpy(sequences.values[at]),
        gaps=torch.from_numpy(np.where(at > begin, np.log1p(seconds), 0).astype(np.float32)),
        profile=torch.from_numpy(sequences.profiles[windows.user]),
        targets=torch.from_numpy(sequences.rows[ahead]),
        counted=torch.from_numpy(inside & sequences.is_target[ahead] & (begin + steps >= windows.predict_from[:, None])),
    )


def first_seen(sequences: Sequences, windows: Windows, n_items: int) -> Tensor:
    """For each window, the position of the user's first event on each item: [B, n_items].

    Item i was seen after s events when `first_seen[b, i] < s`; negative for items from before the window.
    """
    seen = np.full((len(windows.end), n_items), _NEVER, dtype=np.int64)
    for b, (begin, end, user) in enumerate(zip(windows.begin, windows.end, windows.user, strict=True)):
        history = np.arange(end - 1, sequences.starts[user] - 1, -1)
        seen[b, sequences.rows[history]] = history - begin  # in reverse order, so that the first occurrence wins
    return torch.from_numpy(seen)


def length_batches(windows: Windows, batch_events: int, rng: np.random.Generator) -> list[Ints]:
    """Window indices batch by batch: of similar length, at most `batch_events` events with padding, in random order."""
    lengths = windows.end - windows.begin + 1
    order = np.lexsort((rng.random(len(lengths)), -lengths))
    batches, at = [], 0
    while at < len(order):
        fits = max(1, batch_events // int(lengths[order[at]]))
        batches.append(order[at : at + fits])
        at += fits
    return [batches[b] for b in rng.permutation(len(batches))]
