"""Where figures live: one JSON file per run in `benchmarks/results`, and `docs/benchmarks.md`, which is made from them.

`python benchmarks/record.py` writes the page again.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
NOTES = RESULTS / "notes.md"


def machine() -> str:
    """The machine in words, without its name."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{psutil.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}"


def commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def write(name: str, data_hash: str, metrics: dict[str, float], seeds: tuple[int, ...] = ()) -> Path:
    """Store one run's figures and make the page again."""
    command = " ".join(["python", Path(sys.argv[0]).resolve().relative_to(ROOT).as_posix(), *map(_portable, sys.argv[1:])])
    body = {
        "name": name,
        "command": command,
        "commit": commit(),
        "data_hash": data_hash,
        "machine": machine(),
        "seeds": list(seeds),
        "metrics": {key: float(f"{value:.6g}") for key, value in metrics.items()},
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(body, indent=2) + "\n")
    PAGE.write_text(page())
    return path


def _portable(argument: str) -> str:
    """Without the folders of this machine."""
    return Path(argument).name if Path(argument).is_absolute() else argument


def page() -> str:
    """`docs/benchmarks.md`, from the result files alone."""
    parts = [
        "# Benchmarks\n\nMade by `python benchmarks/record.py` from `benchmarks/results/*.json`; do not edit. "
        "Every figure names its command, commit, data and machine.\n"
    ]
    for path in sorted(RESULTS.glob("*.json")):
        run = json.loads(path.read_text())
        parts.append(
            f"\n## {run['name']}\n\n`{run['command']}` at `{run['commit']}`, data `{run['data_hash']}`, {run['machine']}"
        )
        parts.append(f", seeds {run['seeds']}\n" if run["seeds"] else "\n")
        parts.append("\n| metric | value |\n|---|---|\n")
        parts.extend(f"| {key} | {value:g} |\n" for key, value in run["metrics"].items())
    if NOTES.is_file():
        parts.append("\n" + NOTES.read_text())
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
