"""What this process may use of the machine: cores and memory, limits of its container included."""

from __future__ import annotations

import os
import time
from pathlib import Path

CGROUP, PROC = Path("/sys/fs/cgroup"), Path("/proc")
_SAMPLE_SECONDS = 0.3  # how long the load of the cores is measured
_NO_LIMIT = 1 << 60  # bytes; cgroup v1 reports a number above it where there is no limit


def available_cores() -> int:
    """Cores that this process may run on: its affinity, and the quota of its container. At least 1."""
    return max(1, min(len(os.sched_getaffinity(0)), int(_quota() or 1 << 16)))


def free_cores(seconds: float = _SAMPLE_SECONDS) -> int:
    """Those of `available_cores` that are idle, measured over `seconds`. At least 1."""
    before = _busy_and_total_ticks()
    time.sleep(seconds)
    busy, total = (now - then for now, then in zip(_busy_and_total_ticks(), before, strict=True))
    cores = len(os.sched_getaffinity(0))
    idle = cores * (1 - busy / total) if total > 0 else cores
    return max(1, min(available_cores(), round(idle)))


def available_memory() -> int:
    """Bytes that can still be allocated before something is swapped out or killed."""
    lines = (line.split() for line in (PROC / "meminfo").read_text().splitlines())
    free = next(int(line[1]) << 10 for line in lines if line[0] == "MemAvailable:")
    for folder, limit, usage in (
        (CGROUP, "memory.max", "memory.current"),
        (CGROUP / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        max_bytes, used = _number(folder / limit), _number(folder / usage)
        if max_bytes is not None and used is not None and max_bytes < _NO_LIMIT:
            free = min(free, max(0, max_bytes - used + _file_cache(folder / "memory.stat")))
    return free


def _quota() -> float | None:
    """Cores' worth of time that the container gets, None without a limit."""
    try:
        quota, period = (CGROUP / "cpu.max").read_text().split()
    except (OSError, ValueError):
        cpu = CGROUP / "cpu"
        found = _number(cpu / "cpu.cfs_quota_us"), _number(cpu / "cpu.cfs_period_us")
        return found[0] / found[1] if found[0] and found[1] and found[0] > 0 else None
    return None if quota == "max" else float(quota) / float(period)


def _busy_and_total_ticks() -> tuple[float, float]:
    """Ticks so far of the cores that this process may run on: busy ones, and all."""
    allowed = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    busy = total = 0
    for line in (PROC / "stat").read_text().splitlines():
        name, *ticks = line.split()
        if name in allowed:
            counts = [int(tick) for tick in ticks[:8]]  # user nice system idle iowait irq softirq steal
            total += sum(counts)
            busy += sum(counts) - counts[3] - counts[4]
    return float(busy), float(total)


def _file_cache(path: Path) -> int:
    """Bytes that count as used and are reclaimed when memory runs short."""
    try:
        found = dict(line.split() for line in path.read_text().splitlines())
    except (OSError, ValueError):
        return 0
    return int(found.get("total_inactive_file", found.get("inactive_file", 0)))


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
