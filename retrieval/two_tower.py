"""The two towers together: the score of a user and an item is always one dot product."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from core.catalogue import Catalogue
from retrieval.config import TrainConfig
from retrieval.item_tower import ItemTower
from retrieval.user_tower import UserTower


class TwoTower(nn.Module):
    """Item and user tower of one configuration. For cosine similarity both towers normalise their vectors."""

    def __init__(self, catalogue: Catalogue, known: NDArray[np.bool_], config: TrainConfig) -> None:
        super().__init__()
        self.cosine = config.similarity == "cosine"
        self.item_tower = ItemTower(catalogue, known, config.dim, config.id_dropout)
        self.user_tower = UserTower(config)

    @property
    def history_length(self) -> int:
        """The maximum number of events that the user tower reads."""
        return self.user_tower.history_length

    def items(self, rows: Tensor) -> Tensor:
        """Catalogue rows [m] -> embeddings [m, d], as used in search and as inputs of the user tower."""
        return self._normalised(self.item_tower(rows))

    def users(self, items: Tensor, kinds: Tensor, values: Tensor, gaps: Tensor, profile: Tensor) -> Tensor:
        """The user after 0, 1, ... L events [B, L + 1, d]; inputs as in `UserTower`."""
        return self._normalised(self.user_tower.encode(items, kinds, values, gaps, profile))

    def forward(self, items: Tensor, kinds: Tensor, values: Tensor, gaps: Tensor, length: Tensor, profile: Tensor) -> Tensor:
        """The user after the last event [B, d]; this is exported for serving."""
        return self._normalised(self.user_tower(items, kinds, values, gaps, length, profile))

    def item_embeddings(self) -> NDArray[np.float32]:
        """Embeddings of the whole catalogue [n, d], without dropout."""
        training = self.training
        self.eval()
        with torch.no_grad():
            known = self.item_tower.known
            table = self.items(torch.arange(len(known), device=known.device))
        self.train(training)
        return table.float().cpu().numpy()

    def _normalised(self, vectors: Tensor) -> Tensor:
        return F.normalize(vectors, dim=-1) if self.cosine else vectors
