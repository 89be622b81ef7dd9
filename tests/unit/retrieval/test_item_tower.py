"""Who an item is and what it is like: the two parts of its embedding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from core.catalogue import Catalogue
from retrieval.bags import WeightedBags
from retrieval.content import Bags, content_tokens
from retrieval.item_tower import ItemTower


def catalogue(n: int) -> Catalogue:
    genres = np.eye(2, dtype=np.float32)[np.arange(n) % 2]
    titles = tuple(f"film {k // 2}" for k in range(n))
    return Catalogue(np.arange(1, n + 1), titles, ("a", "b"), genres, np.full(n, 1999, np.float32))


def tower(n: int = 40, dim: int = 8, known: np.ndarray | None = None, id_dropout: float = 0.0) -> ItemTower:
    torch.manual_seed(0)
    tower = ItemTower(catalogue(n), np.ones(n, dtype=bool) if known is None else known, dim, id_dropout)
    torch.nn.init.normal_(tower.tokens.weight)
    return tower


@pytest.mark.parametrize("at", [torch.arange(50), torch.tensor([7, 3, 3, 49, 0]), torch.tensor([], dtype=torch.int64)])
def test_bags_and_their_gradient_are_those_of_the_dense_product(at: torch.Tensor) -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 5, 50)
    rows, weights = rng.integers(0, 30, counts.sum()), rng.random(counts.sum(), dtype=np.float32)
    dense = torch.zeros(50, 30)
    dense.index_put_(
        (torch.from_numpy(np.repeat(np.arange(50), counts)), torch.from_numpy(rows)), torch.from_numpy(weights), True
    )
    table = torch.randn(30, 4, requires_grad=True)
    upstream = torch.randn(len(at), 4)
    bags = WeightedBags(Bags(np.append(0, counts.cumsum()), rows, weights), 30)
    for result in (bags(table, at), dense[at] @ table):
        result.backward(upstream)
    summed = table.grad
    table.grad = None
    result = dense[at] @ table
    torch.testing.assert_close(bags(table, at), result)
    result.backward(upstream)
    torch.testing.assert_close(summed, 2 * table.grad)


def test_an_unknown_item_is_its_content_and_a_known_one_more() -> None:
    known = np.arange(5) < 3
    items = tower(5, known=known)
    rows, content = items(torch.arange(5)), items.content(torch.arange(5))
    torch.testing.assert_close(rows[3:], content[3:])
    assert not torch.allclose(rows[:3], content[:3])


def test_id_dropout_takes_the_id_of_a_share_of_the_items_in_training_only() -> None:
    items = tower(2000, 4, id_dropout=0.3)
    rows = torch.arange(2000)
    bare = [float((items.train(mode)(rows) == items.content(rows)).all(1).float().mean()) for mode in (True, False)]
    assert bare[0] == pytest.approx(0.3, abs=0.05)
    assert bare[1] == 0


def test_some_rows_are_those_of_all_rows() -> None:
    items = tower()
    some = torch.tensor([39, 0, 5])
    torch.testing.assert_close(items(some), items(torch.arange(40))[some])


def test_a_film_that_is_in_no_catalogue_has_the_content_of_its_like() -> None:
    items = tower()
    torch.testing.assert_close(items.content_of(content_tokens(catalogue(40))), items.content(torch.arange(40)))
    new = replace(catalogue(1), titles=("film 0 neverseen",))
    assert torch.equal(items.content_of(content_tokens(new)), items.content_of(content_tokens(catalogue(1))))


def test_words_say_nothing_before_training_and_genres_do() -> None:
    items = ItemTower(catalogue(6), np.zeros(6, dtype=bool), 8, 0.0)
    rows = items(torch.arange(6))
    assert torch.equal(rows[0], rows[2])
    assert not torch.equal(rows[0], rows[1])


def test_training_moves_the_words() -> None:
    items = ItemTower(catalogue(6), np.ones(6, dtype=bool), 8, 0.0)
    items(torch.arange(6)).pow(3).sum().backward()
    assert items.tokens.weight.grad is not None
    assert (items.tokens.weight.grad.abs().sum(dim=1) > 0).all()


def test_weights_survive_a_file(tmp_path: Path) -> None:
    trained = tower(known=np.arange(40) % 3 > 0)
    save_file(trained.state_dict(), tmp_path / "x.safetensors")
    fresh = ItemTower(catalogue(40), np.ones(40, dtype=bool), 8, 0.0)
    fresh.load_state_dict(load_file(tmp_path / "x.safetensors"), strict=True)
    assert torch.equal(fresh(torch.arange(40)), trained(torch.arange(40)))
    assert torch.equal(fresh.content_of(content_tokens(catalogue(4))), trained.content_of(content_tokens(catalogue(4))))


def test_every_tensor_follows_the_device() -> None:
    moved = tower().to("meta")
    assert {tensor.device.type for tensor in (*moved.parameters(), *moved.buffers())} == {"meta"}
