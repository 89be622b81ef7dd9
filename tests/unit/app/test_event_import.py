"""`marquee events import` on an embedded log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from app import console, wiring
from core.deadletter import open_letters
from core.errors import InvalidInput
from core.events import DEADLETTER, INTERACTIONS, Interaction
from core.ports import Record
from streaming.decoding import MAX_EVENT_BYTES

LINES = [
    b"2020-10-01T12:00:00,1,GET /data/m/1/0.mpg",
    b"2020-10-01T12:01:00,1,GET /data/m/1/1.mpg",
    b"2020-10-01T12:02:00,1,GET /rate/two=4",
    b"2020-10-01T12:02:30,1,GET /rate/nobody=4",
    b"\xff\xfe",
    b"x" * (3 * MAX_EVENT_BYTES),
]
Marquee = Callable[..., Result]


@pytest.fixture(autouse=True)
def course_log(tmp_path: Path) -> None:
    (tmp_path / "course.log").write_bytes(b"\n".join(LINES))


def kept() -> tuple[list[tuple[int, str, float | None]], list[str]]:
    """(item, kind, value) of the log's interactions, and the reasons of the open letters."""
    log = wiring.event_log(console.settings())
    events = [Interaction.model_validate_json(record.value) for record in log.read(INTERACTIONS)]
    reasons = [letter.reason for letter in open_letters(log.read(DEADLETTER)).values()]
    log.close()
    return [(event.item_id, event.kind.value, event.value) for event in events], sorted(reasons)


def test_a_file_and_a_repeat_from_a_pipe(marquee: Marquee, tmp_path: Path) -> None:
    printed = marquee("events", "import", str(tmp_path / "course.log")).stdout
    assert "6 lines: " in printed
    assert "2 rejected" in printed
    assert "2 events: 1 rating, 1 watch" in printed
    assert "2 of the events are new to the log" in printed
    once = kept()
    assert once == ([(2, "rating", 4.0), (1, "watch", 2.0)], ["encoding", "too_large", "unknown_item"])
    again = marquee("events", "import", "-", given=b"\r\n".join(LINES)).stdout
    assert "0 of the events are new to the log" in again
    assert kept()[0] == once[0]


def test_a_dry_run_sends_nothing(marquee: Marquee, tmp_path: Path) -> None:
    assert "3 quarantined" in marquee("events", "import", str(tmp_path / "course.log"), "--dry-run").stdout
    assert kept() == ([], [])


def test_a_table_of_films(marquee: Marquee, tmp_path: Path) -> None:
    (tmp_path / "films.csv").write_text("id,item_id\nnobody,1\n")
    marquee("events", "import", str(tmp_path / "course.log"), "--movies", str(tmp_path / "films.csv"))
    assert (1, "rating", 4.0) in kept()[0]


def test_a_topic_whose_open_session_comes_with_a_later_run(marquee: Marquee) -> None:
    log = wiring.event_log(console.settings())
    log.append("movielog", [Record("1", str(at), line) for at, line in enumerate(LINES)])
    marquee("events", "import", "--topic", "movielog")
    assert kept()[0] == [(2, "rating", 4.0)]
    log.append("movielog", [Record("1", "later", b"2020-10-01T14:00:00,2,GET /data/m/2/0.mpg")])
    marquee("events", "import", "--topic", "movielog")
    log.close()
    assert kept()[0] == [(2, "rating", 4.0), (1, "watch", 2.0)]


@pytest.mark.parametrize("arguments", [(), ("nowhere.log",), ("a", "--topic", "b"), ("-", "--movies", "nowhere.csv")])
def test_wrong_arguments(marquee: Marquee, arguments: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput):
        marquee("events", "import", *arguments)
