"""TMDB's details reach the lake, from a file or from a real HTTP server that behaves as TMDB does."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest
from pydantic import SecretStr

from app.usecases import enriching
from app.usecases.loading import load_data
from core.errors import DatasetError, DependencyUnavailable, InvalidInput, NotFound
from core.settings import Settings
from datasets.dataset import validate
from datasets.enrich import from_file
from datasets.tmdb import Cache, RateLimit, Tmdb
from lake.adapters.delta import DeltaLake
from lake.tables import ITEMS

KEY = "0123456789abcdef"
HEAT = {
    "id": 949,
    "overview": "Cops &amp; robbers.",
    "poster_path": "/heat.jpg",
    "original_language": "en",
    "popularity": 77.7,
    "vote_average": 8.0,
    "credits": {
        "cast": [{"name": f"Actor {n}"} for n in range(9)],
        "crew": [{"name": "Michael Mann", "job": "Director"}, {"name": "Dante Spinotti", "job": "Director of Photography"}],
    },
    "keywords": {"keywords": [{"id": 1, "name": "heist"}]},
}
ALIEN = {"id": 348, "overview": "", "poster_path": None, "original_language": "en", "credits": {"cast": []}}


class Tmdbish(ThreadingHTTPServer):
    """Knows some films. `answers`: statuses that come before it is willing, and headers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.films = {film["id"]: film for film in (HEAT, ALIEN)}
        self.refusals: list[tuple[int, dict[str, str]]] = []
        self.asked: list[int] = []
        self.keys: set[str] = set()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/3"


class Handler(BaseHTTPRequestHandler):
    server: Tmdbish

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = parse_qs(address.query)
        with self.server.lock:
            self.server.asked.append(int(address.path.rsplit("/", 1)[1]))
            self.server.keys.add(query.get("api_key", [self.headers.get("Authorization", "")])[0])
            status, headers = self.server.refusals.pop(0) if self.server.refusals else (200, {})
        film = self.server.films.get(self.server.asked[-1])
        assert query["append_to_response"] == ["credits,keywords"]
        body = json.dumps(film or {"status_message": "no such film"}).encode()
        self.send_response(status if status != 200 else 200 if film else 404)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Tmdbish]:
    with Tmdbish() as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


def client(server: Tmdbish, folder: Path, key: str = KEY) -> Tmdb:
    return Tmdb(server.url, SecretStr(key), Cache(folder / "films.jsonl"), RateLimit(1e6), lambda seconds: None)


@pytest.fixture
def home(tmp_path: Path, server: Tmdbish) -> Settings:
    """A lake of three films and four events."""
    settings = Settings(home=tmp_path / "home", tmdb_url=server.url, tmdb_api_key=SecretStr(KEY))
    items = pl.DataFrame(
        {
            "item_id": [1, 2, 3],
            "title": ["Heat", "Alien", "Gone"],
            "genres": [["Crime"], [], []],
            "year": [1995, 1979, None],
            "tmdb_id": [949, 348, 5],
            "overview": [None, "In space.", None],
        }
    )
    events = pl.DataFrame({"user_id": [1, 1, 2, 2], "item_id": [1, 2, 1, 3], "ts": [1.0, 2.0, 3.0, 4.0]})
    rows = events.with_columns(kind=pl.lit("view"), value=pl.lit(None, dtype=pl.Float64))
    load_data(settings, validate("films", rows, items), 0.0, lambda line: None)
    return settings


def test_films_come_from_the_api_once_and_then_from_the_cache(home: Settings, server: Tmdbish) -> None:
    said: list[str] = []
    shares = {field: found for field, *found in enriching.enrich(home, None, False, said.append).rows()}
    assert sorted(server.asked) == [5, 348, 949]
    assert server.keys == {KEY}
    assert shares["people"] == [pytest.approx(1 / 3), 0.5]
    assert shares["language"] == [pytest.approx(2 / 3), 0.75]
    items = DeltaLake(home.folder("lake")).read(ITEMS)
    assert items["overview"].to_list() == ["Cops & robbers.", "In space.", None]
    assert items["people"].to_list() == [["Actor 0", "Actor 1", "Actor 2", "Actor 3", "Actor 4", "Michael Mann"], None, None]
    assert items["keywords"].to_list() == [["heist"], None, None]
    assert items["poster"].to_list() == ["/heat.jpg", None, None]
    enriching.enrich(home, None, False, said.append)
    assert len(server.asked) == 3
    assert "3 films in" in said[-3]


def test_a_dry_run_sends_no_request_and_writes_nothing(home: Settings, server: Tmdbish) -> None:
    before = DeltaLake(home.folder("lake")).version(ITEMS)
    enriching.enrich(home, None, True, lambda line: None)
    assert DeltaLake(home.folder("lake")).version(ITEMS) == before
    assert server.asked == []


def test_a_missing_key_is_named(home: Settings) -> None:
    with pytest.raises(InvalidInput, match=r"MARQUEE_TMDB_API_KEY is None; allowed: a key from themoviedb\.org, or --from FILE"):
        enriching.enrich(home.model_copy(update={"tmdb_api_key": None}), None, False, lambda line: None)


def test_a_refused_key_is_never_shown(home: Settings, server: Tmdbish, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.refusals = [(401, {})] * 3
    with pytest.raises(InvalidInput, match="a key that TMDB accepts") as caught:
        enriching.enrich(home, None, False, lambda line: None)
    assert KEY not in str(caught.value)
    assert KEY not in caplog.text


def test_it_waits_for_retry_after_and_retries(server: Tmdbish, tmp_path: Path) -> None:
    server.refusals = [(429, {"Retry-After": "7"}), (503, {}), (429, {"Retry-After": "100000"})]
    waits = [0.0]  # they are what the clock shows
    asking = Tmdb(server.url, SecretStr(KEY), Cache(tmp_path / "x"), RateLimit(1e6, lambda: sum(waits)), waits.append)
    assert list(asking.fetch([949])) == [1]
    assert server.asked == [949] * 4
    assert [round(wait) for wait in waits] == [0, 0, 7, 2, 60]


def test_what_was_fetched_before_an_outage_is_kept(server: Tmdbish, tmp_path: Path) -> None:
    asking = client(server, tmp_path)
    batches = asking.fetch([*range(1000, 1015), 949, 348])
    assert next(batches) == 16
    server.refusals = [(500, {})] * 5
    with pytest.raises(DependencyUnavailable, match=r"TMDB is unavailable: it answered 500; .*what was fetched is kept"):
        next(batches)
    films = asking.cache.read()
    assert len(films) == 16
    assert films[949]["director"] == "Michael Mann"
    assert films[1000] == {"tmdb_id": 1000}


def test_a_missing_network_is_reported(tmp_path: Path) -> None:
    with Tmdbish() as closed:
        asking = client(closed, tmp_path)
    with pytest.raises(DependencyUnavailable, match=r"TMDB is unavailable: ConnectError; .*--from FILE"):
        list(asking.fetch([1]))


def test_a_half_written_line_is_asked_for_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "films.jsonl")
    cache.add([{"tmdb_id": 1}])
    with cache.path.open("a") as file:
        file.write('\n{"tmdb_id": 2, "overv')
    cache.add([{"tmdb_id": 3}])
    assert set(cache.read()) == {1, 3}


def test_a_token_goes_into_the_header(server: Tmdbish, tmp_path: Path) -> None:
    list(client(server, tmp_path, key="aaa.bbb.ccc").fetch([949]))
    assert server.keys == {"Bearer aaa.bbb.ccc"}


def test_the_rate_limit_spreads_requests_and_honours_a_longer_wait() -> None:
    pace = RateLimit(4.0, clock=lambda: 100.0)
    assert [pace.wait() for _ in range(3)] == [0.0, 0.25, 0.5]
    assert pace.wait(at_least=10.0) == 10.0
    assert pace.wait() == 10.25


def test_a_file_in_tmdbs_form(home: Settings, tmp_path: Path) -> None:
    rows = {"tmdb_id": [949, 348], "overview": ["From a file.", None], "cast": [["A", "B"], None], "director": ["C|A", None]}
    pl.DataFrame(rows, schema_overrides={"cast": pl.List(pl.String)}).write_parquet(tmp_path / "films.parquet")
    shares = {
        field: found for field, *found in enriching.enrich(home, tmp_path / "films.parquet", False, lambda line: None).rows()
    }
    assert shares["overview"] == [pytest.approx(2 / 3), 0.75]
    items = DeltaLake(home.folder("lake")).read(ITEMS)
    assert items["overview"].to_list() == ["From a file.", "In space.", None]
    assert items["people"].to_list() == [["A", "B", "C"], None, None]


@pytest.mark.parametrize(
    ("columns", "message"),
    [({"title": ["x"]}, r"lacks the column\(s\) tmdb_id"), ({"tmdb_id": [1], "cast": [3]}, "of another type than TMDB's")],
)
def test_a_file_of_another_form_is_named(tmp_path: Path, columns: dict[str, list[object]], message: str) -> None:
    pl.DataFrame(columns).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(DatasetError, match=message):
        from_file(tmp_path / "x.parquet")
    with pytest.raises(DatasetError, match="cannot be read as Parquet"):
        from_file(tmp_path / "nowhere.parquet")


def test_films_without_ids_cannot_be_enriched(home: Settings) -> None:
    lake = DeltaLake(home.folder("lake"))
    lake.replace(ITEMS, lake.read(ITEMS).with_columns(tmdb_id=None))
    with pytest.raises(NotFound, match="no film in the lake has a TMDB id"):
        enriching.enrich(home, None, True, lambda line: None)
