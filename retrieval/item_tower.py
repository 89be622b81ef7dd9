"""The item tower: who an item is (its id) plus what it is like (its content)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.catalogue import Catalogue

_FIRST_YEAR = 1900
_YEARS_PER_BUCKET = 5
_YEAR_BUCKETS = 42  # 0 is "unknown"; the last one ends in 2104


def year_buckets(years: NDArray[np.float32]) -> NDArray[np.int64]:
    """Five-year buckets, 0 for an unknown year (0). Shape [n] -> [n]."""
    bucket = 1 + (years.astype(np.int64) - _FIRST_YEAR) // _YEARS_PER_BUCKET
    return np.where(years > 0, bucket.clip(1, _YEAR_BUCKETS - 1), 0)


class ItemTower(nn.Module):
    """Rows of the catalogue -> embeddings [m, d].

    An item that training never saw has no id part, and in training a random share of the items loses theirs (id dropout,
    as DropoutNet: Volkovs et al., NeurIPS 2017), so that content alone places an item near its like.
    """

    known: Tensor
    genres: Tensor
    year: Tensor

    def __init__(self, catalogue: Catalogue, known: NDArray[np.bool_], dim: int, id_dropout: float) -> None:
        """`known` [n] says which items have interactions in the training data."""
        super().__init__()
        self.id_dropout = id_dropout
        self.ids = nn.Embedding(len(catalogue), dim)
        self.genre = nn.Linear(len(catalogue.genre_names), dim, bias=False)
        self.years = nn.Embedding(_YEAR_BUCKETS, dim)
        for weight in (self.ids.weight, self.genre.weight, self.years.weight):
            nn.init.normal_(weight, std=dim**-0.5 / 2)
        per_item = np.sqrt(catalogue.genres.sum(axis=1, keepdims=True)).clip(min=1)
        self.register_buffer("known", torch.from_numpy(known.copy()))
        self.register_buffer("genres", torch.from_numpy((catalogue.genres / per_item).astype(np.float32)))
        self.register_buffer("year", torch.from_numpy(year_buckets(catalogue.years)))

    def forward(self, rows: Tensor) -> Tensor:
        has_id = self.known[rows]
        if self.training and self.id_dropout:
            has_id = has_id & (torch.rand(rows.shape, device=rows.device) >= self.id_dropout)
        content = self.genre(self.genres[rows]) + self.years(self.year[rows])
        embedding: Tensor = content + self.ids(rows) * has_id.unsqueeze(-1)
        return embedding
