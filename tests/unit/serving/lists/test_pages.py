"""Pages of a list: one after the other they are the list, whatever ids look like, and a wrong page says what a right one is."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import polars as pl
import pytest
from synthetic import make_catalogue, make_snapshot

from core.catalogue import Catalogue
from core.ids import FIRST_ITEM_KEY, ExternalId
from core.item_facts import ItemFacts

pytestmark = pytest.mark.anyio
PAGE, PAGES = 20, 5
USERS = [7, 999, "00042", "SKU/é 1?&=#", "用户-7", "u" * 128]


@pytest.fixture
def skus(build_world, make_host) -> Any:
    """A world whose every second item is called something that is no whole number, and that explores much."""
    keys = {f"{row:05d}/é" if row % 4 else f"{row:0128d}": FIRST_ITEM_KEY + row for row in range(150)}
    frame = make_catalogue().to_frame()
    renamed = [FIRST_ITEM_KEY + row // 2 if row % 2 else key for row, key in enumerate(frame["item_id"].to_list())]
    frame = frame.with_columns(pl.Series("item_id", renamed, dtype=pl.Int64))
    catalogue = Catalogue.from_frame(frame)
    return build_world(make_host(make_snapshot(catalogue=catalogue, facts=ItemFacts(frame, keys)), exploration=0.6))


async def page(world: Any, user: ExternalId, **params: Any) -> dict[str, Any]:
    async with world.client() as client:
        response = await client.get(f"/recommend/{quote(str(user), safe='')}", params=params)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


@pytest.mark.parametrize("user", USERS, ids=lambda user: str(user)[:12])
async def test_five_pages_are_the_list_of_a_hundred(skus: Any, user: ExternalId) -> None:
    first = await page(skus, user, k=PAGE)
    of = first["request_id"]
    later = [await page(skus, user, k=PAGE, offset=at * PAGE, page_of=of) for at in range(1, PAGES)]
    shown = [entry["item_id"] for body in (first, *later) for entry in body["recommendations"]]
    assert len(shown) == len(set(shown)) == PAGE * PAGES
    assert {type(item) for item in shown} == {int, str}
    whole = await page(skus, user, k=PAGE * PAGES, page_of=of)
    assert [entry["item_id"] for entry in whole["recommendations"]] == shown
    logged = skus.shown()
    assert [one.position for one in logged] == [*range(100), *range(100)]
    assert {one.user_id for one in logged} == {user}
    paged, at_once = logged[:100], logged[100:]
    assert [one.item_id for one in paged] == shown
    assert [(one.propensity, one.explored) for one in paged] == [(one.propensity, one.explored) for one in at_once]
    assert any(one.explored for one in paged[PAGE:]), "later pages explore too"


@pytest.mark.parametrize(
    ("params", "field", "value"),
    [
        ({"offset": "-1"}, "offset", "-1"),
        ({"offset": "100"}, "offset", "100"),
        ({"offset": "9" * 30}, "offset", "9" * 30),
        ({"offset": "nan"}, "offset", "nan"),
        ({"offset": "1e1"}, "offset", "1e1"),
        ({"offset": ""}, "offset", ""),
        ({"offset": "٢٠"}, "offset", "٢٠"),
        ({"offset": "20", "page_of": "G" * 32}, "page_of", "G" * 32),
        ({"offset": "20", "page_of": "a" * 33}, "page_of", "a" * 33),
        ({"offset": "20", "page_of": "a" * 31 + "\n"}, "page_of", "a" * 31 + "\n"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_a_wrong_page_is_named_with_what_is_allowed(world, params: dict[str, str], field: str, value: str) -> None:
    async with world.client() as client:
        response = await client.get("/recommend/SKU%2F%C3%A9", params=params)
    assert response.status_code == 422, response.text
    allowed = {"offset": "an integer from 0 to 99", "page_of": "the request_id of the first page: 32 digits of 0 to 9 and a to f"}
    assert response.json()["errors"] == [{"field": field, "value": value, "allowed": allowed[field]}]


async def test_a_page_ends_where_the_list_ends_after_a_hundred_positions(world) -> None:
    async with world.client() as client:
        fits = await client.get("/recommend/7", params={"offset": 99, "k": 1, "page_of": "0" * 32})
        wide = await client.get("/recommend/7", params={"offset": 99, "k": 100, "page_of": "0" * 32})
    assert (wide.status_code, items_of(wide.json())) == (200, items_of(fits.json()))
    assert len(items_of(fits.json())) == 1


async def test_without_a_first_page_it_is_a_page_of_the_list_as_it_is_now(world) -> None:
    whole = await page(world, 7, k=30)
    assert items_of(await page(world, 7, k=10, offset=20)) == items_of(whole)[20:]


def items_of(body: dict[str, Any]) -> list[ExternalId]:
    return [entry["item_id"] for entry in body["recommendations"]]


@pytest.mark.parametrize("consumed", [0, 3], ids=["another", "one of the first page"])
async def test_no_page_repeats_an_item_though_the_user_changed_in_between(skus: Any, consumed: int) -> None:
    shown: list[ExternalId] = []
    first = await page(skus, 7, k=PAGE)
    shown += items_of(first)
    for at in range(1, PAGES):
        keys = skus.service.host.facts.keys[[at * 17, at * 17 + 1]].tolist()
        taken = [skus.service.host.facts.key_of(shown[-1])] if consumed else keys
        skus.remember(7, taken)  # taste and what was consumed are others now
        body = await page(skus, 7, k=PAGE, offset=at * PAGE, page_of=first["request_id"])
        assert len(items_of(body)) == PAGE
        shown += items_of(body)
    assert len(shown) == len(set(shown)) == PAGE * PAGES
    logged = skus.shown()
    assert [one.position for one in logged] == list(range(PAGE * PAGES))
    assert all(0 < one.propensity <= 1 for one in logged)


async def test_a_page_that_was_left_out_comes_later_and_repeats_nothing(skus: Any) -> None:
    first = await page(skus, 7, k=PAGE)
    skus.remember(7, skus.service.host.facts.keys[[5, 6, 7]].tolist())
    third = await page(skus, 7, k=PAGE, offset=2 * PAGE, page_of=first["request_id"])
    skus.remember(7, skus.service.host.facts.keys[[50, 60]].tolist())
    second = await page(skus, 7, k=PAGE, offset=PAGE, page_of=first["request_id"])
    shown = [item for body in (first, second, third) for item in items_of(body)]
    assert len(shown) == len(set(shown)) == 3 * PAGE


async def test_a_list_of_somebody_else_or_of_long_ago_is_not_gone_on_with(skus: Any) -> None:
    first = await page(skus, 7, k=PAGE)
    of, held = first["request_id"], skus.service.shown
    assert (bool(held.of(of, 7)), bool(held.of(of, 8)), bool(held.of("0" * 32, 7))) == (True, False, False)
    held.forget(7)
    assert not held.of(of, 7)
    assert len(items_of(await page(skus, 7, k=PAGE, offset=PAGE, page_of=of))) == PAGE, "by its seed"
