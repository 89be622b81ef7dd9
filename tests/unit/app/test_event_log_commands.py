"""`marquee topics` and `marquee deadletter` on an embedded log."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest
from click.testing import Result

from app import console, wiring
from core.deadletter import DeadLetter, to_record
from core.errors import InvalidInput
from core.events import DEADLETTER, INTERACTIONS, Interaction
from core.ports import Record
from streaming.adapters.embedded import EmbeddedEventLog

Marquee = Callable[..., Result]
DAY = 86_400.0


@pytest.fixture
def log(marquee: Marquee) -> Iterator[EmbeddedEventLog]:
    made = wiring.event_log(console.settings())
    assert isinstance(made, EmbeddedEventLog)
    yield made
    made.close()


def event(number: int, item: int) -> bytes:
    return Interaction(event_id=f"e{number}", user_id=7, item_id=item, kind="view", ts=time.time()).model_dump_json().encode()


def write_dead_letters(log: EmbeddedEventLog) -> list[DeadLetter]:
    """Two letters that can be used now, one from the log and one that never got there, and two that cannot."""
    letters = [
        DeadLetter(INTERACTIONS, "unknown_item", "item 1 is not in the catalogue", event(1, 1), 1e9, 0, 1),
        DeadLetter(INTERACTIONS, "unknown_item", "item 2 is not in the catalogue", event(2, 2), 1e9),
        DeadLetter(INTERACTIONS, "unknown_item", "item 99 is not in the catalogue", event(3, 99), 1e9, 0, 3),
        DeadLetter(INTERACTIONS, "malformed", "event: Invalid JSON", b"{[bold]", 1e9, 0, 4),
    ]
    log.append(INTERACTIONS, [Record("7", "e1", letters[0].value)])  # as the consumer found it
    log.append(DEADLETTER, [to_record(letter) for letter in letters])
    return letters


def test_letters_are_listed_with_their_reasons(marquee: Marquee, log: EmbeddedEventLog) -> None:
    letters = write_dead_letters(log)
    listed = marquee("deadletter", "list").output
    assert "4 open letters: 3 unknown_item, 1 malformed" in listed
    assert all(letter.id in listed for letter in letters)
    filtered = marquee("deadletter", "list", "--reason", "malformed", "--raw").output
    assert "1 open letters: 1 malformed" in filtered
    assert "{[bold]" in filtered
    assert letters[2].id[:8] in marquee("deadletter", "list", letters[2].id[:8]).output


def test_repaired_letters_are_replayed_exactly_once(marquee: Marquee, log: EmbeddedEventLog) -> None:
    letters = write_dead_letters(log)
    assert "2 would be replayed (dry run); 2 still cannot be used" in marquee("deadletter", "replay", "--dry-run").output
    assert len(list(log.read(INTERACTIONS))) == 1
    said = marquee("deadletter", "replay").output
    assert "2 replayed, 2 of them new to the log; 2 still cannot be used" in said
    assert "stays, 1 x unknown_item: item 99 is not in the catalogue" in said
    assert [record.id for record in log.read(INTERACTIONS)] == ["e1", f"replay:{letters[0].id}", "e2"]
    assert "0 replayed" in marquee("deadletter", "replay").output
    assert "2 open letters" in marquee("deadletter", "list").output


def test_a_replay_that_died_before_it_closed_its_letters_repeats_nothing(marquee: Marquee, log: EmbeddedEventLog) -> None:
    letters = write_dead_letters(log)
    log.append(INTERACTIONS, [Record("7", f"replay:{letters[0].id}", letters[0].value)])
    assert "2 replayed, 1 of them new to the log" in marquee("deadletter", "replay").output


def test_dropping_needs_a_selection(marquee: Marquee, log: EmbeddedEventLog) -> None:
    write_dead_letters(log)
    with pytest.raises(InvalidInput, match="--all for every letter"):
        marquee("deadletter", "drop")
    assert "1 would be dropped (dry run)" in marquee("deadletter", "drop", "--reason", "malformed", "--dry-run").output
    assert "1 dropped" in marquee("deadletter", "drop", "--reason", "malformed").output
    assert "3 open letters: 3 unknown_item" in marquee("deadletter", "list").output
    assert "3 dropped" in marquee("deadletter", "drop", "--all").output
    assert "0 open letters" in marquee("deadletter", "list").output


@pytest.mark.parametrize("wrong", [("0000",), ("--topic", "interactions")])
def test_an_invalid_selection_is_refused(marquee: Marquee, log: EmbeddedEventLog, wrong: tuple[str, ...]) -> None:
    write_dead_letters(log)
    with pytest.raises(InvalidInput, match=re.escape(wrong[-1])):
        marquee("deadletter", "list", *wrong)


def test_topics_of_the_embedded_log_lose_what_is_past_retention(marquee: Marquee, log: EmbeddedEventLog) -> None:
    assert "every topic matches its specification" in marquee("topics", "apply").output
    old = time.time() - 91 * DAY
    log.append(DEADLETTER, [Record("a", "a", b"{}", accepted_at=old), Record("b", "b", b"{}")])
    log.append(INTERACTIONS, [Record("7", "e1", b"{}", accepted_at=old)])  # nobody has committed it
    dry = marquee("topics", "apply", "--dry-run").output
    assert "dry run: nothing was changed" in dry
    assert re.search(r"marquee\.deadletter .* records .* 2 .* 1 ", dry)
    assert "1 change made" in marquee("topics", "apply").output
    assert [len(list(log.read(topic))) for topic in (DEADLETTER, INTERACTIONS)] == [1, 1]
