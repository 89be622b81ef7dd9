"""Losses against slow references that follow the definitions term by term."""

import math

import pytest
import torch
from torch.nn import functional as F

from retrieval.losses import full_softmax, gbce, sampled_softmax


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


@pytest.mark.parametrize("temperature", [1.0, 0.2])
@pytest.mark.parametrize("m", [1, 700])
def test_the_chunked_softmax_has_the_gradients_of_the_plain_one(m: int, temperature: float) -> None:
    torch.manual_seed(0)
    targets = torch.randint(40, (m,))
    found = []
    for loss in (full_softmax, lambda u, i, t, tau: F.cross_entropy(u @ i.T / tau, t)):
        torch.manual_seed(1)
        users = torch.randn(m, 6, dtype=torch.float64, requires_grad=True)
        items = torch.randn(40, 6, dtype=torch.float64, requires_grad=True)
        value = loss(users, items, targets, temperature)
        (3 * value).backward()
        found.append((value.detach(), users.grad, items.grad))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_chunked_softmax_follows_autocast() -> None:
    torch.manual_seed(0)
    users, items = torch.randn(600, 32, requires_grad=True), torch.randn(300, 32, requires_grad=True)
    targets = torch.randint(300, (600,))
    exact = full_softmax(users, items, targets)
    with torch.autocast("cpu", torch.bfloat16):
        mixed_precision = full_softmax(users, items, targets)
    mixed_precision.backward()
    assert mixed_precision.dtype == users.grad.dtype == torch.float32
    assert mixed_precision.item() == pytest.approx(exact.item(), rel=0.01)
    assert mixed_precision.item() != exact.item()


def test_log_q_by_hand() -> None:
    """Scores 2 and 1; the negative was expected twice: softmax over 2 and 1 - log 2."""
    user, positive, negative = torch.tensor([[1.0]]), torch.tensor([[2.0]]), torch.tensor([[1.0]])
    log_q = torch.tensor([2.0]).log()
    loss = sampled_softmax(user, positive, negative, torch.tensor([[False]]), log_q=log_q)
    a, b = 2, 1 - math.log(2)
    assert loss.item() == pytest.approx(-math.log(math.exp(a) / (math.exp(a) + math.exp(b))), rel=1e-5)


@pytest.mark.parametrize(("calibration", "beta"), [(0.0, 1.0), (1.0, 0.25), (0.5, 0.625)])
def test_gbce_by_hand(calibration: float, beta: float) -> None:
    """Two of eight possible negatives: the rate is 1/4, so beta goes from 1 at t = 0 to 1/4 at t = 1."""
    user, positive, negatives = torch.tensor([[1.0]]), torch.tensor([[0.7]]), torch.tensor([[-0.3], [0.4]])
    loss = gbce(user, positive, negatives, torch.tensor([[False, False]]), 9, calibration)
    log_sigmoid = lambda x: -math.log(1 + math.exp(-x))  # noqa: E731
    expected = -(beta * log_sigmoid(0.7) + log_sigmoid(0.3) + log_sigmoid(-0.4))
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_gbce_leaves_accidental_hits_out_and_stays_finite() -> None:
    user, positive = torch.tensor([[1.0]]), torch.tensor([[500.0]])
    hit = gbce(user, positive, torch.tensor([[500.0], [-2.0]]), torch.tensor([[True, False]]), 100)
    assert hit.item() == pytest.approx(math.log(1 + math.exp(-2)), rel=1e-4)
