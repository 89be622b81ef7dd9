"""The logQ correction makes any of the distributions an unbiased stand-in for the full softmax."""

import pytest
import torch
from torch import Tensor

from retrieval.losses import full_softmax, sampled_softmax
from retrieval.negatives import mixed, uniform

N, DRAWS = 50, 4000
UNIFORM, MIXED, UNIGRAM = 0.0, 0.5, 1.0  # the share of negatives that come from the batch


def _scores() -> Tensor:
    """Scores that grow with popularity: what makes an uncorrected sample of popular items wrong."""
    return torch.linspace(-1, 2, N, dtype=torch.float64)


def _targets() -> Tensor:
    """A batch that holds every item, item i about i times as often as item 1."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.multinomial(torch.arange(1.0, N + 1), 400, replacement=True, generator=generator)
    return torch.cat([drawn, torch.arange(N)])


def _estimates(k: int, in_batch: float, corrected: bool) -> Tensor:
    """Estimates of the partition sum, one per draw."""
    torch.manual_seed(1)
    scores, targets, found = _scores(), _targets(), []
    for _ in range(DRAWS):
        drawn = mixed(k, targets, N, in_batch)
        assert drawn.log_q is not None
        weights = torch.exp(-drawn.log_q[drawn.places].double()) if corrected else torch.full((k,), N / k).double()
        found.append((scores[drawn.places].exp() * weights).sum())
    return torch.stack(found)


def _z(estimates: Tensor) -> float:
    truth = _scores().exp().sum()
    return float((estimates.mean() - truth) / (estimates.std() / len(estimates) ** 0.5))


@pytest.mark.parametrize("in_batch", [UNIFORM, MIXED, UNIGRAM])
@pytest.mark.parametrize("k", [8, 33])
def test_corrected_negatives_are_unbiased(k: int, in_batch: float) -> None:
    assert abs(_z(_estimates(k, in_batch, corrected=True))) < 4


@pytest.mark.parametrize("in_batch", [MIXED, UNIGRAM])
def test_without_the_correction_they_are_not(in_batch: float) -> None:
    assert _z(_estimates(32, in_batch, corrected=False)) > 10


@pytest.mark.parametrize("in_batch", [UNIFORM, MIXED, UNIGRAM])
def test_with_many_negatives_loss_and_gradient_are_those_of_the_full_softmax(in_batch: float) -> None:
    torch.manual_seed(2)
    users, items = torch.randn(450, 6, dtype=torch.float64), torch.randn(N, 6, dtype=torch.float64)
    targets = _targets()
    drawn = mixed(100_000, targets, N, in_batch)
    assert drawn.log_q is not None
    found = []
    for log_q in (None, drawn.log_q[drawn.places]):
        table = items.clone().requires_grad_()
        accidental = targets.unsqueeze(1) == drawn.places
        loss = sampled_softmax(users, table[targets], table[drawn.places], accidental, log_q=log_q)
        loss.backward()
        found.append((loss.item(), table.grad))
    exact = items.clone().requires_grad_()
    truth = full_softmax(users, exact, targets)
    truth.backward()
    assert found[1][0] == pytest.approx(truth.item(), rel=0.01)
    torch.testing.assert_close(found[1][1], exact.grad, atol=2e-3, rtol=0.05)
    assert abs(found[0][0] - truth.item()) > 1, "a hundred thousand uncorrected negatives outweigh the positive"


def test_expected_counts_add_up_to_the_number_drawn() -> None:
    drawn = mixed(40, _targets(), N)
    assert drawn.log_q is not None
    assert drawn.log_q.exp().sum() == pytest.approx(40, rel=1e-5)
    assert drawn.places.shape == (40,)


def test_uniform_negatives_reach_every_candidate_alike() -> None:
    torch.manual_seed(0)
    drawn = uniform(50_000, _targets(), N)
    assert drawn.log_q is None
    counts = torch.bincount(drawn.places, minlength=N).double()
    assert ((counts - 1000).abs() < 5 * 1000**0.5).all()
