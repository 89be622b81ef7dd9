"""Spectral item vectors: a factorisation of which items people choose close to each other.

A neural network learns little from fifty thousand events; co-occurrence counts are more informative. They are factorised like
the context counts of words (Levy, Goldberg and Dagan 2015, TACL 3, with their symmetric use of the eigenvalues). A user is the
decayed sum of the unit vectors of the latest items, so the score is a dot product of two towers here too.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import eigsh
from torch import Tensor, nn
from torch.nn import functional as F

from core.kinds import KINDS, TARGETS, codes
from retrieval.sequences import Sequences

_DEGREE_POWER = -0.25  # power of the degree by which counts are scaled down, on each side
_EIGENVALUE_POWER = 0.25  # power of an eigenvalue in a vector; in a product of two vectors it is twice that
_SHUNNED = codes(kind for kind in KINDS if kind not in TARGETS)


def spectral_vectors(sequences: Sequences, n_items: int, rank: int, window: int) -> NDArray[np.float32]:
    """Item vectors [n_items, rank] from counts of items at most `window` likings apart, each by 1 / distance.

    Zeros for an item that nobody liked, and in dimensions beyond those of a small catalogue.
    """
    counts = _cooccurrence(sequences, n_items, window)
    vectors = np.zeros((n_items, rank), dtype=np.float32)
    degrees = np.asarray(counts.sum(axis=1)).ravel()
    known = np.flatnonzero(degrees)
    found = min(rank, len(known) - 2)
    if found < 1:
        return vectors
    scale = diags(degrees[known] ** _DEGREE_POWER)
    start = np.ones(len(known))  # ARPACK's default is random
    values, vectors_of_known = eigsh(scale @ counts[known][:, known] @ scale, k=found, which="LA", v0=start)
    vectors[known, :found] = vectors_of_known * np.maximum(values, 0) ** _EIGENVALUE_POWER
    return vectors


def _cooccurrence(sequences: Sequences, n_items: int, window: int) -> csr_matrix:
    """Symmetric counts [n_items, n_items]."""
    users = np.repeat(np.arange(len(sequences.counts)), sequences.counts)[sequences.is_target]
    rows = sequences.rows[sequences.is_target]
    total = csr_matrix((n_items, n_items), dtype=np.float64)
    for distance in range(1, min(window, len(rows) - 1) + 1):
        same = users[distance:] == users[:-distance]
        pair = rows[:-distance][same], rows[distance:][same]
        total = total + csr_matrix((np.full(len(pair[0]), 1 / distance), pair), shape=total.shape)
    return (total + total.T).tocsr()


class SpectralUser(nn.Module):
    """The decayed sum of the unit vectors of a user's events; the latest has weight 1."""

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("shunned", torch.tensor(_SHUNNED), persistent=False)

    shunned: Tensor

    def forward(self, items: Tensor, kinds: Tensor, length: Tensor) -> Tensor:
        """items [B, L, r], kinds [B, L] and length [B] as in `UserTower` -> [B, r]; zeros without a liking."""
        back = length.unsqueeze(1) - 1 - torch.arange(items.shape[1], device=items.device)
        liked = (kinds.unsqueeze(-1) != self.shunned).all(-1)
        weights = torch.where((back >= 0) & liked, self.decay ** back.clamp(min=0).float(), 0.0)
        return (F.normalize(items, dim=-1) * weights.unsqueeze(-1)).sum(1)
