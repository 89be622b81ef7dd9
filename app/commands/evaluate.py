"""`marquee evaluate`: models compared under a protocol that nobody can argue with."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from app import wiring
from app.console import echo, out, settings
from core.errors import InvalidInput
from core.settings import CONFIGS

DEFAULT_CONFIG = CONFIGS / "training" / "demo.toml"


def evaluate(
    dataset: Annotated[str, typer.Option(help="a name (ml-latest-small, ml-1m, ...) or the path of a zip")] = "ml-latest-small",
    protocol: Annotated[str, typer.Option(help="loo, last, successive or strong")] = "successive",
    models: Annotated[str, typer.Option(help="comma-separated")] = "popularity,itemknn,ease,markov,two_tower",
    config: Annotated[Path, typer.Option(help="training configuration of two_tower")] = DEFAULT_CONFIG,
    seeds: Annotated[str, typer.Option(help="seeds of two_tower, comma-separated; each is a separate model")] = "1",
    folds: Annotated[int, typer.Option(min=1, max=50, help="rolling cut-offs of last and successive")] = 5,
    to: Annotated[
        Path | None, typer.Option("--out", help="folder of the report; by default a new one under MARQUEE_HOME")
    ] = None,
) -> None:
    """Compare models by full ranking: a table, JSON, pictures, and a run in MLflow.

    Nothing is sampled, ties go by a fixed hash, what a user has seen is left out, and intervals are over users. An interrupted
    run of the towers resumes where it stopped when the same command is run again.
    """
    from app.usecases.evaluating import Comparison, publish
    from app.usecases.evaluating import evaluate as run
    from datasets.registry import read_any
    from retrieval.config import TrainConfig

    wanted = Comparison(
        protocol,  # type: ignore[arg-type]  # Comparison checks it
        tuple(name.strip() for name in models.split(",") if name.strip()),
        folds,
        _numbers(seeds),
        TrainConfig.load(config),
    )
    home = settings()
    data = read_any(dataset, home.folder("datasets"))
    found = run(data, wanted, home.folder("evaluation") / data.name / config.stem, sys.stderr.isatty(), echo)
    folder = to or home.folder("evaluation") / data.name / f"{protocol}-report"
    publish(found, data, wanted, shlex.join(["marquee", *sys.argv[1:]]), folder, wiring.tracker(home), out.print)


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise InvalidInput("--seeds", text, "comma-separated numbers: 1,2,3") from error
