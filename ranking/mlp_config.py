"""The configuration of the MLP ranker, apart from torch, which takes seconds to import."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MlpConfig:
    """Two small layers: features are few and made by hand. `near` and `far` as in `RankerConfig`."""

    hidden: tuple[int, ...] = (64, 32)
    dropout: float = 0.1
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    epochs: int = 12  # at most
    batch: int = 64  # queries
    near: int = 100
    far: int = 100
