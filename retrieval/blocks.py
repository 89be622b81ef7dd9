"""Encoder blocks of the user tower: interchangeable modules [B, L, d] -> [B, L, d] under one additive attention mask."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CausalAttention(nn.Module):
    """Multi-head self-attention (Vaswani et al., 2017). `mask` [B, 1, L, L] is added to the logits."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        batch, length, dim = x.shape
        split = self.qkv(x).view(batch, length, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(split[0], split[1], split[2], attn_mask=mask, dropout_p=dropout)
        merged: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, length, dim))
        return merged


class SASRecBlock(nn.Module):
    """Attention and a point-wise feed-forward net, pre-norm, residual (Kang and McAuley, SASRec, ICDM 2018)."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = CausalAttention(dim, heads, dropout)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, 4 * dim), nn.GELU(), nn.Dropout(dropout), nn.Linear(4 * dim, dim)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.attention_norm(x), mask))
        widened: Tensor = x + self.dropout(self.feed_forward(x))
        return widened


class LiGRBlock(nn.Module):
    """Pre-norm attention and SwiGLU, each behind a learned gate on its residual branch (Borisyuk et al., LiGR, 2025)."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = CausalAttention(dim, heads, dropout)
        self.attention_gate = nn.Linear(dim, dim)
        self.feed_forward_norm = nn.LayerNorm(dim)
        self.widen = nn.Linear(dim, 8 * dim)
        self.narrow = nn.Linear(4 * dim, dim)
        self.feed_forward_gate = nn.Linear(dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        attended = self.dropout(self.attention(self.attention_norm(x), mask))
        x = x + torch.sigmoid(self.attention_gate(x)) * attended
        value, gate = self.widen(self.feed_forward_norm(x)).chunk(2, dim=-1)
        widened = self.dropout(self.narrow(self.dropout(F.silu(gate) * value)))
        gated: Tensor = x + torch.sigmoid(self.feed_forward_gate(x)) * widened
        return gated


BLOCKS: dict[str, type[SASRecBlock] | type[LiGRBlock]] = {"sasrec": SASRecBlock, "ligr": LiGRBlock}
