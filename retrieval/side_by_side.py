"""Towers of several seeds as one pair of towers: the vectors are concatenated, so their scores add up.

Models that differ only in their seed make different errors, and their sum makes fewer than each of them: a deep ensemble
(Lakshminarayanan, Pritzel and Blundell 2017, NeurIPS). With concatenated vectors the score is still one dot product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from retrieval.two_tower import TwoTower


class SideBySide(nn.Module):
    """m towers of width d as one of width m * d. Has the interface of `TwoTower` that serving uses."""

    def __init__(self, members: Sequence[TwoTower]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.history_length = members[0].history_length
        self.dim = members[0].item_embeddings().shape[1]

    def forward(self, items: Tensor, kinds: Tensor, values: Tensor, gaps: Tensor, length: Tensor, profile: Tensor) -> Tensor:
        """The user after the last event [B, m * d]; `items` [B, L, m * d] are rows of `item_embeddings`."""
        users = [
            tower(items[..., k * self.dim : (k + 1) * self.dim], kinds, values, gaps, length, profile)
            for k, tower in enumerate(self.members)
        ]
        return torch.cat(users, dim=-1)

    def item_embeddings(self) -> NDArray[np.float32]:
        """Embeddings of the whole catalogue [n, m * d]."""
        return np.concatenate([cast(TwoTower, tower).item_embeddings() for tower in self.members], axis=1)
