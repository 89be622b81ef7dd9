"""The user tower: a causal transformer over the items of a user's recent events. A user is what they did: there is no user id."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from core.events import KIND_CODE, KINDS, VALUE_RANGE, Kind
from retrieval.blocks import BLOCKS
from retrieval.config import TrainConfig

_STARS = VALUE_RANGE[Kind.RATING][1]
_LOG_MINUTES = math.log1p(VALUE_RANGE[Kind.WATCH][1])
_GAP_BUCKETS = 24  # whole steps of log1p(seconds): the last one starts at about 300 years
_MASKED = -1e9  # finite, so that a row without any visible event stays free of NaN


class UserTower(nn.Module):
    """Histories -> user vectors. Inputs, padded on the LEFT, oldest event first:

    items [B, L, d] float (item-tower outputs), kinds [B, L] int64 (core.events.KIND_CODE), values [B, L] float (stars or
    minutes as they are; 0 for none), gaps [B, L] float (log1p of the seconds since the previous event; 0 for the first),
    mask [B, L] bool (True for an event).
    """

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        dim = config.dim
        self.history_length = config.history_length
        self.scale = math.sqrt(dim)
        self.kind = nn.Embedding(len(KINDS), dim)
        self.gap = nn.Embedding(_GAP_BUCKETS, dim)
        self.position = nn.Embedding(config.history_length, dim)
        self.value = nn.Linear(1, dim, bias=False)
        for weight in (self.kind.weight, self.gap.weight, self.position.weight, self.value.weight):
            nn.init.normal_(weight, std=0.02)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(BLOCKS[config.block](dim, config.heads, config.dropout) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(dim)

    def forward(self, items: Tensor, kinds: Tensor, values: Tensor, gaps: Tensor, mask: Tensor) -> Tensor:
        """The user after the last event: [B, d]. Events older than the windows of training are not read."""
        recent = slice(-self.history_length, None)
        return self.encode(*(column[:, recent] for column in (items, kinds, values, gaps, mask)))[:, -1]

    def encode(self, items: Tensor, kinds: Tensor, values: Tensor, gaps: Tensor, mask: Tensor) -> Tensor:
        """The user after each event, seeing that event and the ones before it: [B, L, d]."""
        length = items.shape[1]
        steps = torch.arange(length, device=items.device)
        from_end = length - 1 - steps  # so that a short history means the same with and without padding
        x = items * self.scale + self.kind(kinds) + self.value(_scaled(values, kinds).unsqueeze(-1))
        x = x + self.gap(gaps.clamp(0, _GAP_BUCKETS - 1).long()) + self.position(from_end)
        visible = (steps.unsqueeze(0) <= steps.unsqueeze(1)) & mask.unsqueeze(1)
        bias = torch.where(visible, 0.0, _MASKED).to(x.dtype).unsqueeze(1)
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, bias)
        encoded: Tensor = self.norm(x)
        return encoded


def _scaled(values: Tensor, kinds: Tensor) -> Tensor:
    """Stars and minutes on one scale, about 0 to 1."""
    return torch.where(kinds == KIND_CODE[Kind.WATCH], torch.log1p(values.clamp(min=0)) / _LOG_MINUTES, values / _STARS)
