"""Cores and memory as a container limits them, on files like the kernel's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core import machine

MEMINFO = "MemTotal: 8000 kB\nMemAvailable: 4000 kB\n"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    monkeypatch.setattr(machine, "PROC", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 3, 5})
    (tmp_path / "meminfo").write_text(MEMINFO)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 4),
        ({"cpu.max": "max 100000"}, 4),
        ({"cpu.max": "250000 100000"}, 2),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "900000 100000"}, 4),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 4),
    ],
)
def test_cores_by_affinity_and_quota(kernel: Path, files: dict[str, str], cores: int) -> None:
    for name, text in files.items():
        write(kernel / name, text)
    assert machine.available_cores() == cores


@pytest.mark.parametrize(("busy", "free"), [(0, 4), (50, 2), (75, 1), (100, 1)])
def test_cores_on_which_others_compute_are_not_free(kernel: Path, monkeypatch: pytest.MonkeyPatch, busy: int, free: int) -> None:
    def at(ticks: int) -> str:
        """After so many ticks of which `busy` % were spent computing; core 1, which is not ours, has been idle."""
        ours = "".join(
            f"cpu{core} {ticks * busy // 100} 0 0 {ticks * (100 - busy) // 100} 0 0 0 0 0 0\n" for core in (0, 2, 3, 5)
        )
        return f"cpu 9 9 9 9\n{ours}cpu1 0 0 0 {ticks} 0 0 0 0 0 0\n"

    write(kernel / "stat", at(100))
    monkeypatch.setattr(machine.time, "sleep", lambda _: write(kernel / "stat", at(300)))
    assert machine.free_cores() == free
    write(kernel / "cpu.max", "100000 100000")
    write(kernel / "stat", at(100))
    assert machine.free_cores() == 1


@pytest.mark.parametrize(
    ("files", "kib"),
    [
        ({}, 4000),
        ({"memory.max": "max", "memory.current": "0"}, 4000),
        ({"memory.max": str(3000 << 10), "memory.current": str(2000 << 10)}, 1000),
        ({"memory.max": str(3000 << 10), "memory.current": str(2000 << 10), "memory.stat": f"inactive_file {500 << 10}"}, 1500),
        ({"memory/memory.limit_in_bytes": str(900 << 10), "memory/memory.usage_in_bytes": str(800 << 10)}, 100),
        ({"memory/memory.limit_in_bytes": "9223372036854771712", "memory/memory.usage_in_bytes": "5"}, 4000),
    ],
)
def test_memory_is_that_of_the_container(kernel: Path, files: dict[str, str], kib: int) -> None:
    for name, text in files.items():
        write(kernel / name, text)
    assert machine.available_memory() == kib << 10
