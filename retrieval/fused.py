"""Two channels in one dot product: the trained towers and the spectral vectors."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from retrieval.side_by_side import SideBySide
from retrieval.spectral import SpectralUser
from retrieval.two_tower import TwoTower

_TINY = 1e-12


class FusedTowers(nn.Module):
    """Vectors are [neural | spectral], so scores add up. Has the interface of `TwoTower` that serving uses.

    For each user the spectral scores are scaled to `weight` times the standard deviation of the neural ones over the
    catalogue. The standard deviation of u.v over items v is sqrt(u' C u), where C is the covariance of the item vectors.
    """

    def __init__(self, neural: TwoTower | SideBySide, spectral: NDArray[np.float32], decay: float, weight: float) -> None:
        """`spectral` [n, r] are the item vectors of `spectral_vectors`."""
        super().__init__()
        self.neural = neural
        self.spectral = SpectralUser(decay)
        self.weight = weight
        trained = neural.item_embeddings()
        self.dim = trained.shape[1]
        self.register_buffer("items", torch.from_numpy(np.concatenate([trained, spectral], axis=1)))
        for name, vectors in (("neural_covariance", trained), ("spectral_covariance", spectral)):
            centred = (vectors - vectors.mean(axis=0)).astype(np.float64)
            self.register_buffer(name, torch.from_numpy((centred.T @ centred / len(centred)).astype(np.float32)))

    items: Tensor
    neural_covariance: Tensor
    spectral_covariance: Tensor

    @property
    def history_length(self) -> int:
        return self.neural.history_length

    def forward(self, items: Tensor, kinds: Tensor, values: Tensor, gaps: Tensor, length: Tensor, profile: Tensor) -> Tensor:
        """The user after the last event [B, d + r]; `items` [B, L, d + r] are rows of `item_embeddings`."""
        neural = self.neural(items[..., : self.dim], kinds, values, gaps, length, profile)
        spectral = self.spectral(items[..., self.dim :], kinds, length)
        scale = _spread(neural, self.neural_covariance) / _spread(spectral, self.spectral_covariance)
        return torch.cat([neural, self.weight * scale * spectral], dim=-1)

    def item_embeddings(self) -> NDArray[np.float32]:
        """Embeddings of the whole catalogue [n, d + r]."""
        return self.items.cpu().numpy()


def _spread(users: Tensor, covariance: Tensor) -> Tensor:
    """Standard deviation of each user's scores over the catalogue: [B, d] -> [B, 1]."""
    return ((users @ covariance) * users).sum(-1, keepdim=True).clamp(min=_TINY).sqrt()
