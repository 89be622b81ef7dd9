"""What the commands that train share."""

from __future__ import annotations

from typing import Annotated

import typer

from core.settings import CONFIGS

DEFAULT_CONFIG = CONFIGS / "training" / "demo.toml"
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        "--config",
        help="auto (the data choose among the candidates of configs/presets/auto.toml), a name in configs/training, "
        "or a TOML file; by default auto, and demo for the bundled films",
    ),
]
