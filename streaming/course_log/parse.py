"""One line of the movie-streaming course's log -> a parsed entry, or the reason why it was rejected.

Pure and total: any byte string gives a result, and none raises. The four forms, after `<time>,<userid>,`:
`GET /data/m/<movieid>/<minute>.mpg`, `GET /rate/<movieid>=<rating>`, `GET /create_account`, and
`recommendation request <server>, status <code>, result: <ids>, <ms>`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from core.ids import MAX_INTEGER
from core.kinds import MINUTES, STARS
from streaming.decoding import ENCODING, MALFORMED, MAX_EVENT_BYTES, SCHEMA, TOO_LARGE

MAX_MINUTES = int(MINUTES.high)  # minutes
_SHOWN = 40  # characters of a bad field


@dataclass(frozen=True, slots=True)
class Watched:
    """Minute `minute` (from 0) of a film was streamed at `ts` (Unix seconds)."""

    ts: float
    user_id: int
    movie: str
    minute: int


@dataclass(frozen=True, slots=True)
class Rated:
    """`stars` as in `core.events`."""

    ts: float
    user_id: int
    movie: str
    stars: float


@dataclass(frozen=True, slots=True)
class Joined:
    """The user made an account."""

    ts: float
    user_id: int


@dataclass(frozen=True, slots=True)
class Recommended:
    """A server answered a request for recommendations; `movies` is empty when it failed."""

    ts: float
    user_id: int
    server: str
    status: int
    movies: tuple[str, ...]
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """`reason` is one of `streaming.decoding.REASONS`; `line` is the line as it came."""

    reason: str
    detail: str
    line: bytes


Entry = Watched | Rated | Joined | Recommended

_MOVIE = r"(?P<movie>[^\s/=,]{1,200})"
_WATCHED = re.compile(rf"GET /data/m/{_MOVIE}/(?P<minute>-?[0-9]{{1,9}})\.mpg")
_RATED = re.compile(rf"GET /rate/{_MOVIE}=(?P<stars>-?[0-9]{{1,9}}(?:\.[0-9]{{1,9}})?)")
_JOINED = re.compile(r"GET /create_account")
_RECOMMENDED = re.compile(
    r"recommendation request (?P<server>[^\s,]{1,255}), status (?P<status>[0-9]{3}), result: (?P<movies>.*), "
    r"(?P<milliseconds>[0-9]{1,9})(?: ?ms)?"
)
_INTEGER = re.compile(r"-?[0-9]{1,19}")


class _Bad(Exception):
    """Never leaves this module."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def parse(line: bytes | str) -> Entry | Rejected:
    """What a line says. Its end (`\\n`, `\\r\\n`) may be there or not; a time without a zone is UTC."""
    raw = line.encode(errors="surrogatepass") if isinstance(line, str) else line
    try:
        return _entry(_text(raw))
    except _Bad as bad:
        return Rejected(bad.reason, bad.detail, raw)


def _text(raw: bytes) -> str:
    if len(raw) > MAX_EVENT_BYTES:
        raise _Bad(TOO_LARGE, f"more than {MAX_EVENT_BYTES} bytes")
    try:
        return raw.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise _Bad(ENCODING, f"byte {error.start} is not UTF-8: {error.reason}") from None


def _entry(text: str) -> Entry:
    fields = text.split(",", 2)
    if len(fields) < 3:
        raise _Bad(MALFORMED, "not <time>,<userid>,<what>")
    when, who, what = fields
    for form, read in _FORMS:
        if match := form.fullmatch(what.strip(" ")):
            return read(_seconds(when.strip(" ")), _user(who.strip(" ")), match)
    raise _Bad(MALFORMED, f"what happened is {what[:_SHOWN]!r}; allowed: the four forms of docs/events.md")


def _seconds(text: str) -> float:
    try:
        when = datetime.fromisoformat(text)
        seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        seconds = -1.0
    if seconds < 0:
        raise _Bad(SCHEMA, f"time is {text[:_SHOWN]!r}; allowed: ISO 8601 from 1970 on, for example 2026-03-01T20:15:30")
    return seconds


def _user(text: str) -> int:
    if not _INTEGER.fullmatch(text) or not 1 <= int(text) <= MAX_INTEGER:
        raise _Bad(SCHEMA, f"userid is {text[:_SHOWN]!r}; allowed: 1 to {MAX_INTEGER}")
    return int(text)


def _watched(ts: float, user_id: int, match: re.Match[str]) -> Entry:
    minute = int(match["minute"])
    if not 0 <= minute < MAX_MINUTES:
        raise _Bad(SCHEMA, f"minute is {minute}; allowed: 0 to {MAX_MINUTES - 1}")
    return Watched(ts, user_id, match["movie"], minute)


def _rated(ts: float, user_id: int, match: re.Match[str]) -> Entry:
    stars = float(match["stars"])
    if not STARS.low <= stars <= STARS.high:
        raise _Bad(SCHEMA, f"rating is {match['stars']}; allowed: {STARS.low} to {STARS.high}")
    return Rated(ts, user_id, match["movie"], stars)


def _joined(ts: float, user_id: int, match: re.Match[str]) -> Entry:  # noqa: ARG001 - one shape for all forms
    return Joined(ts, user_id)


def _recommended(ts: float, user_id: int, match: re.Match[str]) -> Entry:
    movies = tuple(movie for part in match["movies"].split(",") if (movie := part.strip()))
    return Recommended(ts, user_id, match["server"], int(match["status"]), movies, int(match["milliseconds"]))


_FORMS: tuple[tuple[re.Pattern[str], Callable[[float, int, re.Match[str]], Entry]], ...] = (
    (_WATCHED, _watched),
    (_RATED, _rated),
    (_RECOMMENDED, _recommended),
    (_JOINED, _joined),
)
