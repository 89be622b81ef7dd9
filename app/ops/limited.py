"""Runs a command within limits of cores, priority, memory and time, and ends it with everything it started.

Memory is watched from outside: RLIMIT_AS counts address space, of which torch reserves many times what it uses, and a control
group cannot be made without rights that a container does not give. Memory that is shared between processes counts for each.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil

from app.ops.own_module import own_module
from core.machine import available_memory

NICENESS = 10
LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Limits:
    """What a command may use. 0 cores: all but one; 0 bytes: four fifths of what is free when it starts."""

    cores: int = 0
    max_bytes: int = 0
    seconds: float = 6 * 3600.0


def yield_cores(cores: int) -> None:
    """Let this process, and what it starts, compute on so many cores, and after all others."""
    mine = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, mine[-(cores or max(1, len(mine) - 1)) :])
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)


def run_limited(command: Sequence[str], limits: Limits, keep: Sequence[int] = (), stopped: Callable[[], str] = str) -> str:
    """Run to the end; returns why it did not end well, or nothing. `keep` are open files that the command inherits.

    `stopped` is asked again and again; what it returns, if anything, is why the command is ended early. The command ends with
    this process, too. Call it from the main thread.
    """
    max_bytes = limits.max_bytes or available_memory() * 4 // 5
    bound = own_module("app.ops.bound_child", *command)
    child = subprocess.Popen(  # noqa: S603 - our own command, no shell
        bound, start_new_session=True, pass_fds=tuple(keep), stdin=subprocess.DEVNULL
    )
    deadline = time.monotonic() + limits.seconds
    try:
        while child.poll() is None:
            used = _resident(child.pid)
            if used > max_bytes:
                return f"it used {used / 2**30:.2f} GiB of memory (maximum {max_bytes / 2**30:.2f})"
            if time.monotonic() > deadline:
                return f"it took longer than {limits.seconds / 3600:.2f} hours"
            if why := stopped():
                return why
            time.sleep(LOOK_SECONDS)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    return "" if child.returncode == 0 else f"it ended with exit code {child.returncode}"


def _resident(pid: int) -> int:
    """Bytes of memory of a process and its descendants."""
    total = 0
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.Error):
                total += process.memory_info().rss
    return total
