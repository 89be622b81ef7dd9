"""A Marquee home that a benchmark serves: its users, its release, and a port to serve it on."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import polars as pl
from deltalake import DeltaTable

from core.settings import Settings

ZIPF = 1.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def people(home: Path) -> list[int]:
    """The users of a home, by key."""
    events = DeltaTable(str(home / "lake" / "interactions")).to_pyarrow_table(columns=["user_id"])
    return list(pl.Series(events["user_id"].to_numpy()).unique().sort().to_list())


def zipf(users: list[int], n: int, seed: int = 1) -> list[int]:
    """n users, a few of them often."""
    rng = np.random.default_rng(seed)
    weights = 1.0 / np.arange(1, len(users) + 1) ** ZIPF
    return list(rng.choice(rng.permutation(users), n, p=weights / weights.sum()).tolist())


def data_hash(home: Path) -> str:
    """Which release was served."""
    return ",".join(sorted(one.name for one in Settings(home=home).folder("releases").iterdir() if one.is_dir()))
