"""Losses against slow references that follow the definitions term by term."""

import math

import pytest
import torch

from retrieval.losses import full_softmax, sampled_softmax


def _random(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("temperature", [1.0, 0.05])
def test_full_softmax_is_the_negative_log_likelihood(temperature: float) -> None:
    users, items, targets = _random(0, 5, 4), _random(1, 7, 4), torch.tensor([0, 6, 3, 3, 1])
    expected = 0.0
    for user, target in zip(users, targets, strict=True):
        scores = [float(user @ item) / temperature for item in items]
        top = max(scores)
        expected += top + math.log(sum(math.exp(s - top) for s in scores)) - scores[target]
    assert float(full_softmax(users, items, targets, temperature)) == pytest.approx(expected / 5)


def test_sampled_softmax_leaves_accidental_hits_out() -> None:
    users, positives, negatives = _random(0, 3, 4), _random(1, 3, 4), _random(2, 6, 4)
    accidental = torch.zeros(3, 6, dtype=torch.bool)
    accidental[0, 2] = accidental[2, 5] = True
    expected = 0.0
    for row in range(3):
        positive = math.exp(float(users[row] @ positives[row]))
        others = [math.exp(float(users[row] @ negatives[k])) for k in range(6) if not accidental[row, k]]
        expected -= math.log(positive / (positive + sum(others)))
    assert float(sampled_softmax(users, positives, negatives, accidental)) == pytest.approx(expected / 3)


def test_sampled_softmax_over_all_other_items_is_the_full_softmax() -> None:
    users, items, targets = _random(0, 5, 4), _random(1, 7, 4), torch.tensor([0, 6, 3, 3, 1])
    accidental = targets.unsqueeze(1) == torch.arange(7)
    sampled = sampled_softmax(users, items[targets], items, accidental, 0.5)
    assert float(sampled) == pytest.approx(float(full_softmax(users, items, targets, 0.5)))


def test_all_equal_scores_cost_the_logarithm_of_the_number_of_items() -> None:
    loss = full_softmax(torch.zeros(2, 3), torch.ones(8, 3), torch.tensor([0, 5]))
    assert float(loss) == pytest.approx(math.log(8))
