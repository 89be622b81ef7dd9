"""What a person asks of an import, and what is reported to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from datasets.interactions import Reading


@dataclass(frozen=True)
class Order:
    """Which files, and how a person wants them to be read."""

    interactions: Path | None = None
    items: Path | None = None
    users: Path | None = None
    reading: Reading = field(default_factory=Reading)
    item_names: Mapping[str, str] = field(default_factory=dict)
    user_names: Mapping[str, str] = field(default_factory=dict)
    max_bad: float = 0.05
    hold_out: float = 0.0
    add: bool = False  # to films that `data load` put there
    replace: bool = False  # what the lake holds: it is taken for empty, also by the check that comes before it is emptied
    hide_missing: bool = False
    dry_run: bool = False


@dataclass
class ImportResult:
    """What is reported to a person."""

    understood: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    lake: list[str] = field(default_factory=list)
    next: list[str] = field(default_factory=list)
    preview: pl.DataFrame | None = None
