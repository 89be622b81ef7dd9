"""What was written for Gorse works unchanged: its own Python client against a served Marquee."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from gorse import AsyncGorse, Gorse, GorseException
from small_access import access_in
from synthetic import make_catalogue, make_snapshot

from app.usecases import gorse as bridge
from core.events import INTERACTIONS
from core.events import Interaction as Event
from lake.adapters.memory import MemoryLake
from lake.items_feed import ItemsFeed
from lake.tables import ITEMS
from serving.access.callers import Scope
from serving.gorse.facade import Gorse as Facade
from serving.gorse.kinds import FeedbackKinds
from serving.gorse.records import Item
from serving.gorse.store import GorseStore

WHEN = "2020-02-02T20:20:02Z"


class Served:
    """A small Marquee with Gorse's API, on a port."""

    def __init__(self, world: Any, lake: MemoryLake, port: int) -> None:
        self.world, self.lake, self.url = world, lake, f"http://127.0.0.1:{port}"
        self.server = uvicorn.Server(uvicorn.Config(world.app, "127.0.0.1", port, log_config=None))
        self.threads = [threading.Thread(target=self.server.run), threading.Thread(target=self._follow)]
        for thread in self.threads:
            thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def _follow(self) -> None:
        while not self.server.should_exit:
            self.world.service.host.look()
            time.sleep(0.05)

    def events(self) -> list[Event]:
        return [Event.model_validate_json(one.value) for one in self.world.log.inner.read(INTERACTIONS)]

    def stop(self) -> None:
        self.server.should_exit = True
        for thread in self.threads:
            thread.join()


@pytest.fixture
def serve(build_world: Any, make_host: Any, free_port: Callable[[], int], tmp_path: Path) -> Iterator[Callable[..., Served]]:
    made: list[Served] = []

    def start(**parts: Any) -> Served:
        lake = MemoryLake({ITEMS: make_catalogue().to_frame()})
        store = GorseStore(tmp_path / "gorse" / "records.db")
        facade = Facade(store, FeedbackKinds.load("default"), partial(bridge.insert, lake), partial(bridge.hide, lake))
        host = make_host(make_snapshot(), look=ItemsFeed(lake).look)
        parts.setdefault("admin_key", None)
        made.append(Served(build_world(host, lake=lake, gorse=facade, **parts), lake, free_port()))
        return made[-1]

    yield start
    for one in made:
        one.stop()
        one.world.app.state.api.gorse.store.close()


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    return serve()


@pytest.fixture
def client(served: Served) -> Gorse:
    return Gorse(served.url, "")


def status(call: Callable[[], Any]) -> int:
    with pytest.raises(GorseException) as refused:
        call()
    return int(refused.value.status_code)


def test_users(client: Gorse, served: Served) -> None:
    ann = {"UserId": "1000", "Labels": {"gender": "M", "occupation": "engineer"}, "Comment": "zhenghaoz"}
    assert client.insert_user(ann) == {"RowAffected": 1}
    assert client.get_user("1000") == ann
    assert client.insert_users([{"UserId": f"u{at}"} for at in range(5)]) == {"RowAffected": 5}
    assert client.get_user("u3") == {"UserId": "u3", "Labels": None, "Comment": ""}
    listed, cursor = client.get_users(4)
    rest, end = client.get_users(4, cursor)
    assert [one["UserId"] for one in [*listed, *rest]] == ["1000", "u0", "u1", "u2", "u3", "u4"]
    assert end == ""
    assert client.delete_user("1000") == {"RowAffected": 1}
    assert status(lambda: client.get_user("1000")) == 404
    assert served.world.erased == [1000]
    assert client.get_user("7")["UserId"] == "7", "who has a history is a user"
    patched = httpx.patch(f"{served.url}/api/user/u3", json={"Comment": "new"})
    assert patched.json() == {"RowAffected": 1}
    assert client.get_user("u3")["Comment"] == "new"


def test_items(client: Gorse) -> None:
    item = {
        "ItemId": "2000", "IsHidden": True, "Labels": {"embedding": [0.1, 0.2]}, "Categories": ["Comedy", "Animation"],
        "Timestamp": WHEN, "Comment": "Minions (2015)",
    }  # fmt: skip
    assert client.insert_item(item) == {"RowAffected": 1}
    assert client.get_item("2000") == item
    assert client.update_item("2000", is_hidden=False, categories=["Drama"], comment="Other", timestamp="2021-01-01") == {
        "RowAffected": 1
    }
    changed = client.get_item("2000")
    assert changed == item | {"IsHidden": False, "Categories": ["Drama"], "Comment": "Other", "Timestamp": "2021-01-01T00:00:00Z"}
    assert client.delete_item("2000") == {"RowAffected": 1}
    assert status(lambda: client.get_item("2000")) == 404
    assert client.insert_item({"ItemId": "github:a-b"}) == {"RowAffected": 1}
    assert client.get_item("github:a-b") == {
        "ItemId": "github:a-b", "IsHidden": False, "Categories": None, "Timestamp": "0001-01-01T00:00:00Z", "Labels": None,
        "Comment": "",
    }  # fmt: skip


def test_items_of_the_catalogue_are_listed_searched_and_changed(client: Gorse, served: Served) -> None:
    known = client.get_item("10")
    assert (known["ItemId"], known["IsHidden"], known["Comment"]) == ("10", False, "Film 0 <b>&")
    seen: list[str] = []
    cursor = ""
    while True:
        page, cursor = client.get_items(70, cursor)
        seen += [one["ItemId"] for one in page]
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == len(make_catalogue())
    assert seen == sorted(seen)
    assert client.search_items("Film 7", 3)
    for method, expected in (("put", ["Odd"]), ("delete", [])):
        done = getattr(httpx, method)(f"{served.url}/api/item/10/category/Odd")
        assert done.json() == {"RowAffected": 1}
        assert [one for one in client.get_item("10")["Categories"] if one == "Odd"] == expected
    client.delete_item("10")
    assert status(lambda: client.get_item("10")) == 404
    assert "10" not in [one["ItemId"] for one in client.get_items(1000)[0]]


def test_feedback_is_given_back_and_becomes_events(client: Gorse, served: Served) -> None:
    assert client.insert_feedback("like", "100", "20", WHEN) == {"RowAffected": 1}
    assert client.insert_feedback("like", "100", "20", WHEN) == {"RowAffected": 1}
    batch = [
        {"FeedbackType": kind, "UserId": "100", "ItemId": item, "Timestamp": WHEN, "Value": value}
        for kind, item, value in (("read", "30", 0), ("rating", "40", 4.5), ("watch", "50", 90), ("odd", "60", 1))
    ]
    assert client.insert_feedbacks(batch) == {"RowAffected": 4}
    events = {(one.kind.value, one.item_id): one.value for one in served.events()}
    assert events == {("rating", 20): 5.0, ("view", 30): None, ("rating", 40): 4.5, ("watch", 50): 90.0}
    assert len(served.events()) == 4, "the same feedback twice is one event"
    liked = client.list_feedbacks("like", "100")
    assert [(one["ItemId"], one["Timestamp"], one["FeedbackType"]) for one in liked] == [("20", WHEN, "like")]
    assert set(liked[0]) == {"FeedbackType", "UserId", "ItemId", "Value", "Timestamp", "Updated", "Comment"}
    page, cursor = client.get_feedbacks(3)
    rest, end = client.get_feedbacks(3, cursor)
    assert (len(page), len(rest), end) == (3, 2, "")
    assert client.get_user("100")["UserId"] == "100"
    between = httpx.get(f"{served.url}/api/feedback/100/20").json()
    assert [one["FeedbackType"] for one in between] == ["like"]
    assert httpx.get(f"{served.url}/api/feedback/like/100/20").json()["ItemId"] == "20"
    assert [one["UserId"] for one in httpx.get(f"{served.url}/api/item/20/feedback/").json()] == ["100"]
    assert len(httpx.get(f"{served.url}/api/user/100/feedback").json()) == 5
    assert len(httpx.get(f"{served.url}/api/feedback/odd").json()["Feedback"]) == 1
    assert client.delete_feedback("100", "20") == {"RowAffected": 1}
    assert client.list_feedbacks("like", "100") == []


def test_values_are_added_by_post_and_replaced_by_put(served: Served) -> None:
    sent = [{"FeedbackType": "odd", "UserId": "a", "ItemId": "20", "Value": 2, "Timestamp": WHEN}]
    address = f"{served.url}/api/feedback"
    for method, expected in (("post", 2.0), ("post", 4.0), ("put", 2.0)):
        getattr(httpx, method)(address, json=sent)
        assert httpx.get(f"{address}/odd/a/20").json()["Value"] == expected


def test_feedback_on_a_new_item_inserts_it_and_is_no_dead_letter(client: Gorse, served: Served) -> None:
    client.insert_feedback("like", "bob", "vuejs:vue", WHEN)
    assert client.get_item("vuejs:vue")["ItemId"] == "vuejs:vue"
    assert [(one.user_id, one.item_id) for one in served.events()] == [("bob", "vuejs:vue")]


def test_a_list_is_without_what_the_user_gave_feedback_to(client: Gorse, served: Served) -> None:
    first = client.get_recommend("7", n=5)
    assert len(first) == 5
    assert {type(one.id) for one in first} == {str}
    client.insert_feedback("odd", "7", first[0].id, WHEN)
    later = [one.id for one in client.get_recommend("7", n=5)]
    assert first[0].id not in later
    assert [one.id for one in client.get_recommend("7", n=2, offset=2)] == later[2:4]
    drama = client.get_recommend("7", category="Drama", n=5)
    assert all("Drama" in client.get_item(one.id)["Categories"] for one in drama)
    plain = httpx.get(f"{served.url}/api/recommend/7?n=3&category=Drama").json()
    assert [type(one) for one in plain] == [str, str, str]


def test_what_is_written_back_is_read_once_its_time_has_come(client: Gorse) -> None:
    now = [one.id for one in client.get_recommend("7", n=3, write_back_type="read", write_back_delay="1h0m0s")]
    assert {one["ItemId"] for one in client.list_feedbacks("read", "7")} == set(now)
    assert [one.id for one in client.get_recommend("7", n=3)] == now, "not yet"
    gone = [one.id for one in client.get_recommend("7", n=3, write_back_type="read", write_back_delay="0s")]
    assert not set(gone) & {one.id for one in client.get_recommend("7", n=3)}


def test_shelves_neighbours_and_sessions(client: Gorse, served: Served) -> None:
    def ask(path: str) -> Any:
        answer = httpx.get(f"{served.url}/api/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    for path in ("popular?n=4", "latest?n=4", "non-personalized/trending?n=4", "non-personalized/most_starred_weekly?n=4"):
        found = ask(path)
        assert [set(one) for one in found] == [{"Id", "Score"}] * 4, path
        assert ask(path + "&offset=2")[:2] == found[2:4], path
    taken = ask("popular?n=1")[0]["Id"]
    client.insert_feedback("odd", "7", taken, WHEN)
    assert taken not in [one["Id"] for one in ask("popular?n=5&user-id=7")]
    assert all("War" in client.get_item(one["Id"])["Categories"] for one in ask("popular/War?n=3"))
    near = client.get_neighbors("20", n=3)
    assert (len(near), set(near[0])) == (3, {"Id", "Score"})
    assert ask("item-to-item/neighbors/20?n=3") == near
    assert ask("item/nothing/neighbors") == []
    assert ask("user/7/neighbors/") == []
    visit = [{"FeedbackType": "like", "UserId": "", "ItemId": "20", "Timestamp": WHEN}]
    session = client.session_recommend(visit, n=3)
    assert (len(session), set(session[0])) == (3, {"Id", "Score"})
    assert "20" not in [one["Id"] for one in session]


def test_hiding_takes_effect_at_once(client: Gorse) -> None:
    first = client.get_recommend("7", n=1)[0].id
    client.update_item(first, is_hidden=True)
    assert first not in [one.id for one in client.get_recommend("7", n=20)]


def test_health_and_what_is_refused(served: Served) -> None:
    for path in ("live", "ready"):
        answer = httpx.get(f"{served.url}/api/health/{path}")
        assert (answer.status_code, answer.json()["Ready"]) == (200, True)
    for path in (
        "recommend/7?n=x",
        "recommend/7?write-back-type=read&write-back-delay=soon",
        "users?n=0",
        "users?cursor=!",
        "popular?n=-1",
    ):
        assert httpx.get(f"{served.url}/api/{path}").status_code == 400, path
    for body in (b"{", b"[1]", b'[{"UserId": "a"}]', b'{"FeedbackType": "like"}'):
        assert httpx.post(f"{served.url}/api/feedback", content=body).status_code == 400, body
    wrong = [{"FeedbackType": "like", "UserId": "a", "ItemId": "20", "Timestamp": "soon"}]
    assert httpx.post(f"{served.url}/api/feedback", json=wrong).status_code == 400
    assert httpx.get(f"{served.url}/api/nothing").status_code == 404
    assert served.events() == []


def test_keys(serve: Callable[..., Served], tmp_path: Path) -> None:
    access = access_in(tmp_path, "secret", open_to_all=False)
    served = serve(access=access)
    reader, everything = access.keys.create("reader", [Scope.READ]), access.keys.create("all", [Scope.ADMIN])
    assert status(lambda: Gorse(served.url, "").get_recommend("7")) == 401
    assert status(lambda: Gorse(served.url, "wrong").get_recommend("7")) == 401
    assert Gorse(served.url, reader).get_recommend("7", n=1)
    assert status(lambda: Gorse(served.url, reader).insert_item({"ItemId": "x"})) == 403
    for key in (everything, "secret"):
        assert Gorse(served.url, key).insert_item({"ItemId": "x"}) == {"RowAffected": 1}
    assert httpx.get(f"{served.url}/api/health/live").status_code == 200
    assert "/api/item" in (tmp_path / "audit.jsonl").read_text()


def test_an_admin_key_closes_writes_also_where_reading_is_open(serve: Callable[..., Served]) -> None:
    served = serve(admin_key="secret")
    assert Gorse(served.url, "").get_recommend("7", n=1)
    assert status(lambda: Gorse(served.url, "").insert_item({"ItemId": "x"})) == 401
    assert Gorse(served.url, "secret").insert_item({"ItemId": "x"}) == {"RowAffected": 1}


async def test_the_asynchronous_client(served: Served) -> None:
    client = AsyncGorse(served.url, "")
    assert await client.insert_feedback("like", "100", "20", WHEN) == {"RowAffected": 1}
    assert len(await client.get_recommend("100", n=3)) == 3
    assert (await client.get_item("20"))["ItemId"] == "20"


test_the_asynchronous_client = pytest.mark.anyio(test_the_asynchronous_client)


async def test_it_is_off_unless_it_is_asked_for(build_world: Any) -> None:
    async with build_world().client() as client:
        assert (await client.get("/api/recommend/7")).status_code == 404


test_it_is_off_unless_it_is_asked_for = pytest.mark.anyio(test_it_is_off_unless_it_is_asked_for)


@pytest.mark.parametrize(
    ("feedback_type", "value", "expected"),
    [
        ("like", 1.0, ("rating", 5.0)),
        ("rating", 4.0, ("rating", 4.0)),
        ("rating", 0.0, ("rating", 3.0)),
        ("watch", 90.0, ("watch", 90.0)),
        ("watch", 0.0, ("watch", 60.0)),
        ("purchase", 3.0, ("purchase", None)),
        ("read", 1.0, ("view", None)),
        ("applause", 1.0, None),
    ],
)
def test_what_a_type_of_feedback_means(feedback_type: str, value: float, expected: tuple[str, float | None] | None) -> None:
    meaning = FeedbackKinds.load("default").of(feedback_type)
    assert (None if meaning is None else (meaning.kind.value, meaning.value_of(value))) == expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2020-02-02T20:20:02Z", "2020-02-02T20:20:02Z"),
        ("2020-02-02", "2020-02-02T00:00:00Z"),
        ("2020-02-02 20:20:02", "2020-02-02T20:20:02Z"),
        ("2020-02-02T21:20:02+01:00", "2020-02-02T20:20:02Z"),
        ("May 8, 2009 5:57:51 PM", "2009-05-08T17:57:51Z"),
        ("1580674802", "2020-02-02T20:20:02Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_a_time_in_any_usual_form(text: str, shown: str) -> None:
    item = Item.of({"ItemId": "x", "Timestamp": text})
    assert item.to_json()["Timestamp"] == shown
