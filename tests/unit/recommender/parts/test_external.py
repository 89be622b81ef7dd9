"""The external source against a real HTTP server: what it takes over, and every way in which a service can fail."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from pydantic import ValidationError
from synthetic import make_query, make_snapshot, user_of

from core.errors import DependencyUnavailable
from recommender.parts.external import MAX_BYTES, ExternalConfig, ExternalSource

NOW = make_snapshot()
IDS = NOW.catalogue.ids.tolist()
EVERYTHING = np.ones(len(IDS), dtype=np.bool_)


class Service(BaseHTTPRequestHandler):
    status, body, seconds = 200, b"", 0.0
    asked: list[dict[str, list[str]]] = []  # noqa: RUF012 - the handler's class is the only place that requests share

    def do_GET(self) -> None:
        Service.asked.append(parse_qs(urlsplit(self.path).query))
        time.sleep(Service.seconds)
        self.send_response(Service.status)
        self.send_header("Content-Length", str(len(Service.body)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError):
            self.wfile.write(Service.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    Service.status, Service.seconds = 200, 0.0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/candidates"
    server.shutdown()
    server.server_close()


def answer(*items: dict[str, object]) -> bytes:
    return json.dumps({"items": items}).encode()


def test_it_takes_over_what_it_knows_best_first_and_each_once(url: str) -> None:
    Service.body = answer(
        {"item_id": IDS[4], "score": 0.2}, {"item_id": "unknown"}, {"item_id": IDS[2], "score": 0.9}, {"item_id": IDS[4]}
    )
    found = ExternalSource(NOW, 10, url, 1.0).fetch(make_query(user=user_of(IDS[0])), EVERYTHING)
    assert found.rows.tolist() == [2, 4]
    assert Service.asked[-1]["k"] == ["10"]


def test_without_scores_the_order_counts_and_what_is_not_eligible_is_left_out(url: str) -> None:
    Service.body = answer(*({"item_id": IDS[row]} for row in (7, 3, 5)))
    some = EVERYTHING.copy()
    some[3] = False
    found = ExternalSource(NOW, 10, url, 1.0).fetch(make_query(), some)
    assert found.rows.tolist() == [7, 5]
    assert (np.diff(found.scores) < 0).all()


@pytest.mark.parametrize(
    ("status", "body", "seconds"),
    [
        (500, b"{}", 0.0),
        (302, b"", 0.0),
        (200, b"not json", 0.0),
        (200, b'{"items": 3}', 0.0),
        (200, b'{"items": [{"score": 1}]}', 0.0),
        (200, b'{"items": [{"item_id": 1, "score": NaN}]}', 0.0),
        (200, b" " * (MAX_BYTES + 1), 0.0),
        (200, b'{"items": []}', 1.0),
    ],
)
def test_a_service_that_fails_is_a_dependency_that_is_unavailable(url: str, status: int, body: bytes, seconds: float) -> None:
    Service.status, Service.body, Service.seconds = status, body, seconds
    with pytest.raises(DependencyUnavailable, match="external"):
        ExternalSource(NOW, 10, url, 0.3).fetch(make_query(), EVERYTHING)


def test_a_service_that_is_gone_is_unavailable(url: str) -> None:
    with pytest.raises(DependencyUnavailable):
        ExternalSource(NOW, 10, "http://127.0.0.1:9/", 0.3).fetch(make_query(), EVERYTHING)


@pytest.mark.parametrize("bad", ["ftp://host/x", "candidates", ""])
def test_only_an_http_address_is_taken(bad: str) -> None:
    with pytest.raises(ValidationError):
        ExternalConfig(url=bad)  # type: ignore[arg-type]
