"""Losses as pure functions. Users [m, d] have one target item each; the result is the mean over users."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def full_softmax(users: Tensor, items: Tensor, targets: Tensor, temperature: float = 1.0) -> Tensor:
    """Cross-entropy over every candidate (Klenitskiy and Vasilev, "Turning Dross Into Gold Loss", RecSys 2023).

    `items` [n, d] are the candidates and `targets` [m] index them.
    """
    return F.cross_entropy((users / temperature) @ items.T, targets)


def sampled_softmax(users: Tensor, positives: Tensor, negatives: Tensor, accidental: Tensor, temperature: float = 1.0) -> Tensor:
    """Cross-entropy of each positive against negatives that all users share (Jean et al., ACL 2015; Klenitskiy et al., 2023).

    `positives` [m, d], `negatives` [k, d]; `accidental` [m, k] is True where a negative is the user's own target: it does
    not count. Drawn uniformly, the negatives need no logQ correction.
    """
    users = users / temperature
    positive = (users * positives).sum(-1, keepdim=True)
    negative = (users @ negatives.T).masked_fill(accidental, -torch.inf)
    return F.cross_entropy(torch.cat([positive, negative], dim=1), torch.zeros(len(users), dtype=torch.long, device=users.device))
