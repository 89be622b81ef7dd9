"""The supervisor with real child processes: order, restart, crash loop, second start, taken port, clean stop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Awaitable, Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from app.ops.ownership import sole_builder, sole_owner
from app.ops.supervisor import Supervisor
from app.processes import Process, listening, require_free_ports
from core.errors import AlreadyRunning, DependencyUnavailable

SERVER = """
import socket, sys, time
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    print("serving", flush=True)
    server.settimeout(60)
    while True:
        server.accept()[0].close()
"""
FreePort = Callable[[], int]


def _server(name: str, port: int, code: str = SERVER) -> Process:
    command = (sys.executable, "-c", code, str(port))
    return Process(name, command, lambda: listening("127.0.0.1", port), port, "api_port", patience=20.0)


def _supervise(tmp_path: Path, stages: list[list[Process]], then: Callable[[Supervisor], Awaitable[None]]) -> str:
    """Run the stages, call `then` when all are ready, stop; returns what was printed."""
    printed = StringIO()

    async def body() -> None:
        supervisor = Supervisor(Console(file=printed, width=200), tmp_path / "logs")

        async def between(stage: int) -> None:
            if stage == len(stages) - 1:
                await then(supervisor)

        await supervisor.run(stages, between)

    asyncio.run(body())
    return printed.getvalue()


async def _stop(supervisor: Supervisor) -> None:
    supervisor.stop()


def test_children_start_in_order_with_prefixed_logs_and_stop_afterwards(tmp_path: Path, free_port: FreePort) -> None:
    first, second = free_port(), free_port()
    seen: list[bool] = []

    async def then(supervisor: Supervisor) -> None:
        seen.extend((listening("127.0.0.1", first), listening("127.0.0.1", second)))
        supervisor.stop()

    printed = _supervise(tmp_path, [[_server("one", first)], [_server("two", second)]], then)
    assert seen == [True, True]
    assert "one | serving" in printed
    assert printed.index("one | serving") < printed.index("two | serving")
    assert not listening("127.0.0.1", first)
    assert not listening("127.0.0.1", second)
    assert (tmp_path / "logs" / "one.log").read_text() == "serving\n"


def test_a_child_that_is_killed_comes_back(tmp_path: Path, free_port: FreePort) -> None:
    port = free_port()

    async def then(supervisor: Supervisor) -> None:
        os.kill(supervisor.pid("one"), signal.SIGKILL)
        while listening("127.0.0.1", port):
            await asyncio.sleep(0.02)
        while not listening("127.0.0.1", port):
            await asyncio.sleep(0.02)
        supervisor.stop()

    assert "one ended with -9; starting it again" in _supervise(tmp_path, [[_server("one", port)]], then)


def test_a_child_that_never_gets_ready_names_its_log(tmp_path: Path, free_port: FreePort) -> None:
    dead = _server("dead", free_port(), code="raise SystemExit(3)")
    with pytest.raises(DependencyUnavailable, match=r"dead is unavailable: it did not become ready; read the end of .*dead\.log"):
        _supervise(tmp_path, [[dead]], _stop)


def test_a_taken_port_is_named_with_the_remedy(free_port: FreePort) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(AlreadyRunning) as caught:
        require_free_ports([_server("api", port)])
    assert f"port {port} (api) is taken" in caught.value.detail
    assert f"MARQUEE_API_PORT={port + 1} marquee up" in caught.value.detail


def test_a_second_owner_of_the_same_folder_is_refused(tmp_path: Path) -> None:
    with (
        sole_owner(tmp_path),
        pytest.raises(AlreadyRunning, match=rf"already up in .* \(process {os.getpid()}\)"),
        sole_owner(tmp_path),
    ):
        pass
    with sole_owner(tmp_path):
        pass


def test_a_second_build_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with (
        sole_builder(tmp_path),
        pytest.raises(AlreadyRunning, match=rf"being built in .* \(process {os.getpid()}\); wait"),
        sole_builder(tmp_path),
    ):
        pass


def test_children_do_not_outlive_a_killed_supervisor(tmp_path: Path, free_port: FreePort) -> None:
    port = free_port()
    program = textwrap.dedent(f"""
        import asyncio, sys
        from pathlib import Path
        from rich.console import Console
        from app.processes import Process, listening
        from app.ops.supervisor import Supervisor
        server = Process("one", (sys.executable, "-c", {SERVER!r}, "{port}"),
                         lambda: listening("127.0.0.1", {port}), {port}, "api_port")
        async def nothing(stage): pass
        asyncio.run(Supervisor(Console(), Path({str(tmp_path)!r})).run([[server]], nothing))
    """)
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL)
    try:
        _until(lambda: listening("127.0.0.1", port))
    finally:
        parent.kill()
        parent.wait()
    _until(lambda: not listening("127.0.0.1", port))


def _until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)
