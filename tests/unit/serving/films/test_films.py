"""Search, shelves, similar items, people and the map, over HTTP."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from synthetic import GENRES, make_catalogue, make_policy, make_snapshot

from core.item_facts import ItemFacts
from recommender.live import Snapshot
from serving.films import examples, models

pytestmark = pytest.mark.anyio
WARM, COLD = 7, 999
SEEN = {10, 20, 30, 40, 50}


async def get(world: Any, path: str, status: int = 200, **parameters: Any) -> dict[str, Any]:
    async with world.client() as client:
        response = await client.get(path, params=parameters or None)
    assert response.status_code == status, response.text
    body: dict[str, Any] = response.json()
    return body


def ids(body: dict[str, Any]) -> list[Any]:
    return [one["item_id"] for one in body["items"]]


def changed(**columns: Any) -> Snapshot:
    """The catalogue with some columns replaced by expressions."""
    now = make_snapshot()
    return now.with_facts(ItemFacts(now.catalogue.to_frame().with_columns(**columns)))


def for_item(item: int, value: Any) -> pl.Expr:
    return pl.when(pl.col("item_id") == item).then(pl.lit(value))


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/trending", models.ShelfOfItems),
        ("/new", models.NewItems),
        ("/items/10/similar", models.SimilarItems),
        ("/search?q=film", models.SearchResult),
        ("/genres", models.Genres),
        ("/onboarding", models.Questions),
        ("/map", models.MapOfItems),
        ("/map/users/7", models.PathOfUser),
    ],
)
async def test_an_answer_keeps_to_its_schema(world, path: str, model: Any) -> None:
    model.model_validate(await get(world, path))


@pytest.mark.parametrize(
    ("example", "model"),
    [
        (examples.SHELF, models.ShelfOfItems),
        (examples.NEW, models.NewItems),
        (examples.SIMILAR, models.SimilarItems),
        (examples.SEARCH, models.SearchResult),
        (examples.GENRES, models.Genres),
        (examples.PERSON, models.Person),
        (examples.QUESTIONS, models.Questions),
        (examples.RANKED, models.Ranked),
        (examples.SESSION, models.SessionList),
        (examples.MAP, models.MapOfItems),
        (examples.PATH, models.PathOfUser),
    ],
)
def test_an_example_is_what_the_route_answers(example: dict[str, Any], model: Any) -> None:
    assert set(model.model_validate(example).model_dump(mode="json")) == set(example)


@pytest.mark.parametrize("path", ["/trending", "/new", "/items/10/similar"])
async def test_a_shelf_is_full_and_leaves_out_what_the_user_has_seen(world, path: str) -> None:
    everybody, theirs = await get(world, path, k=100), await get(world, path, k=100, user_id=WARM)
    assert len(ids(everybody)) == len(set(ids(everybody))) == 100
    assert len(ids(theirs)) == 100
    assert not SEEN & set(ids(theirs))
    assert len(ids(await get(world, path, k=3))) == 3


@pytest.mark.parametrize(
    "path", ["/trending?k=100", "/new?k=100", "/items/20/similar?k=100", "/search?q=film 0", "/onboarding?k=100"]
)
async def test_a_hidden_item_is_nowhere(build_world, make_host, path: str) -> None:
    before = ids(await get(build_world(), path))
    item = before[0]
    host = make_host(changed(hidden=pl.col("item_id") == item))
    assert item not in ids(await get(build_world(host), path))


async def test_a_policy_holds_on_shelves_and_in_search(build_world, make_host) -> None:
    policy = make_policy(filter=[{"part": "seen"}, {"part": "maturity", "max_maturity": 6, "keep_unknown": True}])
    host = make_host(changed(maturity=for_item(10, 18)), policy=policy)
    world = build_world(host)
    assert 10 not in ids(await get(world, "/trending", k=100))
    assert ids(await get(world, "/search", q="film 0")) == []
    assert ids(await get(world, "/search", q="film 1")) != []


async def test_trending_keeps_to_genres(world) -> None:
    body = await get(world, "/trending", genre=GENRES[0], k=50)
    assert body["items"]
    assert all(GENRES[0] in one["genres"] for one in body["items"])


async def test_the_newest_come_first_and_for_a_user_in_their_order(world) -> None:
    years = [one["year"] for one in (await get(world, "/new", k=30))["items"]]
    assert years == sorted(years, reverse=True)
    body = await get(world, "/new", k=5, user_id=WARM)
    assert [one["score"] for one in body["items"]] == sorted((one["score"] for one in body["items"]), reverse=True)
    newest = set(ids(await get(world, "/new", k=50)))
    assert set(ids(body)) <= newest | SEEN, "among the newest ten times as many"


async def test_similar_items_are_near_and_say_what_they_share(world) -> None:
    body = await get(world, "/items/10/similar", k=20)
    assert 10 not in ids(body)
    scores = [one["score"] for one in body["items"]]
    assert scores == sorted(scores, reverse=True)
    own = set((await get(world, "/items/10"))["genres"])
    for one in body["items"]:
        assert one["reasons"]
        shared = own & set(one["genres"])
        assert any(tie["code"] == "genres" for tie in one["reasons"]) == bool(shared)


async def test_an_item_newer_than_the_release_is_like_what_trends_in_its_genres(build_world, make_host) -> None:
    new = pl.DataFrame({"item_id": [77], "title": ["Late"], "genres": [["Drama"]], "year": pl.Series([2030], dtype=pl.Int32)})
    now = make_snapshot()
    facts = ItemFacts(pl.concat([now.catalogue.to_frame(), new], how="diagonal"))
    world = build_world(make_host(now, look=lambda: facts))
    body = await get(world, "/items/77/similar", k=5)
    assert all("Drama" in one["genres"] and one["reasons"] == [] for one in body["items"])
    assert len(body["items"]) == 5
    assert ids(await get(world, "/search", q="late")) == [77]
    await get(world, "/items/78/similar", status=404)


async def test_search_tells_where_and_prefers_the_whole_title(build_world, make_host) -> None:
    titles = {10: "Heat", 20: "Heathers", 30: "The Heat of the Night", 40: "Cold"}
    title = pl.col("title")
    for item, name in titles.items():
        title = pl.when(pl.col("item_id") == item).then(pl.lit(name)).otherwise(title)
    people = pl.when(pl.col("item_id") == 40).then(pl.lit(["Heather Graham"])).otherwise(pl.lit([], pl.List(pl.String)))
    world = build_world(make_host(changed(title=title, people=people)))
    body = await get(world, "/search", q="heat")
    assert ids(body) == [10, 20, 30, 40]
    assert body["items"][3]["matched"] == {"field": "person", "text": "Heather Graham"}
    assert (await get(world, "/people/heather graham"))["name"] == "Heather Graham"
    assert ids(await get(world, "/people/Heather Graham")) == [40]
    assert (await get(world, "/search", q="heahters"))["corrected"] == "heathers"
    await get(world, "/people/Nobody", status=404)


async def test_search_is_in_the_order_of_who_searches(world) -> None:
    stranger, theirs = await get(world, "/search", q="film", k=100), await get(world, "/search", q="film", k=100, user_id=WARM)
    assert ids(stranger) != ids(theirs)
    assert 10 in SEEN
    assert 10 in ids(await get(world, "/search", q="film 0", user_id=WARM)), "one may look for what one has seen"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/search", "q"),
        ("/search?q=", "q"),
        (f"/search?q={'a' * 201}", "q"),
        ("/search?q=a&k=0", "k"),
        ("/trending?k=101", "k"),
        ("/trending?gnre=Drama", "gnre"),
        ("/items/10/similar?k=x", "k"),
        ("/onboarding?k=-1", "k"),
        ("/new?user_id=%00", "user_id"),
    ],
)
async def test_a_wrong_question_is_refused_with_what_is_allowed(world, path: str, field: str) -> None:
    body = await get(world, path, status=422)
    assert [one["field"] for one in body["errors"]] == [field]
    assert body["errors"][0]["allowed"]


async def test_genres_count_what_may_be_shown_and_may_be_held(world) -> None:
    frame = make_catalogue().to_frame().explode("genres").drop_nulls("genres")
    expected = dict(frame.group_by("genres").len().iter_rows())
    async with world.client() as client:
        response = await client.get("/genres")
        again = await client.get("/genres", headers={"If-None-Match": response.headers["etag"]})
    assert {one["name"]: one["items"] for one in response.json()["genres"]} == expected
    assert (again.status_code, again.content) == (304, b"")


async def test_the_map_has_every_item_and_the_path_ends_where_the_user_is(world) -> None:
    body = await get(world, "/map")
    assert len(body["items"]) == len(body["x"]) == len(body["y"]) == len(body["genre"]) == 300
    assert max(map(abs, body["x"] + body["y"])) <= 1.0
    assert all(-1 <= genre < len(body["genres"]) for genre in body["genre"])
    path = await get(world, "/map/users/7")
    assert len(path["path"]) == len(SEEN)
    assert path["now"] == [path["path"][-1]["x"], path["path"][-1]["y"]]
    assert path["release"] == body["release"]
    assert await get(world, f"/map/users/{COLD}") == {"release": body["release"], "now": None, "path": []}


async def test_shelves_answer_while_the_feature_store_does_not(world, refuse) -> None:
    world.features.broken = refuse
    assert ids(await get(world, "/trending", user_id=WARM, k=5))
    assert ids(await get(world, "/search", q="film", user_id=WARM))
    assert (await get(world, "/map/users/7"))["path"] == []


async def test_a_catalogue_without_titles_genres_or_years_has_shelves_too(build_world, make_host) -> None:
    bare = changed(title=pl.lit(""), genres=pl.lit([], pl.List(pl.String)), year=pl.lit(None, pl.Int32))
    world = build_world(make_host(bare))
    for path in ("/trending", "/new", "/items/10/similar", "/onboarding"):
        assert len(ids(await get(world, path, k=7))) == 7
    assert ids(await get(world, "/search", q="film")) == []
    assert (await get(world, "/genres"))["genres"] == []
