"""Both clients against a real server: answers, problems as exceptions, and what is sent again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
import uvicorn

import marquee_client as mc

NOW = mc.Retries(first=0.001, most=0.001)


@pytest.fixture(scope="module")
def url(build_world: Any, free_port: Callable[[], int]) -> Iterator[str]:
    """A small Marquee on a port of its own."""
    world, port = build_world(), free_port()
    server = uvicorn.Server(uvicorn.Config(world.app, "127.0.0.1", port, log_config=None))
    running = threading.Thread(target=server.run)
    running.start()
    while not server.started:
        threading.Event().wait(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    running.join()


def test_lists_events_and_items(url: str) -> None:
    with mc.Client(url, admin_key="secret") as client:
        found = client.recommend(7, k=5, genre=["Drama"], explain=True)
        assert len(found["recommendations"]) == 5
        shown = found["recommendations"][0]["item_id"]
        assert client.recommend_ids(7, k=5)["recommendations"]
        assert shown not in client.recommend_ids(7, k=50, exclude=[shown])["recommendations"]
        assert client.recommend_with_body(7, k=3, exclude=[shown])["user_id"] == 7
        assert client.why(7, shown)["item_id"] == shown
        told = client.post_events({"user_id": 7, "item_id": shown, "kind": "click", "request_id": found["request_id"]})
        assert told["accepted"] == 1
        batch: list[mc.Event] = [
            {"user_id": "zoë/1", "item_id": 10, "kind": "view"},
            {"user_id": 7, "item_id": 10, "kind": "view"},
        ]
        assert client.post_events(batch)["accepted"] == 2
        assert client.item(10)["item_id"] == 10
        assert client.history("zoë/1")["known"] is False
        assert client.change_item(10, hidden=False)["changed"] is False
        assert client.ready()["status"] in ("up", "degraded")
        assert "marquee_requests_total" in client.metrics()
        assert client.promote("2", dry_run=True)["dry_run"] is True
        assert client.domain()["words"]["item"] == "film"
        tag = client.http.get("/items/10").headers["etag"]
        with pytest.raises(mc.NotModified):
            client.item(10, if_none_match=tag)


def test_a_problem_is_an_exception_with_everything_that_the_answer_says(url: str) -> None:
    with mc.Client(url, retries=NOW) as client:
        with pytest.raises(mc.NotFound) as missing:
            client.item("no such thing")
        assert (missing.value.status, missing.value.slug) == (404, "not-found")
        with pytest.raises(mc.InvalidInput) as wrong:
            client.recommend(7, k=1000)
        assert wrong.value.errors[0]["field"] == "k"
        assert wrong.value.request_id
        with pytest.raises(mc.Unauthorized):
            client.releases()
    with mc.Client(url, admin_key="wrong") as client, pytest.raises(mc.Forbidden):
        client.releases()


async def test_the_asynchronous_client_asks_for_several_things_at_once(url: str) -> None:
    async with mc.AsyncClient(url) as client:
        lists = await asyncio.gather(*(client.recommend(user, k=3) for user in (7, 8, "zoë/1")))
        assert [one["user_id"] for one in lists] == [7, 8, "zoë/1"]
        with pytest.raises(mc.NotFound):
            await client.item("no such thing")


test_the_asynchronous_client_asks_for_several_things_at_once = pytest.mark.anyio(
    test_the_asynchronous_client_asks_for_several_things_at_once
)


class Unsteady(BaseHTTPRequestHandler):
    """Answers what the test has put into `script`, and notes what it was sent."""

    script: ClassVar[list[tuple[int, dict[str, str], bytes]]] = []
    bodies: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        self.bodies.append(self.rfile.read(length))
        status, headers, body = self.script.pop(0)
        if status == 0:  # the connection breaks after the request was read
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def unsteady() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Unsteady)
    Unsteady.script.clear()
    Unsteady.bodies.clear()
    running = threading.Thread(target=server.serve_forever)
    running.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    running.join()


FINE = (202, {}, b'{"accepted": 1, "duplicates": 0, "quarantined": [], "event_ids": ["x"]}')
BUSY = (503, {"retry-after": "0"}, b'{"type": "urn:marquee:problem:overloaded", "title": "Busy", "status": 503, "detail": "d"}')
EVENT: mc.Event = {"user_id": 7, "item_id": 10, "kind": "view"}


@pytest.mark.parametrize("first", [BUSY, (0, {}, b""), (502, {}, b"<html>")], ids=["busy", "broken", "proxy"])
def test_an_event_is_sent_again_under_the_same_id(unsteady: str, first: Any) -> None:
    Unsteady.script[:] = [first, first, FINE]
    with mc.Client(unsteady, retries=NOW) as client:
        assert client.post_events(EVENT)["accepted"] == 1
    assert len(Unsteady.bodies) == 3
    assert len(set(Unsteady.bodies)) == 1
    assert b'"event_id"' in Unsteady.bodies[0]


@pytest.mark.parametrize("first", [BUSY, (0, {}, b"")], ids=["busy", "broken"])
def test_what_would_be_done_twice_is_not_sent_again(unsteady: str, first: Any) -> None:
    Unsteady.script[:] = [first]
    with mc.Client(unsteady, retries=NOW) as client, pytest.raises(mc.ClientError):
        client.retrain(reason="x")
    assert len(Unsteady.bodies) == 1


def test_what_was_refused_for_asking_too_often_was_not_done_and_is_sent_again(unsteady: str) -> None:
    Unsteady.script[:] = [(429, {"retry-after": "0"}, b"{}"), (200, {}, b'{"trigger": "manual", "reasons": [], "detail": ""}')]
    with mc.Client(unsteady, retries=NOW) as client:
        assert client.retrain()["trigger"] == "manual"


def test_it_gives_up_after_the_last_attempt_with_what_was_said(unsteady: str) -> None:
    Unsteady.script[:] = [BUSY] * 4
    with mc.Client(unsteady, retries=NOW) as client, pytest.raises(mc.Unavailable) as refused:
        client.recommend(7)
    assert (len(Unsteady.bodies), refused.value.retry_after, refused.value.slug) == (4, 0.0, "overloaded")


def test_nobody_there_is_said_so(free_port: Callable[[], int]) -> None:
    with mc.Client(f"http://127.0.0.1:{free_port()}", retries=NOW) as client, pytest.raises(mc.Unreachable, match="recommend"):
        client.recommend(7)


def test_retry_after_is_waited_for_and_backing_off_doubles() -> None:
    steady = mc.Retries(chance=lambda: 1.0)
    assert [steady.after_answer(at, 503, None, True) for at in (1, 2, 3, 4)] == [0.2, 0.4, 0.8, None]
    assert steady.after_answer(1, 503, 7.0, True) == 7.0
    assert steady.after_answer(1, 503, 61.0, True) is None
    assert steady.after_answer(1, 404, None, True) is None
    assert steady.after_answer(1, 503, None, False) is None
    assert steady.after_answer(1, 429, 3.0, False) == 3.0
    assert steady.after_failure(1, was_sent=True, repeatable=False) is None
    assert steady.after_failure(1, was_sent=False, repeatable=False) == 0.2
    assert mc.Retries(attempts=1).after_answer(1, 503, None, True) is None
    assert 0.1 <= (mc.Retries(chance=lambda: 0.0).after_answer(1, 503, None, True) or 0) < 0.2


def test_retry_after_may_be_a_date() -> None:
    from marquee_client.retries import seconds_of

    assert seconds_of("120") == 120.0
    assert seconds_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert (seconds_of("Wed, 21 Oct 2065 07:28:00 GMT") or 0) > 1e9
    assert seconds_of(None) is None
    assert seconds_of("soon") is None
