"""What the towers may and may not see."""

import numpy as np
import pytest
import torch

from core.catalogue import Catalogue
from core.kinds import KIND_CODE, Kind
from retrieval.config import TrainConfig
from retrieval.two_tower import TwoTower
from retrieval.user_tower import UserTower, value_buckets

MAX_LENGTH = 12
Inputs = dict[str, torch.Tensor]


def _history(batch: int, length: int, dim: int, seed: int = 0) -> Inputs:
    g = torch.Generator().manual_seed(seed)
    return {
        "items": torch.randn(batch, length, dim, generator=g),
        "kinds": torch.randint(0, 10, (batch, length), generator=g),
        "values": 5 * torch.rand(batch, length, generator=g),
        "gaps": 18 * torch.rand(batch, length, generator=g),
        "profile": torch.randint(1, 50, (batch, 2), generator=g),
    }


def _cut(history: Inputs, events: slice) -> Inputs:
    return {name: column if name == "profile" else column[:, events] for name, column in history.items()}


def _catalogue(n: int) -> Catalogue:
    genres = np.eye(2, dtype=np.float32)[np.arange(n) % 2]
    return Catalogue(np.arange(1, n + 1), tuple(f"film {k}" for k in range(n)), ("a", "b"), genres, np.full(n, 1999, np.float32))


@pytest.fixture(params=["sasrec", "ligr", "hstu"])
def tower(request: pytest.FixtureRequest) -> UserTower:
    torch.manual_seed(0)
    return UserTower(TrainConfig(dim=16, block=request.param, history_length=MAX_LENGTH)).eval()


@torch.no_grad()
def test_a_later_event_changes_no_earlier_state(tower: UserTower) -> None:
    history = _history(2, 9, 16)
    before = tower.encode(**history)
    for name in ("items", "kinds", "values", "gaps"):
        history[name][:, 6] = 3 if history[name].dtype == torch.int64 else 7.0
    after = tower.encode(**history)
    assert before.shape == (2, 10, 16)
    assert torch.equal(before[:, :7], after[:, :7])
    assert not torch.allclose(before[:, 7:], after[:, 7:])


@torch.no_grad()
def test_what_padding_holds_changes_nothing(tower: UserTower) -> None:
    history, length = _history(3, MAX_LENGTH, 16), torch.tensor([5, 0, 5])
    padded, short = tower(**history, length=length), tower(**_cut(history, slice(5)), length=length)
    torch.testing.assert_close(padded, short, atol=1e-5, rtol=0)


@torch.no_grad()
def test_position_is_relative(tower: UserTower) -> None:
    """Where a window was cut must not matter, but the order of its events must."""
    for block in tower.blocks:
        attended = torch.randn(1, 4, 16)
        shifted = torch.cat([torch.zeros(1, 3, 16), attended], dim=1)
        rotary = (block.attention if hasattr(block, "attention") else block).rotary
        heads = (x.view(1, x.shape[1], 2, 8).transpose(1, 2) for x in (attended, shifted))
        near, far = (rotary(x) @ rotary(x).transpose(-1, -2) for x in heads)
        torch.testing.assert_close(near, far[:, :, 3:, 3:], atol=1e-4, rtol=1e-4)
    history = _history(1, 6, 16)
    turned = {name: column if name == "profile" else column[:, [1, 0, 2, 3, 4, 5]] for name, column in history.items()}
    assert not torch.allclose(tower.encode(**history)[:, -1], tower.encode(**turned)[:, -1])


@torch.no_grad()
@pytest.mark.parametrize("name", ["items", "kinds", "values", "gaps", "profile"])
def test_every_input_matters(tower: UserTower, name: str) -> None:
    history = _history(1, 5, 16)
    before = tower.encode(**history)[:, -1]
    history[name] = history[name].flip(1) if name == "items" else torch.ones_like(history[name])
    assert not torch.equal(before, tower.encode(**history)[:, -1])


@torch.no_grad()
def test_a_user_without_events_is_their_profile(tower: UserTower) -> None:
    history = _history(2, 0, 16)
    vectors = tower(**history, length=torch.zeros(2, dtype=torch.int64))
    assert vectors.shape == (2, 16)
    assert torch.isfinite(vectors).all()
    assert not torch.allclose(vectors[0], vectors[1])


def test_stars_and_minutes_have_their_own_buckets() -> None:
    kinds = torch.tensor([[KIND_CODE[Kind.RATING]] * 4 + [KIND_CODE[Kind.WATCH]] * 4])
    values = torch.tensor([[0.0, 0.5, 5.0, 99.0, 0.0, 1.0, 90.0, 1440.0]])
    assert value_buckets(kinds, values).tolist() == [[0, 1, 10, 10, 11, 12, 17, 21]]


@torch.no_grad()
def test_cosine_vectors_have_length_one() -> None:
    model = TwoTower(_catalogue(6), np.ones(6, dtype=bool), TrainConfig(dim=16, similarity="cosine")).eval()
    np.testing.assert_allclose(np.linalg.norm(model.item_embeddings(), axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(model(**_history(2, 3, 16), length=torch.tensor([3, 1])).norm(dim=1), 1, rtol=1e-5)
