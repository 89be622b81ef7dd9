"""Memory and open files of processes under an even load: do they stay level?"""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
import psutil

EVERY = 10.0  # seconds between two looks
SETTLING = 180.0  # seconds in which caches and memories of bounded size fill up
SHOWN_EVERY = 12  # looks


def soaked(processes: Mapping[str, psutil.Process], seconds: float) -> dict[str, float]:
    """Look at the processes for so long, and print a row every two minutes.

    For each: resident MiB when they have settled and at the end, the slope between (MiB an hour, least squares), and how many
    open files and threads it had.
    """
    begin = time.monotonic()
    looks: list[list[float]] = []  # seconds, then MiB, files and threads of each process
    print(f"{'minute':>7s}" + "".join(f"{name + ' MiB':>14s}{'files':>7s}{'threads':>9s}" for name in processes), flush=True)
    while (passed := time.monotonic() - begin) < seconds:
        looks.append([passed, *(figure for one in processes.values() for figure in _look(one))])
        if len(looks) % SHOWN_EVERY == 1:
            cells = zip(looks[-1][1::3], looks[-1][2::3], looks[-1][3::3], strict=True)
            print(
                f"{passed / 60:7.1f}" + "".join(f"{mib:14.0f}{files:7.0f}{threads:9.0f}" for mib, files, threads in cells),
                flush=True,
            )
        time.sleep(max(0.0, begin + EVERY * len(looks) - time.monotonic()))
    table = np.array(looks)
    table = table[table[:, 0] >= min(SETTLING, seconds / 2)]
    found: dict[str, float] = {}
    for number, name in enumerate(processes):
        memory, files, threads = table[:, 1 + 3 * number : 4 + 3 * number].T
        slope = float(np.polyfit(table[:, 0] / 3600, memory, 1)[0])
        level = f"{memory[0]:.0f} -> {memory[-1]:.0f} MiB, {slope:+.1f} MiB an hour"
        print(f"{name}: {level}; files {files.min():.0f} to {files.max():.0f}")
        found |= {f"{name}_mib_after_settling": memory[0], f"{name}_mib_at_the_end": memory[-1]}
        found |= {f"{name}_mib_an_hour": slope, f"{name}_files_min": files.min(), f"{name}_files_max": files.max()}
        found |= {f"{name}_threads_min": threads.min(), f"{name}_threads_max": threads.max()}
    return {name: float(value) for name, value in found.items()}


def _look(process: psutil.Process) -> tuple[float, int, int]:
    return process.memory_info().rss / 2**20, process.num_fds(), process.num_threads()
