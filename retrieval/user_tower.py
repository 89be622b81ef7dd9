"""The user tower: a causal transformer over the items of a user's recent events. There is no user id."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from core.kinds import KINDS, MINUTES, STARS, TIMED, codes
from retrieval.blocks import BLOCKS
from retrieval.config import TrainConfig
from retrieval.history import PROFILE_BUCKETS

_STAR_BUCKETS = 1 + int(2 * STARS.high)  # half stars; 0 is "no value"
_MINUTE_BUCKETS = 1 + int(math.log2(1 + MINUTES.high))  # log2 of the minutes
_TIMED = codes(TIMED)
_GAP_BUCKETS = 24  # whole steps of log1p(seconds): the last one starts at about 300 years


class UserTower(nn.Module):
    """Histories -> user vectors. Inputs, oldest event first, padded on the RIGHT (the values of the padding do not matter):

    items [B, L, d] float (item-tower outputs), kinds [B, L] int64 (core.kinds.KIND_CODE), values [B, L] float (stars or
    minutes as they are; 0 for none), gaps [B, L] float (log1p of the seconds since the previous event; 0 for the first),
    profile [B, P] int64 (hashed static attributes of the user, 0 for none).

    The profile is the first position of the sequence, so a user without any event has a vector as well.
    """

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        dim = config.dim
        self.history_length = config.history_length
        self.scale = math.sqrt(dim)
        self.kind = nn.Embedding(len(KINDS), dim)
        self.gap = nn.Embedding(_GAP_BUCKETS, dim)
        self.value = nn.Embedding(_STAR_BUCKETS + _MINUTE_BUCKETS, dim)
        self.start = nn.Parameter(torch.zeros(dim))
        self.profile = nn.Embedding(PROFILE_BUCKETS, dim, padding_idx=0)
        for weight in (self.kind.weight, self.gap.weight, self.value.weight, self.profile.weight):
            nn.init.normal_(weight, std=0.02)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(BLOCKS[config.block](config) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(dim)

    def forward(self, items: Tensor, kinds: Tensor, values: Tensor, gaps: Tensor, length: Tensor, profile: Tensor) -> Tensor:
        """The user after the last event: [B, d]. `length` [B] int64 counts each user's events, at most `history_length`."""
        states = self.encode(items, kinds, values, gaps, profile)
        at = length.view(-1, 1, 1).expand(-1, 1, states.shape[2])
        return states.gather(1, at).squeeze(1)

    def encode(self, items: Tensor, kinds: Tensor, values: Tensor, gaps: Tensor, profile: Tensor) -> Tensor:
        """The user after 0, 1, ... L events, computed from those events only: [B, L + 1, d]."""
        events = items * self.scale + self.kind(kinds) + self.value(value_buckets(kinds, values))
        events = events + self.gap(gaps.clamp(0, _GAP_BUCKETS - 1).long())
        start = self.start + self.profile(profile).sum(dim=1)
        x = self.dropout(torch.cat([start.unsqueeze(1), events], dim=1))
        for block in self.blocks:
            x = block(x)
        encoded: Tensor = self.norm(x)
        return encoded


def value_buckets(kinds: Tensor, values: Tensor) -> Tensor:
    """Half stars, or doublings of the minutes watched, as rows of one table. [B, L] -> [B, L]."""
    stars = (2 * values).round().clamp(0, _STAR_BUCKETS - 1)
    minutes = torch.log2(1 + values.clamp(min=0)).floor().clamp(0, _MINUTE_BUCKETS - 1) + _STAR_BUCKETS
    timed = (kinds.unsqueeze(-1) == torch.tensor(_TIMED, device=kinds.device)).any(-1)
    return torch.where(timed, minutes, stars).long()
