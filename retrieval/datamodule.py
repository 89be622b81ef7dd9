"""The Lightning data module: new windows every epoch for training, the latest events for validation."""

from __future__ import annotations

from dataclasses import dataclass

import lightning as L
import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from retrieval.config import TrainConfig
from retrieval.sequences import (
    Batch,
    Ints,
    Sequences,
    Windows,
    collate,
    first_seen,
    length_batches,
    training_windows,
    validation_windows,
)


@dataclass(frozen=True, eq=False)
class Split:
    """Training events lie before `cut` (Unix seconds); what is at or after it validates. Infinite: no validation."""

    train: Sequences
    everything: Sequences
    cut: float


def split_by_time(sequences: Sequences, share: float) -> Split:
    """Hold out the latest share of the events by one global cut in time, so that validation looks into the future only."""
    cut = float(np.quantile(sequences.times, 1 - share)) if share > 0 else np.inf
    train = sequences.before(cut)
    return Split(train, sequences, cut) if len(train) else Split(sequences, sequences, np.inf)


class _Batches(Dataset[tuple[Batch, Tensor | None]]):
    """Item b is batch b, collated. With `n_items` it carries what each user had seen, for full ranking."""

    def __init__(self, sequences: Sequences, windows: Windows, batches: list[Ints], n_items: int = 0) -> None:
        self.sequences = sequences
        self.windows = windows
        self.batches = batches
        self.n_items = n_items

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[Batch, Tensor | None]:
        windows = self.windows.take(self.batches[index])
        seen = first_seen(self.sequences, windows, self.n_items) if self.n_items else None
        return collate(self.sequences, windows), seen


class SequenceData(L.LightningDataModule):
    """Batches of one split. The plan of an epoch hangs on (seed, epoch) alone, so that a resumed run sees the same data."""

    def __init__(self, split: Split, n_items: int, config: TrainConfig, seed: int) -> None:
        super().__init__()
        self.split = split
        self.n_items = n_items
        self.config = config
        self.seed = seed
        self._validation = validation_windows(split.everything, split.cut, config.history_length)

    @property
    def can_validate(self) -> bool:
        return len(self._validation.end) > 0

    @property
    def steps_per_epoch(self) -> int:
        """Batches of the first epoch; the others differ by a few. 0 when there is nothing to predict."""
        return len(self._training_batches(0))

    def train_dataloader(self) -> DataLoader[tuple[Batch, Tensor | None]]:
        return DataLoader(self._training_batches(self.trainer.current_epoch if self.trainer else 0), batch_size=None)

    def _training_batches(self, epoch: int) -> _Batches:
        rng = np.random.default_rng((self.seed, epoch))
        windows = training_windows(self.split.train, self.config.history_length, rng)
        return _Batches(self.split.train, windows, length_batches(windows, self.config.batch_events, rng))

    def val_dataloader(self) -> DataLoader[tuple[Batch, Tensor | None]]:
        batches = length_batches(self._validation, self.config.batch_events, np.random.default_rng(0))
        return DataLoader(_Batches(self.split.everything, self._validation, batches, self.n_items), batch_size=None)
