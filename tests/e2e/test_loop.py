"""The whole loop through the real processes: an event changes the next list, without retraining."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable

import psutil
import pytest
from running import Running, start

pytestmark = [pytest.mark.service("milvus"), pytest.mark.timeout(1200)]
NEW_USER = 777_001
HEAT, TOY_STORY = 6, 1


def ids(marquee: Running, user: int, k: int = 20) -> list[int]:
    answer = marquee.http.get(f"/recommend/{user}", params={"k": k, "format": "ids"})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["recommendations"])


def rate(marquee: Running, user: int, item: int, stars: float) -> None:
    event = {"user_id": user, "item_id": item, "kind": "rating", "value": stars}
    answer = marquee.http.post("/events", json=event)
    assert answer.status_code == 202, answer.text


def until_gone(marquee: Running, user: int, item: int, seconds: float = 20.0) -> list[int]:
    """Poll until the item left the user's list: its rating is in the online features then."""
    deadline = time.monotonic() + seconds
    while item in (now := ids(marquee, user)):
        assert time.monotonic() < deadline, f"item {item} is still recommended to user {user}"
        time.sleep(0.01)
    return now


def test_the_demo_says_where_to_look_and_what_changed(marquee: Running) -> None:
    printed = marquee.printed()
    for words in ("Swagger", "MLflow", "before (", "new in the top", "Open http://127.0.0.1"):
        assert words in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize("user", [1, 42, 414])
def test_a_rating_changes_the_next_list_of_a_known_user(marquee: Running, user: int) -> None:
    before = ids(marquee, user)
    rate(marquee, user, before[0], 5.0)
    after = until_gone(marquee, user, before[0])
    assert len(after) == len(set(after)) == 20
    assert after != before[1:] + after[-1:], "the other films kept their order: the user tower did not see the event"


def test_a_new_user_is_cold_and_then_is_not(marquee: Running) -> None:
    cold = marquee.http.get(f"/recommend/{NEW_USER}").json()
    assert (cold["cold_start"], cold["strategy"]) == (True, "popular_fallback")
    for item in (HEAT, cold["recommendations"][0]["item_id"]):
        rate(marquee, NEW_USER, item, 5.0)
    until_gone(marquee, NEW_USER, cold["recommendations"][0]["item_id"])
    warm = marquee.http.get(f"/recommend/{NEW_USER}", params={"explain": True}).json()
    assert (warm["cold_start"], warm["strategy"]) == (False, "two_tower")
    assert any(film["reasons"] for film in warm["recommendations"])


def test_the_item_vectors_learn_from_the_stream(marquee: Running) -> None:
    def served() -> float:
        lines = marquee.http.get("/metrics").text.splitlines()
        return float(next(line for line in lines if line.startswith("marquee_served_version ")).split()[1])

    before, now = served(), ids(marquee, 42)
    for item in now[:2]:
        rate(marquee, 42, item, 5.0)
    deadline = time.monotonic() + 60
    while served() <= before:
        assert time.monotonic() < deadline, "no version of learned vectors reached the API"
        time.sleep(0.1)
    assert marquee.http.get("/health/ready").status_code == 200


def test_an_event_that_is_sent_twice_counts_once(marquee: Running) -> None:
    event = {"event_id": "twice-1", "user_id": NEW_USER + 1, "item_id": TOY_STORY, "kind": "rating", "value": 4.0}
    answers = [marquee.http.post("/events", json=event).json() for _ in range(2)]
    assert [(answer["accepted"], answer["duplicates"]) for answer in answers] == [(1, 0), (0, 1)]
    deadline = time.monotonic() + 20
    while not (history := marquee.http.get(f"/users/{NEW_USER + 1}/history").json().get("events")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert [entry["item_id"] for entry in history] == [TOY_STORY]


def test_everything_is_ready_and_says_what_it_is(marquee: Running) -> None:
    ready = marquee.http.get("/health/ready")
    assert ready.status_code == 200, ready.text
    assert all(check["status"] == "up" for check in ready.json()["checks"].values()), ready.text
    version = marquee.http.get("/version").json()
    assert version["release"] in marquee.http.get("/metrics").text
    assert version["data_version"]["interactions"] >= 0


def test_the_release_beats_popularity_on_events_that_nothing_had_seen(marquee: Running) -> None:
    metrics = marquee.http.get("/version").json()["metrics"]
    assert metrics["ndcg@10"] > metrics["popularity_ndcg@10"]
    assert metrics["lift_low"] > 0.0


def test_a_second_marquee_in_the_same_folder_is_refused(marquee: Running) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "app", "up"], env=marquee.env, capture_output=True, text=True, timeout=120, check=False
    )
    assert second.returncode == 1
    assert "already up in" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_second_demo_starts_in_seconds_where_the_first_one_prepared(marquee: Running, free_port: Callable[[], int]) -> None:
    """On a copy's ports and a copy of the folder: the first one stays up."""
    copy = marquee.home.parent / "copy"
    shutil.copytree(marquee.home, copy, ignore=shutil.ignore_patterns("milvus", "run"))
    again = start(copy, free_port, "demo", "--replay-seconds", "1", "--no-shift", "--exit")
    try:
        assert again.process.wait(timeout=150) == 0, again.printed()[-3000:]
    finally:
        again.stop()
    assert "there is a production release already" in again.printed()
    assert "everything is stopped" in again.printed()


def test_the_watchdog_acts_on_a_shift_of_tastes_and_the_retraining_ends_with_the_demo(
    marquee: Running, free_port: Callable[[], int]
) -> None:
    copy = marquee.home.parent / "shifting"
    shutil.copytree(marquee.home, copy, ignore=shutil.ignore_patterns("milvus", "run", "watch", "retrain"))
    shifting = start(copy, free_port, "demo", "--replay-seconds", "1", "--shift", "--exit")
    try:
        assert shifting.process.wait(timeout=300) == 0, shifting.printed()[-3000:]
    finally:
        shifting.stop()
    assert "the watchdog acted: a retraining was started" in shifting.printed(), shifting.printed()[-3000:]
    trained = [one for one in psutil.process_iter(["environ"]) if (one.info["environ"] or {}).get("MARQUEE_HOME") == str(copy)]
    assert not trained, "the retraining went on without its watchdog"
