"""Negative samplers of a sampled loss: distributions over the n candidates, shared by all users of a batch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Negatives(NamedTuple):
    """k drawn candidates, and the expected count of each candidate among them."""

    places: Tensor  # [k] int64 in 0 .. n - 1
    log_q: Tensor | None  # [n] log of the expected count of each candidate; None if all are equal


def uniform(k: int, targets: Tensor, n: int) -> Negatives:
    """k candidates, drawn uniformly: needs no correction below some ten thousand items."""
    return Negatives(torch.randint(n, (k,), device=targets.device), None)


def mixed(k: int, targets: Tensor, n: int, in_batch: float = 0.5) -> Negatives:
    """A share `in_batch` from the batch's own targets [m], the rest uniform (Yang et al., "Mixed Negative Sampling", WWW 2020).

    In-batch negatives alone never show an unpopular item; uniform ones alone are too easy in a huge catalogue. The expected
    counts correct for both distributions (logQ: Yi et al., RecSys 2019).
    """
    from_batch = round(k * in_batch)
    drawn = targets[torch.randint(len(targets), (from_batch,), device=targets.device)]
    anywhere = torch.randint(n, (k - from_batch,), device=targets.device)
    share = torch.bincount(targets, minlength=n) / len(targets)
    expected = from_batch * share + (k - from_batch) / n
    return Negatives(torch.cat([drawn, anywhere]), expected.log())
