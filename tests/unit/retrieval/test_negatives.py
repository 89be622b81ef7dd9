"""The logQ correction makes any of the distributions an unbiased stand-in for the full softmax's partition sum."""

import pytest
import torch

from retrieval.negatives import mixed, uniform

N, DRAWS = 50, 4000


def _scores() -> torch.Tensor:
    """Scores that grow with popularity: what makes an uncorrected sample of popular items wrong."""
    return torch.linspace(-1, 2, N, dtype=torch.float64)


def _targets() -> torch.Tensor:
    """A batch in which item i is about i times as frequent as item 1."""
    generator = torch.Generator().manual_seed(0)
    return torch.multinomial(torch.arange(1.0, N + 1), 400, replacement=True, generator=generator)


def _estimates(k: int, corrected: bool) -> torch.Tensor:
    """Estimates of the partition sum, one per draw."""
    torch.manual_seed(1)
    scores, targets, found = _scores(), _targets(), []
    for _ in range(DRAWS):
        drawn = mixed(k, targets, N)
        assert drawn.log_q is not None
        weights = torch.exp(-drawn.log_q[drawn.places].double()) if corrected else torch.full((k,), N / k).double()
        found.append((scores[drawn.places].exp() * weights).sum())
    return torch.stack(found)


def _z(estimates: torch.Tensor) -> float:
    truth = _scores().exp().sum()
    return float((estimates.mean() - truth) / (estimates.std() / len(estimates) ** 0.5))


@pytest.mark.parametrize("k", [8, 33])
def test_corrected_mixed_negatives_are_unbiased(k: int) -> None:
    assert abs(_z(_estimates(k, corrected=True))) < 4


def test_without_the_correction_they_are_not() -> None:
    assert _z(_estimates(32, corrected=False)) > 10


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
