"""Weighted sums of rows of one table: a sparse matrix [n, V] times a dense one [V, d], forward and backward."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retrieval.content import Bags

_WORTH_ALL = 4  # from a quarter of the items on, summing all items is cheaper than gathering the tokens of some


class WeightedBags(nn.Module):
    """The bags of n items over V tokens. They are derived from a catalogue, so checkpoints do not contain them."""

    offsets: Tensor
    rows: Tensor
    weights: Tensor
    items_offsets: Tensor
    items: Tensor
    items_weights: Tensor

    def __init__(self, bags: Bags, n_tokens: int) -> None:
        super().__init__()
        n_items = len(bags.offsets) - 1
        by_token = np.argsort(bags.rows, kind="stable")
        transposed = {
            "items_offsets": np.append(0, np.bincount(bags.rows, minlength=n_tokens).cumsum()),
            "items": np.repeat(np.arange(n_items), np.diff(bags.offsets))[by_token],
            "items_weights": bags.weights[by_token],
        }
        arrays = {"offsets": bags.offsets, "rows": bags.rows, "weights": bags.weights, **transposed}
        for name, array in arrays.items():
            self.register_buffer(name, torch.from_numpy(array), persistent=False)

    def forward(self, table: Tensor, at: Tensor) -> Tensor:
        """The sums of the items `at` [m]: table [V, d] -> [m, d]."""
        if len(at) * _WORTH_ALL >= len(self.offsets) - 1:
            return self.all(table).index_select(0, at)
        counts = self.offsets[at + 1] - self.offsets[at]
        offsets = F.pad(counts.cumsum(0), (1, 0))
        token = torch.repeat_interleave(self.offsets[at] - offsets[:-1], counts)
        token = token + torch.arange(len(token), device=at.device)
        return weighted_sums(table, self.rows[token], self.weights[token], offsets)

    def all(self, table: Tensor) -> Tensor:
        """The sums of every item: table [V, d] -> [n, d]."""
        arguments = (self.rows, self.weights, self.offsets)
        back = (self.items, self.items_weights, self.items_offsets)
        sums: Tensor = _Product.apply(table, *arguments, *back)  # type: ignore[no-untyped-call]
        return sums


def weighted_sums(table: Tensor, rows: Tensor, weights: Tensor, offsets: Tensor) -> Tensor:
    """Bag b is the sum of weights[k] * table[rows[k]] for k from offsets[b] to offsets[b + 1]: [b, d]."""
    return F.embedding_bag(rows, table, offsets, mode="sum", per_sample_weights=weights, include_last_offset=True)


class _Product(torch.autograd.Function):
    """`weighted_sums` whose gradient is a `weighted_sums` of the transposed matrix: torch's own is ten times slower."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, *matrix: Tensor) -> Tensor:
        ctx.save_for_backward(*matrix[3:])
        return weighted_sums(table, *matrix[:3])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return (weighted_sums(gradient.contiguous(), *ctx.saved_tensors), *[None] * 6)
