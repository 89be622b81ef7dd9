"""What the towers may and may not see."""

import numpy as np
import pytest
import torch

from core.catalogue import Catalogue
from core.events import KIND_CODE, Kind
from retrieval.config import TrainConfig
from retrieval.item_tower import ItemTower, year_buckets
from retrieval.two_tower import TwoTower
from retrieval.user_tower import UserTower

History = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def _history(batch: int, length: int, dim: int, seed: int = 0) -> History:
    g = torch.Generator().manual_seed(seed)
    return (
        torch.randn(batch, length, dim, generator=g),
        torch.randint(0, 10, (batch, length), generator=g),
        5 * torch.rand(batch, length, generator=g),
        18 * torch.rand(batch, length, generator=g),
        torch.ones(batch, length, dtype=torch.bool),
    )


def _catalogue(n: int) -> Catalogue:
    genres = np.eye(2, dtype=np.float32)[np.arange(n) % 2]
    return Catalogue(np.arange(1, n + 1), tuple(f"film {k}" for k in range(n)), ("a", "b"), genres, np.full(n, 1999, np.float32))


@pytest.fixture(params=["sasrec", "ligr"])
def tower(request: pytest.FixtureRequest) -> UserTower:
    torch.manual_seed(0)
    return UserTower(TrainConfig(dim=16, block=request.param)).eval()


@torch.no_grad()
def test_a_later_event_changes_no_earlier_state(tower: UserTower) -> None:
    history = _history(2, 9, 16)
    before = tower.encode(*history)
    for column in history[:-1]:
        column[:, 6] = 3 if column.dtype == torch.int64 else 7.0
    after = tower.encode(*history)
    assert torch.equal(before[:, :6], after[:, :6])
    assert not torch.allclose(before[:, 6:], after[:, 6:])


@torch.no_grad()
def test_padding_on_the_left_changes_nothing(tower: UserTower) -> None:
    whole = _history(3, 12, 16)
    padded = tuple(column.clone() for column in whole)
    padded[4][:, :7] = False
    short = tuple(column[:, 7:] for column in whole)
    torch.testing.assert_close(tower(*padded), tower(*short), atol=1e-5, rtol=0)


@torch.no_grad()
def test_events_older_than_the_windows_of_training_are_not_read() -> None:
    tower = UserTower(TrainConfig(dim=16, history_length=4)).eval()
    longer = _history(2, 9, 16)
    torch.testing.assert_close(tower(*longer), tower(*(column[:, -4:] for column in longer)))


@torch.no_grad()
@pytest.mark.parametrize("column", range(4))
def test_every_input_matters(tower: UserTower, column: int) -> None:
    history = list(_history(1, 5, 16))
    before = tower(*history)
    history[column] = torch.ones_like(history[column]) if column else history[column].flip(1)
    assert not torch.equal(before, tower(*history))


@torch.no_grad()
def test_stars_and_minutes_have_their_own_scales(tower: UserTower) -> None:
    items, _, _, gaps, mask = _history(1, 1, 16)
    watched = torch.tensor([[KIND_CODE[Kind.WATCH]]])
    whole_day, film = (tower(items, watched, torch.tensor([[m]]), gaps, mask) for m in (1440.0, 90.0))
    assert torch.isfinite(whole_day).all()
    assert not torch.allclose(whole_day, film)


@torch.no_grad()
def test_a_history_of_padding_alone_is_finite(tower: UserTower) -> None:
    history = _history(1, 4, 16)
    history[4][:] = False
    assert torch.isfinite(tower(*history)).all()


@torch.no_grad()
def test_cosine_vectors_have_length_one() -> None:
    model = TwoTower(_catalogue(6), np.ones(6, dtype=bool), TrainConfig(dim=16, similarity="cosine")).eval()
    np.testing.assert_allclose(np.linalg.norm(model.item_embeddings(), axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(model(*_history(2, 3, 16)).norm(dim=1), 1, rtol=1e-5)


def test_an_unknown_item_is_its_content_and_a_known_one_more() -> None:
    known = np.array([True, True, True, False, False])
    tower = ItemTower(_catalogue(5), known, 8, id_dropout=0.0)
    rows = tower(torch.arange(5))
    content = tower.genre(tower.genres) + tower.years(tower.year)
    torch.testing.assert_close(rows[3:], content[3:])
    assert not torch.allclose(rows[:3], content[:3])


def test_id_dropout_takes_the_id_of_a_share_of_the_items_in_training_only() -> None:
    tower = ItemTower(_catalogue(2000), np.ones(2000, dtype=bool), 4, id_dropout=0.3)
    torch.manual_seed(0)
    content = tower.genre(tower.genres) + tower.years(tower.year)
    bare = [float((tower.train(mode)(torch.arange(2000)) == content).all(1).float().mean()) for mode in (True, False)]
    assert bare[0] == pytest.approx(0.3, abs=0.05)
    assert bare[1] == 0


def test_year_buckets() -> None:
    years = np.array([0, 1880, 1900, 1904, 1905, 2018, 3000], dtype=np.float32)
    assert year_buckets(years).tolist() == [0, 1, 1, 1, 2, 24, 41]
