"""A `marquee` command as a child process, in its own folder and on its own ports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

PATIENCE = 900.0  # two trainings included; two busy cores


@dataclass
class Running:
    """A `marquee` command that serves, and how to talk to it."""

    home: Path
    url: str
    env: dict[str, str]
    process: subprocess.Popen[bytes]
    log: Path
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, timeout=30.0)

    def printed(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> int:
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)


def ports(free_port: Callable[[], int]) -> dict[str, str]:
    names = ("API", "MLFLOW", "MILVUS", "CONSUMER_METRICS", "WATCHDOG_METRICS")
    return {f"MARQUEE_{name}_PORT": str(free_port()) for name in names}


def start(home: Path, free_port: Callable[[], int], *arguments: str, **extra: str) -> Running:
    """Start `marquee ...` and return at once."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("MARQUEE_", "REDIS_"))}
    env = {**inherited, **ports(free_port), "MARQUEE_HOME": str(home), "COLUMNS": "200", **extra}
    home.mkdir(parents=True, exist_ok=True)
    log = home.parent / f"{home.name}-{time.monotonic_ns()}.log"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", "app", *arguments], env=env, stdout=output, stderr=output)
    return Running(home, f"http://127.0.0.1:{env['MARQUEE_API_PORT']}", env, process, log)


def wait_for(running: Running, text: str, seconds: float = PATIENCE) -> None:
    """Until the command printed the text; fails with the end of its output when it ends before."""
    deadline = time.monotonic() + seconds
    while text not in running.printed():
        assert running.process.poll() is None, f"it ended with {running.process.returncode}:\n{running.printed()[-4000:]}"
        assert time.monotonic() < deadline, f"no {text!r} within {seconds:.0f} s:\n{running.printed()[-4000:]}"
        time.sleep(0.2)
