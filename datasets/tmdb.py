"""The TMDB API: requests one film at a time, within the rate limit, and caches results on disk.

https://developer.themoviedb.org/reference/movie-details. This product uses the TMDB API but is not endorsed by TMDB.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from core import columns as c
from core.errors import DependencyUnavailable, InvalidInput
from core.ports import Monotonic

TmdbFilm = dict[str, Any]  # tmdb_id, overview, cast, director (joined by |), keywords, poster_path, original_language
_TIMEOUT = httpx.Timeout(20.0, connect=10.0)
CAST = 5  # the leading roles
_WORKERS = 8  # requests in flight
_ATTEMPTS = 5
_MAX_WAIT = 60.0  # longest wait in seconds that a 429 response may request


class Cache:
    """Films by tmdb_id, one JSON object per line, so the next run reuses the results of an interrupted one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[int, TmdbFilm]:
        """Every complete line; the last line of a killed run may be truncated."""
        found: dict[int, TmdbFilm] = {}
        for line in self.path.read_text(encoding="utf-8").split("\n") if self.path.is_file() else ():
            try:
                film = json.loads(line)
                found[int(film[c.TMDB_ID])] = film
            except (ValueError, KeyError, TypeError):
                continue
        return found

    def add(self, films: Sequence[TmdbFilm]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            # a line break comes first, because the last line may be truncated
            file.write("".join(f"\n{json.dumps(film)}" for film in films))


class RateLimit:
    """At most `per_second` permits per second for all threads together."""

    def __init__(self, per_second: float, clock: Monotonic = time.monotonic) -> None:
        self.interval = 1 / per_second
        self.clock = clock
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self, at_least: float = 0.0) -> float:
        """Seconds that the caller has to wait for its permit; later permits come after it."""
        with self._lock:
            now = self.clock()
            self._next = max(self._next, now + at_least)
            wait = self._next - now
            self._next += self.interval
        return wait


@dataclass(frozen=True)
class Tmdb:
    """A client of the API at `url`. `key` is an API key (v3) or a read access token (v4)."""

    url: str
    key: SecretStr
    cache: Cache
    pace: RateLimit
    sleep: Callable[[float], None] = time.sleep

    def fetch(self, ids: Sequence[int]) -> Iterator[int]:
        """Request the films that the cache lacks; yields the size of each batch after writing it to the cache.

        Raises InvalidInput for a refused key and DependencyUnavailable when TMDB does not answer.
        """
        logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it logs URLs, which contain the key
        with httpx.Client(timeout=_TIMEOUT, **self._authorised()) as client, ThreadPoolExecutor(_WORKERS) as pool:
            for start in range(0, len(ids), 2 * _WORKERS):
                batch = ids[start : start + 2 * _WORKERS]
                self.cache.add(list(pool.map(lambda tmdb_id: self._film(client, tmdb_id), batch)))
                yield len(batch)

    def _authorised(self) -> dict[str, Any]:
        key = self.key.get_secret_value()
        is_token = "." in key  # a JSON web token
        return {"headers": {"Authorization": f"Bearer {key}"}} if is_token else {"params": {"api_key": key}}

    def _film(self, client: httpx.Client, tmdb_id: int) -> TmdbFilm:
        """TMDB's data about a film; only the id if TMDB does not have the film."""
        after = 0.0
        for attempt in range(1, _ATTEMPTS + 1):
            self.sleep(self.pace.wait(after))
            try:
                answer = client.get(f"{self.url.rstrip('/')}/movie/{tmdb_id}", params={"append_to_response": "credits,keywords"})
                if answer.status_code == httpx.codes.NOT_FOUND:
                    return {c.TMDB_ID: tmdb_id}
                if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
                    raise InvalidInput("MARQUEE_TMDB_API_KEY", "(not shown)", "a key that TMDB accepts; it refused this one")
                if answer.is_success:
                    return _film_of(tmdb_id, answer.json())
                reason, after = f"it answered {answer.status_code}", _retry_after(answer, attempt)
            except (httpx.TransportError, ValueError) as error:
                reason, after = type(error).__name__, float(attempt)
        remedy = "run the same command again later: what was fetched is kept; or use `marquee data enrich --from FILE`"
        raise DependencyUnavailable("TMDB", reason, remedy)


def _film_of(tmdb_id: int, answer: dict[str, Any]) -> TmdbFilm:
    crew = answer.get("credits", {}).get("crew", ())
    return {
        c.TMDB_ID: tmdb_id,
        "overview": answer.get("overview"),
        "cast": _names(answer.get("credits", {}).get("cast", ()))[:CAST],
        "director": "|".join(_names(member for member in crew if member.get("job") == "Director")),
        "keywords": _names(answer.get("keywords", {}).get("keywords", ())),
        "poster_path": answer.get("poster_path"),
        "original_language": answer.get("original_language"),
    }


def _names(entries: Iterable[dict[str, Any]]) -> list[str]:
    return [str(entry["name"]) for entry in entries if entry.get("name")]


def _retry_after(answer: httpx.Response, attempt: int) -> float:
    """Seconds until the next attempt: as the response requests, else one more each time."""
    asked = answer.headers.get("Retry-After", "")
    return min(float(asked), _MAX_WAIT) if asked.isdigit() else float(attempt)
