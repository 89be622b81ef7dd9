"""Encoder blocks of the user tower: interchangeable causal modules [B, L, d] -> [B, L, d].

Position is relative (rotary), so a state depends on the events before it and not on where its window was cut. Padding is on
the right, where causality alone hides it.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_ROTARY_BASE = 1000.0  # the slowest of the rotations takes about 6,000 events


class Shape(Protocol):
    """The part of the training configuration that a block needs."""

    @property
    def dim(self) -> int: ...
    @property
    def heads(self) -> int: ...
    @property
    def expansion(self) -> int: ...
    @property
    def dropout(self) -> float: ...
    @property
    def history_length(self) -> int: ...


class Rotary(nn.Module):
    """Rotary position embedding of queries and keys (Su et al., RoFormer, 2021): [B, H, L, d/H] -> the same shape."""

    cos: Tensor
    sin: Tensor

    def __init__(self, width: int, length: int) -> None:
        super().__init__()
        rates = _ROTARY_BASE ** (-torch.arange(0, width, 2) / width)
        angles = torch.arange(length).unsqueeze(1) * rates
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        cos, sin = self.cos[: x.shape[2]].to(x.dtype), self.sin[: x.shape[2]].to(x.dtype)
        first, second = x.chunk(2, dim=-1)
        return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


class CausalAttention(nn.Module):
    """Multi-head self-attention (Vaswani et al., 2017) over each event and the ones before it.

    Written out, because on a CPU the backward pass of the fused kernel of torch 2.13 takes five times as long at these lengths.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.qkv = nn.Linear(shape.dim, 3 * shape.dim)
        self.out = nn.Linear(shape.dim, shape.dim)
        self.rotary = Rotary(shape.dim // shape.heads, shape.history_length + 1)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (split_heads(part, self.heads) for part in self.qkv(x).chunk(3, dim=-1))
        logits = (self.rotary(query) * query.shape[-1] ** -0.5) @ self.rotary(key).transpose(-1, -2)
        weights = torch.softmax(logits.float() + future(x.shape[1], x.device), dim=-1)
        mixed: Tensor = self.out(join_heads(weights.to(value.dtype) @ value))
        return mixed


class SASRecBlock(nn.Module):
    """Attention and a point-wise feed-forward net, pre-norm, residual (Kang and McAuley, SASRec, ICDM 2018)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        dim, hidden = shape.dim, shape.expansion * shape.dim
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = CausalAttention(shape)
        self.feed_forward = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.attention_norm(x)))
        widened: Tensor = x + self.dropout(self.feed_forward(x))
        return widened


class LiGRBlock(nn.Module):
    """Pre-norm attention and SwiGLU, each behind a learned gate on its residual branch (Borisyuk et al., LiGR, 2025)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        dim, hidden = shape.dim, shape.expansion * shape.dim
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = CausalAttention(shape)
        self.attention_gate = nn.Linear(dim, dim)
        self.feed_forward_norm = nn.LayerNorm(dim)
        self.widen = nn.Linear(dim, 2 * hidden)
        self.narrow = nn.Linear(hidden, dim)
        self.feed_forward_gate = nn.Linear(dim, dim)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor) -> Tensor:
        attended = self.dropout(self.attention(self.attention_norm(x)))
        x = x + torch.sigmoid(self.attention_gate(x)) * attended
        value, gate = self.widen(self.feed_forward_norm(x)).chunk(2, dim=-1)
        widened = self.dropout(self.narrow(F.silu(gate) * value))
        gated: Tensor = x + torch.sigmoid(self.feed_forward_gate(x)) * widened
        return gated


class HSTUBlock(nn.Module):
    """Pointwise aggregated attention: SiLU instead of a softmax, gated by the input (Zhai et al., HSTU, ICML 2024).

    The paper's learned position bias is replaced by rotary positions, which all blocks here use.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.length = shape.history_length
        self.norm = nn.LayerNorm(shape.dim)
        self.project = nn.Linear(shape.dim, 4 * shape.dim)
        self.mixed_norm = nn.LayerNorm(shape.dim)
        self.out = nn.Linear(shape.dim, shape.dim)
        self.rotary = Rotary(shape.dim // shape.heads, shape.history_length + 1)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor) -> Tensor:
        gate, *parts = F.silu(self.project(self.norm(x))).chunk(4, dim=-1)
        value, query, key = (split_heads(part, self.heads) for part in parts)
        visible = (future(x.shape[1], x.device) == 0).to(value.dtype) / math.sqrt(self.length)
        weights = F.silu(self.rotary(query) @ self.rotary(key).transpose(-1, -2)) * visible
        mixed = self.mixed_norm(join_heads(weights @ value))
        gated: Tensor = x + self.out(self.dropout(mixed * gate))
        return gated


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[B, L, d] -> [B, H, L, d/H]"""
    return x.view(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """[B, H, L, d/H] -> [B, L, d]"""
    return x.transpose(1, 2).flatten(2)


def future(length: int, device: torch.device) -> Tensor:
    """[L, L] to add to attention's logits: 0 for an event and those before it, minus infinity for those after it."""
    steps = torch.arange(length, device=device)
    return torch.zeros(length, length, device=device).masked_fill(steps.unsqueeze(0) > steps.unsqueeze(1), -torch.inf)


BLOCKS: dict[str, type[SASRecBlock] | type[LiGRBlock] | type[HSTUBlock]] = {
    "sasrec": SASRecBlock,
    "ligr": LiGRBlock,
    "hstu": HSTUBlock,
}
