"""What `marquee up` costs: the memory of each of its processes, and the seconds from its start to the first list.

A copy of a home is started on ports of its own. After the first list come some more lists and events; then, for a while, each
process is asked every second for its proportional set size: its own memory, and its share of what it maps together with others.
A process is shown with the children that it has at that moment, by the median and the most of these seconds.

    python benchmarks/memory.py --home var               # after `make demo`
    python benchmarks/memory.py --home var --dry         # write no result file
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError

import numpy as np
import psutil
import record
from served_home import data_hash, free_port, people, zipf

START_SECONDS = 120.0
STOP_SECONDS = 60.0
LOOK = 0.02  # seconds between two tries to get the first list
PORTS = ("API_PORT", "MLFLOW_PORT", "MILVUS_PORT", "CONSUMER_METRICS_PORT", "WATCHDOG_METRICS_PORT")
SUPERVISOR = "supervisor"
# what the command line of each child of the supervisor contains
CHILDREN = {
    "api": "app serve",
    "consumer": "streaming.consumer",
    "watchdog": "monitoring.watchdog",
    "milvus": "milvus-lite",
    "mlflow": "mlflow",
}


@contextmanager
def up(home: Path, ports: Mapping[str, int]) -> Iterator[psutil.Process]:
    """`marquee up` on a home, until the block ends."""
    env = {**os.environ, "MARQUEE_HOME": str(home), **{f"MARQUEE_{name}": str(port) for name, port in ports.items()}}
    with (home / "up.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "app", "up"], env=env, stdout=log, stderr=log, cwd=record.ROOT)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def asked(base: str, path: str, body: object = None) -> bytes:
    """The answer. Raises OSError without one, or with an error."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=5.0) as answer:
        return bytes(answer.read())


def first_list(base: str, user: int, process: psutil.Process, log: Path) -> None:
    """Waits for it."""
    until = time.monotonic() + START_SECONDS
    while True:
        with suppress(URLError, OSError):
            asked(base, f"/recommend/{user}?k=10")
            return
        if time.monotonic() > until or process.status() == psutil.STATUS_ZOMBIE:
            raise SystemExit(f"marquee does not start:\n{log.read_text()[-3000:]}")
        time.sleep(LOOK)


def computed(supervisor: psutil.Process) -> float:
    """Seconds of CPU of all processes so far; unlike the time on the clock it says the same on a busy machine."""
    times = [one.cpu_times() for one in (supervisor, *supervisor.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))


def used(users: list[int], n: int, base: str) -> None:
    """An explained list, and an event on its first film, n times."""
    for user in users[:n]:
        film = json.loads(asked(base, f"/recommend/{user}?k=10&explain=true"))["recommendations"][0]["item_id"]
        asked(base, "/events", {"user_id": user, "item_id": film, "kind": "click"})


def sizes(supervisor: psutil.Process) -> dict[str, float]:
    """MiB of proportional set size now, by process; a process that ends meanwhile counts nothing."""
    found: dict[str, float] = defaultdict(float, {SUPERVISOR: _pss(supervisor)})
    for child in supervisor.children():
        with suppress(psutil.Error):
            line = " ".join(child.cmdline())
            name = next((name for name, part in CHILDREN.items() if part in line), "other")
            found[name] += sum(_pss(one) for one in (child, *child.children(recursive=True)))
    return found


def _pss(process: psutil.Process) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def watched(supervisor: psutil.Process, seconds: float) -> dict[str, float]:
    """Median and most of each process, and of the sum of all, over so many seconds."""
    seen: list[dict[str, float]] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        now = sizes(supervisor)
        seen.append({**now, "all": sum(now.values())})
        time.sleep(1.0)
    figures: dict[str, float] = {}
    for name in sorted(set().union(*seen)):
        values = [one.get(name, 0.0) for one in seen]
        figures[f"{name}_mib"], figures[f"{name}_most_mib"] = float(np.median(values)), max(values)
        print(f"  {name:10s} {figures[f'{name}_mib']:7.0f} MiB, at most {figures[f'{name}_most_mib']:7.0f}", flush=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="a Marquee home with a release, for example that of the demo")
    parser.add_argument("--name", default="memory", help="of the result file")
    parser.add_argument("--requests", type=int, default=200, help="lists, and as many events")
    parser.add_argument(
        "--seconds", type=float, default=70.0, help="how long memory is looked at: longer than a watchdog's interval"
    )
    parser.add_argument("--dry", action="store_true", help="write no result file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        shutil.copytree(given.home, home, ignore=shutil.ignore_patterns("logs", "run", "train", "datasets"))
        users = zipf(people(home), given.requests)
        ports = {name: free_port() for name in PORTS}
        base = f"http://127.0.0.1:{ports['API_PORT']}"
        begin = time.perf_counter()
        with up(home, ports) as supervisor:
            first_list(base, users[0], supervisor, home / "up.log")
            figures = {"first_list_s": time.perf_counter() - begin, "first_list_cpu_s": computed(supervisor)}
            print(
                f"first list after {figures['first_list_s']:.1f} s, {figures['first_list_cpu_s']:.1f} s of CPU in all processes"
            )
            used(users, given.requests, base)
            figures |= watched(supervisor, given.seconds)
    if not given.dry:
        print(record.write(given.name, data_hash(given.home), figures))


if __name__ == "__main__":
    main()
