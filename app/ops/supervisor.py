"""Runs several processes as one: starts them in order, prefixes their logs, restarts what dies, and stops them together."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.text import Text

from app.ops.own_module import own_module
from app.processes import Process
from core.errors import DependencyUnavailable

COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "red")
STOP_SECONDS = 15.0  # between the request to stop and SIGKILL
DEATHS_ALLOWED = 5  # within DEATHS_WINDOW: more is a crash loop, which restarting does not fix
DEATHS_WINDOW = 60.0
# Freed memory goes back to the system, where PyArrow would keep a pool of its own, and glibc up to eight for each core.
FRUGAL = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2"}
BOUND_CHILD = own_module("app.ops.bound_child")


class Supervisor:
    """Children in start order. `run` returns when it was asked to stop, or raises when a child cannot be kept alive."""

    def __init__(self, console: Console, logs: Path) -> None:
        self._console = console
        self._logs = logs
        self._children: dict[str, asyncio.subprocess.Process] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()
        self._failure: Exception | None = None

    async def start(self, process: Process) -> None:
        """Start one child and wait until it is ready. Raises DependencyUnavailable if it dies or does not become ready."""
        await self._spawn(process)
        deadline = time.monotonic() + process.patience
        while not await asyncio.to_thread(process.ready):
            if self._stop.is_set():
                return
            if self._children[process.name].returncode is not None or time.monotonic() > deadline:
                log = self._logs / f"{process.name}.log"
                raise DependencyUnavailable(process.name, "it did not become ready", f"read the end of {log}")
            await asyncio.sleep(0.1)
        self._tasks.append(asyncio.create_task(self._keep_alive(process)))

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def pid(self, name: str) -> int:
        """The process id of a child. Raises KeyError."""
        return self._children[name].pid

    def stop(self) -> None:
        """Ask `run` to return."""
        self._stop.set()

    async def run(self, stages: Sequence[Sequence[Process]], between: Callable[[int], Awaitable[None]]) -> None:
        """Start the stages in order, the processes of one side by side; call `between(i)` when stage i is ready; wait."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        try:
            for index, stage in enumerate(stages):
                await asyncio.gather(*(self.start(process) for process in stage))
                if self._stop.is_set():
                    return
                await between(index)
            await self._stop.wait()
            if self._failure is not None:
                raise self._failure
        finally:
            await self._shut_down()

    async def _spawn(self, process: Process) -> None:
        self._logs.mkdir(parents=True, exist_ok=True)
        child = await asyncio.create_subprocess_exec(
            *BOUND_CHILD,
            *process.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**FRUGAL, **os.environ, "PYTHONUNBUFFERED": "1", **process.env},
            start_new_session=True,  # Ctrl-C reaches only the supervisor, which then stops the children in order
        )
        self._children[process.name] = child
        self._tasks.append(asyncio.create_task(self._pump(process.name, child)))

    async def _pump(self, name: str, child: asyncio.subprocess.Process) -> None:
        """Child output -> console with a prefix, and to its log file."""
        colour = COLOURS[len(self._children) % len(COLOURS)]
        assert child.stdout is not None  # noqa: S101 - it was opened as a pipe
        with (self._logs / f"{name}.log").open("ab") as log:
            while True:
                try:
                    line = await child.stdout.readline()
                except ValueError:  # a line longer than the pipe's buffer: the reader dropped it, the child goes on
                    line = b"(a very long line was left out)\n"
                if not line:
                    return
                log.write(line)
                log.flush()
                prefix = Text(f"{name:>9} | ", style=colour)
                self._console.print(prefix + Text(line.decode(errors="replace").rstrip()), soft_wrap=True)

    async def _keep_alive(self, process: Process) -> None:
        deaths: list[float] = []
        while not self._stop.is_set():
            code = await self._children[process.name].wait()
            if self._stop.is_set():
                return
            now = time.monotonic()
            deaths = [death for death in deaths if now - death < DEATHS_WINDOW] + [now]
            if len(deaths) > DEATHS_ALLOWED:
                self._failure = DependencyUnavailable(
                    process.name, f"it ended {len(deaths)} times within a minute (exit {code})", "read its log"
                )
                self.stop()
                return
            self._console.print(f"[yellow]{process.name} ended with {code}; starting it again[/]")
            await asyncio.sleep(min(2.0 ** (len(deaths) - 1), 10.0))
            await self._spawn(process)

    async def _shut_down(self) -> None:
        """Stop the children, the last started first, and wait for each."""
        self._stop.set()
        for name, child in reversed(self._children.items()):
            if child.returncode is None:
                await self._end(name, child)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _end(self, name: str, child: asyncio.subprocess.Process) -> None:
        _signal_group(child.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(child.wait(), STOP_SECONDS)
        except TimeoutError:
            self._console.print(f"[red]{name} did not stop within {STOP_SECONDS:.0f} s; killing it[/]")
            _signal_group(child.pid, signal.SIGKILL)
            await child.wait()


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)
