"""What a user sees when a part is gone: every fault is made for real, on processes of their own over the demo's folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running import Running, start

from core.bundle import MANIFEST

pytestmark = [pytest.mark.service("milvus"), pytest.mark.timeout(1200)]
FreePort = Callable[[], int]


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)


def lives(running: Running) -> bool:
    assert running.process.poll() is None, running.printed()[-3000:]
    try:
        return running.http.get("/health/live").status_code == 200
    except OSError:
        return False
    except Exception as error:
        if type(error).__name__ in ("ConnectError", "RemoteProtocolError", "ReadError"):
            return False
        raise


@pytest.fixture(scope="module")
def copy_of_home(marquee: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's folder without Milvus' data: what a test breaks here, the demo does not miss."""
    copy = tmp_path_factory.mktemp("faults") / "home"
    shutil.copytree(marquee.home, copy, ignore=shutil.ignore_patterns("milvus", "run"))
    return copy


@pytest.fixture
def served(copy_of_home: Path, free_port: FreePort) -> Iterator[Callable[..., Running]]:
    """Starts `marquee serve` alone, with Milvus on a port where nothing listens."""
    started: list[Running] = []

    def serve(**settings: str) -> Running:
        running = start(copy_of_home, free_port, "serve", **settings)
        started.append(running)
        until(lambda: lives(running))
        return running

    yield serve
    for running in started:
        running.stop()
        assert "Traceback" not in running.printed(), running.printed()


def strategy(running: Running, user: int = 1) -> str:
    answer = running.http.get(f"/recommend/{user}", params={"k": 30})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert len({film["item_id"] for film in body["recommendations"]}) == 30
    return str(body["strategy"])


def test_milvus_down_at_start_is_served_from_the_mirror(served: Callable[..., Running]) -> None:
    running = served()
    until(lambda: strategy(running) == "two_tower_mirror")
    ready = running.http.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json()["checks"]["vector_index"]["status"] == "degraded"


def test_without_milvus_and_without_a_mirror_the_list_is_what_was_counted(served: Callable[..., Running]) -> None:
    running = served(MARQUEE_VECTOR_SEARCH="milvus", MARQUEE_MIRROR_MAX_ITEMS="0", MARQUEE_MILVUS_TIMEOUT="0.2")
    assert strategy(running) == "personal"
    assert strategy(running, user=987_654) == "popular_fallback", "nothing is known of a new user"
    trace = running.http.get("/recommend/1", params={"trace": True}).json()["trace"]
    assert any("milvus" in (stage["error"] or "") for stage in trace["stages"])


def test_milvus_that_hangs_during_requests_degrades_and_recovers(marquee: Running) -> None:
    listing = subprocess.run(
        ["pgrep", "-f", f"milvus-lite server.*{marquee.env['MARQUEE_MILVUS_PORT']}"], capture_output=True, text=True, check=True
    )
    [milvus] = [int(pid) for pid in listing.stdout.split()]
    assert strategy(marquee) == "two_tower"
    os.kill(milvus, signal.SIGSTOP)
    try:
        until(lambda: strategy(marquee) == "two_tower_mirror")
    finally:
        os.kill(milvus, signal.SIGCONT)
    until(lambda: strategy(marquee) == "two_tower")


def test_without_the_feature_store_lists_are_popular_and_say_so(served: Callable[..., Running], free_port: FreePort) -> None:
    running = served(MARQUEE_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert strategy(running) == "popular_degraded"
    history = running.http.get("/users/1/history")
    assert history.status_code == 503
    assert history.headers["content-type"].startswith("application/problem+json")


def test_a_log_that_cannot_be_written_refuses_events_and_still_serves(served: Callable[..., Running], copy_of_home: Path) -> None:
    running = served()
    folder = copy_of_home / "events"
    shutil.move(folder, folder.with_name("moved"))
    folder.write_text("no folder")
    try:
        fresh = served()
        answer = fresh.http.post("/events", json={"user_id": 1, "item_id": 1, "kind": "view"})
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert "event log" in answer.json()["detail"]
        assert strategy(fresh).startswith("two_tower")
        assert strategy(running).startswith("two_tower")
    finally:
        folder.unlink()
        shutil.move(folder.with_name("moved"), folder)


def test_a_release_that_uses_what_is_not_computed_is_refused(copy_of_home: Path, tmp_path: Path, free_port: FreePort) -> None:
    home = tmp_path / "home"
    shutil.copytree(copy_of_home, home)
    manifests = list(home.rglob(MANIFEST))
    assert manifests
    for path in manifests:
        body = json.loads(path.read_text())
        body["features"]["candidate"].append("mood")
        path.write_text(json.dumps(body))
    running = start(home, free_port, "serve")
    assert running.process.wait(timeout=120) == 1
    said = running.printed()
    assert "candidate feature mood" in said
    assert "marquee release build" in said
    assert "Traceback" not in said


def test_a_port_in_use_is_named_with_the_way_out(copy_of_home: Path, free_port: FreePort) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        running = start(copy_of_home, free_port, "up", MARQUEE_API_PORT=str(port))
        assert running.process.wait(timeout=120) == 1
    assert f"port {port} (api) is taken" in running.printed()
    assert f"MARQUEE_API_PORT={port + 1} marquee up" in running.printed()


def test_uvicorn_and_the_module_entry_points_work_by_name(copy_of_home: Path, free_port: FreePort) -> None:
    for command, says in (
        (["-m", "uvicorn", "serving.app:app", "--port", str(free_port())], "Uvicorn running"),
        (["-m", "retrieval.train", "--help"], "Train only the two towers"),
        (["-m", "streaming.consumer", "--help"], "stream consumer"),
        (["-m", "monitoring.watchdog", "--once"], "watched features drifted"),
    ):
        env = {**os.environ, "MARQUEE_HOME": str(copy_of_home), "COLUMNS": "200"}
        process = subprocess.Popen(
            [sys.executable, *command], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        said = ""
        try:
            while says not in said:
                line = process.stdout.readline()
                assert line, f"{command} ended without {says!r}: {said}"
                said += line
        finally:
            process.send_signal(signal.SIGINT)
            process.stdout.read()
            process.wait(timeout=30)
            process.stdout.close()
