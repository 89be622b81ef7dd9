"""Losses as pure functions. Users [m, d] have one target item each; the result is the mean over users."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

_CHUNK = 512  # users whose scores of all candidates are in memory at once


def full_softmax(users: Tensor, items: Tensor, targets: Tensor, temperature: float = 1.0) -> Tensor:
    """Cross-entropy over every candidate (Klenitskiy and Vasilev, "Turning Dross Into Gold Loss", RecSys 2023).

    `items` [n, d] are the candidates and `targets` [m] index them. The scores [m, n] are never in memory at once.
    """
    loss: Tensor = _FullSoftmax.apply(users / temperature, items, targets)  # type: ignore[no-untyped-call]
    return loss


class _FullSoftmax(torch.autograd.Function):
    """Works in chunks and computes the gradients in the forward pass: a second pass over the scores would double the cost.

    Matrix products run in the precision of autocast, or of the inputs; the softmax in float32 or better.
    """

    @staticmethod
    def forward(ctx: Any, users: Tensor, items: Tensor, targets: Tensor) -> Tensor:
        kind = users.device.type
        dtype = (
            torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else torch.promote_types(users.dtype, items.dtype)
        )
        exact = torch.promote_types(dtype, torch.float32)
        with torch.autocast(kind, enabled=False):
            queries, table = users.to(dtype), items.to(dtype)
            columns = table.T.contiguous()
            user_grad = torch.empty_like(queries)
            item_grad = torch.zeros(items.shape, dtype=exact, device=items.device)
            total = torch.zeros((), dtype=exact, device=items.device)
            for start in range(0, len(users), _CHUNK):
                part, target = queries[start : start + _CHUNK], targets[start : start + _CHUNK].unsqueeze(1)
                log_p = torch.log_softmax((part @ columns).to(exact), dim=1)
                total -= log_p.gather(1, target).sum()
                slope = log_p.exp_().scatter_add_(1, target, log_p.new_full(target.shape, -1.0)).to(dtype)
                user_grad[start : start + _CHUNK] = slope @ table
                item_grad += slope.T @ part
        ctx.save_for_backward(user_grad, item_grad)
        ctx.dtypes = users.dtype, items.dtype
        return total / len(users)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        user_grad, item_grad = ctx.saved_tensors
        scale = grad / len(user_grad)
        return (user_grad * scale).to(ctx.dtypes[0]), (item_grad * scale).to(ctx.dtypes[1]), None


def sampled_softmax(
    users: Tensor,
    positives: Tensor,
    negatives: Tensor,
    accidental: Tensor,
    temperature: float = 1.0,
    log_q: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of each positive against negatives that all users share (Jean et al., ACL 2015; Klenitskiy et al., 2023).

    `positives` [m, d], `negatives` [k, d]; `accidental` [m, k] is True where a negative is the user's own target, which
    is then ignored. `log_q` [k] is the log of the expected count of each negative's item among them: subtracted from the
    scores (logQ correction: Bengio and Senécal, 2008; Yi et al., RecSys 2019), it makes the sum over negatives an unbiased
    estimate of the sum over all other items. The positive is always present, so unlike Yi et al. nothing is subtracted
    from it (Khrylchenko et al., "Correcting the LogQ Correction", RecSys 2025). Uniformly drawn negatives need no correction.
    """
    users = users / temperature
    positive = (users * positives).sum(-1, keepdim=True)
    negative = users @ negatives.T
    if log_q is not None:
        negative = negative - log_q
    scores = torch.cat([positive, negative.masked_fill(accidental, -torch.inf)], dim=1)
    return F.cross_entropy(scores, torch.zeros(len(users), dtype=torch.long, device=users.device))


def gbce(
    users: Tensor,
    positives: Tensor,
    negatives: Tensor,
    accidental: Tensor,
    n: int,
    calibration: float = 0.75,
    temperature: float = 1.0,
) -> Tensor:
    """Binary cross-entropy whose positive probability is raised to beta (Petrov and Macdonald, gSASRec, RecSys 2023).

    Shapes as in `sampled_softmax`; `n` is the number of candidates. `calibration` t is 0 for plain BCE; at 1 the sigmoid of
    the scores is a calibrated probability although only k of n - 1 negatives are sampled.
    """
    rate = min(1.0, len(negatives) / max(1, n - 1))
    beta = rate * (calibration * (1 - 1 / rate) + 1 / rate)
    users = users / temperature
    positive = beta * F.logsigmoid((users * positives).sum(-1))
    negative = F.logsigmoid(-(users @ negatives.T)).masked_fill(accidental, 0.0)
    return -(positive + negative.sum(-1)).mean()
