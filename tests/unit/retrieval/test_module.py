"""Ranks, the learning-rate plan, and what decays."""

import pytest
import torch

from retrieval.module import learning_rate_plan, parameter_groups, ranks_of


def test_ranks_count_the_items_at_or_above_the_target() -> None:
    scores = torch.tensor([[0.1, 0.9, 0.5, -torch.inf], [3.0, 2.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    assert ranks_of(scores, torch.tensor([1, 3, 0])).tolist() == [0, 3, 3]


def test_scores_that_are_no_numbers_rank_last() -> None:
    scores = torch.tensor([[torch.nan] * 4, [0.5, torch.nan, 0.1, 0.2]])
    assert ranks_of(scores, torch.tensor([1, 0])).tolist() == [3, 1]


def test_ranks_agree_with_a_sort_on_random_scores() -> None:
    scores = torch.randn(50, 30, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(50) % 30
    slow = [row.argsort(descending=True).tolist().index(int(t)) for row, t in zip(scores, targets, strict=True)]
    assert ranks_of(scores, targets).tolist() == slow


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    plan = learning_rate_plan(200, warm_up=10)
    rates = [plan(step) for step in range(260)]
    assert rates[0] == pytest.approx(0.1)
    assert rates.index(max(rates)) == 9
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[100] == pytest.approx(0.5)
    assert rates[200:] == [0.0] * 60
    assert learning_rate_plan(1, warm_up=500)(0) == 1


def test_only_weight_matrices_decay() -> None:
    model = torch.nn.ModuleDict({"table": torch.nn.Embedding(3, 2), "net": torch.nn.Linear(2, 2), "norm": torch.nn.LayerNorm(2)})
    decaying, still = parameter_groups(model, 0.5)
    assert decaying == {"params": [model["net"].weight], "weight_decay": 0.5}
    assert still["weight_decay"] == 0
    assert len(still["params"]) == 4
