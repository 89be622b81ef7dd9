"""The Lightning data module: new windows every epoch for training, held-out events for validation."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import NamedTuple

import lightning as L
import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from datasets.positions import are_times
from retrieval.config import TrainConfig
from retrieval.sequences import (
    Batch,
    Ints,
    Sequences,
    Windows,
    collate,
    first_seen,
    held_out_windows,
    length_batches,
    training_windows,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Split:
    """Each user's first `kept` [users] events train, the others validate."""

    train: Sequences
    everything: Sequences
    kept: Ints


def split_by_time(sequences: Sequences, share: float) -> Split:
    """Hold out the latest share of all events by one global cut in time, so that validation looks into the future only."""
    if share == 0:
        return Split(sequences, sequences, sequences.counts)
    early = np.append(0, np.cumsum(sequences.times < np.quantile(sequences.times, 1 - share)))
    kept = early[sequences.starts[1:]] - early[sequences.starts[:-1]]
    train = sequences.first(kept)
    return Split(train, sequences, kept) if len(train) else Split(sequences, sequences, sequences.counts)


def split_leave_one_out(sequences: Sequences) -> Split:
    """Hold out the last event of every user who has two."""
    kept = np.maximum(sequences.counts - 1, 1)
    return Split(sequences.first(kept), sequences, kept)


def split_last_of_some(sequences: Sequences, share: float) -> Split:
    """Hold out the last event of users drawn at random, at most that share of all events: for an order without times.

    A cut at a position would hold out the ends of the few longest histories, and nobody else's.
    """
    ends = sequences.starts[1:] - 1
    able = np.flatnonzero((sequences.counts > 1) & sequences.is_target[ends])
    drawn = np.random.default_rng(0).permutation(able)[: max(1, int(share * len(sequences)))]
    kept = sequences.counts.copy()
    kept[drawn] -= 1
    return Split(sequences.first(kept), sequences, kept)


def split(sequences: Sequences, config: TrainConfig) -> Split:
    """The split that the configuration asks for; by time only where there are times."""
    if config.validation == "leave_one_out":
        return split_leave_one_out(sequences)
    if config.validation_share == 0 or are_times(sequences.times, sequences.times[sequences.starts[:-1]]):
        return split_by_time(sequences, config.validation_share)
    parts = split_last_of_some(sequences, config.validation_share)
    held_out = len(sequences) - len(parts.train)
    log.warning("the events have an order but no times: validation is on the last event of %d users, drawn at random", held_out)
    return parts


class Step(NamedTuple):
    """One batch of one process."""

    batch: Batch
    share: float  # by what to multiply the sum over this process's predictions, so that processes average to the mean over all
    seen: Tensor | None  # `first_seen`, for full ranking


class _Steps(Dataset[Step]):
    """Item b is batch b, or the part of it that process `rank` of `world` works on."""

    def __init__(self, sequences: Sequences, windows: Windows, batches: list[Ints], rank: int = 0, world: int = 1) -> None:
        self.sequences = sequences
        self.windows = windows
        self.batches = batches
        self.rank = rank
        self.world = world

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Step:
        whole = collate(self.sequences, self.windows.take(self.batches[index]))
        share = self.world / max(1, int(whole.counted.sum()))
        if self.world == 1:
            return Step(whole, share, None)
        return Step(Batch(*(column[self.rank :: self.world] for column in whole)), share, None)


class _RankingSteps(_Steps):
    """Batches with what each user had seen."""

    def __init__(self, sequences: Sequences, windows: Windows, batches: list[Ints], n_items: int) -> None:
        super().__init__(sequences, windows, batches)
        self.n_items = n_items

    def __getitem__(self, index: int) -> Step:
        seen = first_seen(self.sequences, self.windows.take(self.batches[index]), self.n_items)
        return super().__getitem__(index)._replace(seen=seen)


class SequenceData(L.LightningDataModule):
    """Batches of one split. The plan of an epoch depends on (seed, epoch) alone, so that a resumed run sees the same data."""

    def __init__(self, split: Split, n_items: int, config: TrainConfig, seed: int) -> None:
        super().__init__()
        self.split = split
        self.n_items = n_items
        self.config = config
        self.seed = seed
        self._validation = held_out_windows(split.everything, split.kept, config.history_length)

    @property
    def can_validate(self) -> bool:
        return len(self._validation.end) > 0

    @property
    def steps_per_epoch(self) -> int:
        """Batches of the first epoch; the others differ by a few. 0 when there is nothing to predict."""
        return len(self._plan(0)[1])

    def train_dataloader(self) -> DataLoader[Step]:
        trainer = self.trainer
        epoch, rank, world = (trainer.current_epoch, trainer.global_rank, trainer.world_size) if trainer else (0, 0, 1)
        return DataLoader(_Steps(self.split.train, *self._plan(epoch), rank, world), batch_size=None)

    def _plan(self, epoch: int) -> tuple[Windows, list[Ints]]:
        rng = np.random.default_rng((self.seed, epoch))
        windows = training_windows(self.split.train, self.config.history_length, rng)
        return windows, length_batches(windows, self.config.batch_events, rng)

    def val_dataloader(self) -> DataLoader[Step]:
        batches = length_batches(self._validation, self.config.batch_events, np.random.default_rng(0))
        return DataLoader(_RankingSteps(self.split.everything, self._validation, batches, self.n_items), batch_size=None)
