"""What people notice of a retraining: the time to a list without one, beside one within its limits, and beside an ordinary build.

Needs a running Marquee (`marquee up`) and its home. The training of each part is real and is ended when the part is over, so
nothing is registered. Lists are asked for one after the other, with a pause, as by a page that is used.

    MARQUEE_HOME=var python benchmarks/retraining.py --url http://127.0.0.1:8000
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import record
from loop import Client
from tqdm import tqdm

PAUSE = 0.02  # seconds between two lists
WARM_UP = 25.0  # seconds until the training computes
BUILD = "from app.console import settings; from app.usecases import steps; from pathlib import Path; import sys\n"
TRAIN = BUILD + "steps.make_bundle(settings(), None, 1, Path(sys.argv[1]), print)"
LIMITED = "from app.ops.limited import yield_cores; yield_cores(0)\n" + TRAIN


@contextmanager
def training(program: str) -> Iterator[None]:
    """A build in a process of its own, ended at the end with all that it started. No program: none. Raises SystemExit."""
    if not program:
        yield
        return
    with tempfile.TemporaryDirectory() as work:
        log = Path(work) / "log"
        with log.open("wb") as out:
            child = subprocess.Popen([sys.executable, "-c", program, work], stdout=out, stderr=out, start_new_session=True)
        try:
            time.sleep(WARM_UP)
            yield
            if child.poll() is not None:
                raise SystemExit(f"the training ended before the measurement: {log.read_text()[-500:]}")
        finally:
            for one in [*psutil.Process(child.pid).children(recursive=True)] if child.poll() is None else []:
                one.kill()
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def lists(url: str, users: list[int], seconds: float, what: str) -> np.ndarray:
    """Milliseconds of each list."""
    client = Client(url)  # of its own: a connection that waited for the training to begin was closed meanwhile
    taken, end = [], time.perf_counter() + seconds
    with tqdm(total=round(seconds), desc=what, leave=False) as bar:
        while (start := time.perf_counter()) < end:
            client.get(f"/recommend/{users[len(taken) % len(users)]}?k=20")
            taken.append((time.perf_counter() - start) * 1e3)
            time.sleep(PAUSE)
            bar.update(round(seconds - (end - time.perf_counter())) - bar.n)
    return np.array(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each part of a round")
    parser.add_argument("--rounds", type=int, default=2)
    wanted = parser.parse_args()
    client = Client(wanted.url)
    users, data = json.loads(client.get("/users?limit=50"))["users"], json.loads(client.get("/version"))["data_version"]
    parts: dict[str, list[np.ndarray]] = {"idle": [], "limited": [], "ordinary": []}
    for _ in range(wanted.rounds):
        for name, program in (("idle", ""), ("limited", LIMITED), ("ordinary", TRAIN)):
            with training(program):
                parts[name].append(lists(wanted.url, users, wanted.seconds, name))
    metrics: dict[str, float] = {}
    for name, found in parts.items():
        of_all = np.concatenate(found)
        metrics |= {f"{name}_p{q}_ms": float(np.percentile(of_all, q)) for q in (50, 99)} | {f"{name}_lists": float(len(of_all))}
    for name in ("limited", "ordinary"):
        metrics |= {f"{name}_to_idle_p{q}_ratio": metrics[f"{name}_p{q}_ms"] / metrics[f"idle_p{q}_ms"] for q in (50, 99)}
    for name, value in metrics.items():
        print(f"{name:<28} {value:9.2f}")
    record.write("retraining", json.dumps(data), metrics)


if __name__ == "__main__":
    main()
