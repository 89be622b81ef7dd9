"""The parser has an answer for every line, and the right one for those of the format."""

from __future__ import annotations

import random

import pytest

from streaming.course_log.parse import Joined, Rated, Recommended, Rejected, Watched, parse
from streaming.decoding import MAX_EVENT_BYTES, REASONS

NOON = 1_601_553_600.0  # 2020-10-01T12:00:00Z
VALID = (
    "2020-10-01T12:00:00,42,GET /data/m/the+shawshank+redemption+1994/17.mpg",
    "2020-10-01T12:00:00,42,GET /rate/the+shawshank+redemption+1994=4",
    "2020-10-01T12:00:00,42,recommendation request 17645-team01.isri.cmu.edu:8082, status 200, result: a+1, b+2, c+3, 71 ms",
    "2020-10-01T12:00:00,42,GET /create_account",
)
MEANT = (
    Watched(NOON, 42, "the+shawshank+redemption+1994", 17),
    Rated(NOON, 42, "the+shawshank+redemption+1994", 4.0),
    Recommended(NOON, 42, "17645-team01.isri.cmu.edu:8082", 200, ("a+1", "b+2", "c+3"), 71),
    Joined(NOON, 42),
)


@pytest.mark.parametrize(("line", "meant"), list(zip(VALID, MEANT, strict=True)))
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_each_form_as_text_and_as_bytes(line: str, meant: object, end: str) -> None:
    assert parse(line + end) == parse((line + end).encode()) == meant


@pytest.mark.parametrize(
    "when",
    ["2020-10-01T12:00", "2020-10-01 12:00:00", "2020-10-01T12:00:00.000", "2020-10-01T12:00:00Z", "2020-10-01T14:00+02:00"],
)
def test_times(when: str) -> None:
    assert parse(f"{when},42,GET /create_account") == Joined(NOON, 42)


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        (b"", "malformed", "not <time>,<userid>,<what>"),
        (b"\x00\x00", "malformed", "not <time>"),
        (b"2020-10-01T12:00:00,42,GET /", "malformed", "what happened is 'GET /'"),
        (b"2020-10-01T12:00:00,42,GET /rate/a=4\x00", "malformed", "x00"),
        (b"2020-10-01T12:00:00,\xff,GET /create_account", "encoding", "byte 20 is not UTF-8"),
        (b"2020-10-01T12:00:00,42," + b"x" * 2_000_000, "too_large", f"more than {MAX_EVENT_BYTES} bytes"),
        (b"yesterday,42,GET /create_account", "schema", "time is 'yesterday'"),
        (b"1969-12-31T23:59:59,42,GET /create_account", "schema", "from 1970 on"),
        (b"0001-01-01T00:00:00+14:00,42,GET /create_account", "schema", "time is"),
        (b"2020-10-01T12:00:00,-3,GET /create_account", "schema", "userid is '-3'; allowed: 1 to"),
        (b"2020-10-01T12:00:00,0,GET /create_account", "schema", "userid is '0'"),
        (b"2020-10-01T12:00:00," + b"9" * 5000 + b",GET /create_account", "schema", "userid is"),
        ("2020-10-01T12:00:00,٤٢,GET /create_account".encode(), "schema", "userid is"),
        (b"2020-10-01T12:00:00,42,GET /rate/a=6", "schema", "rating is 6; allowed: 0.5 to 5.0"),
        (b"2020-10-01T12:00:00,42,GET /rate/a=-1", "schema", "rating is -1"),
        (b"2020-10-01T12:00:00,42,GET /rate/a=nan", "malformed", "what happened"),
        (b"2020-10-01T12:00:00,42,GET /data/m/a/-1.mpg", "schema", "minute is -1; allowed: 0 to 1439"),
        (b"2020-10-01T12:00:00,42,GET /data/m/a/1440.mpg", "schema", "minute is 1440"),
    ],
)
def test_an_unreadable_line_is_rejected_with_the_reason(line: bytes, reason: str, detail: str) -> None:
    found = parse(line)
    assert isinstance(found, Rejected)
    assert (found.reason, found.line) == (reason, line)
    assert detail in found.detail


def test_a_lone_surrogate_is_not_text() -> None:
    found = parse("2020-10-01T12:00:00,42,GET /rate/\ud800=4")
    assert isinstance(found, Rejected)
    assert found.reason == "encoding"


def _mutated(line: bytes, dice: random.Random) -> bytes:
    """Up to six bytes changed, put in, taken out, repeated or swapped for trouble."""
    raw = bytearray(line)
    trouble = (b"\x00", b"\xff", b",", b"-", b"=", b"/", b"\n", b"9" * 30, "é٤\u2028".encode(), b"\xed\xa0\x80", b"")
    for _ in range(dice.randint(1, 6)):
        at = dice.randint(0, len(raw))
        raw[at : at + dice.randint(0, 4)] = dice.choice((*trouble, bytes([dice.randrange(256)]), line[:at]))
    return bytes(raw)


@pytest.mark.parametrize("seed", range(4))
def test_fuzz_valid_lines_that_were_damaged(seed: int) -> None:
    """Thousands of them: each has an answer, the same as text and as bytes, and nothing outside the contract."""
    dice = random.Random(seed)
    read = 0
    for _ in range(5000):
        line = _mutated(dice.choice(VALID).encode(), dice)
        found = parse(line)
        if isinstance(found, Rejected):
            assert found.reason in REASONS
            assert found.line == line
            assert found.detail
            continue
        read += 1
        assert found == parse(line.decode())
        assert found.user_id >= 1
        assert found.ts >= 0
        assert not isinstance(found, Rated) or 0.5 <= found.stars <= 5.0
        assert not isinstance(found, Watched) or 0 <= found.minute < 1440
    assert 100 < read < 4000  # the fuzz reaches both sides


def test_fuzz_noise() -> None:
    dice = random.Random(9)
    for _ in range(3000):
        assert isinstance(parse(dice.randbytes(dice.randint(0, 80))), Rejected)
