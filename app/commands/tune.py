"""`marquee tune`: hyperparameters of the towers, searched on data that no reported figure is computed on."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.commands.build_flags import DEFAULT_CONFIG
from app.console import echo, settings
from core.errors import InvalidInput
from core.settings import CONFIGS

app = typer.Typer()


@app.command(epilog="Example: marquee tune --trials 30 --config configs/training/demo.toml --dry-run")
def tune(
    trials: Annotated[int, typer.Option(min=1, help="total number of trials of the study, finished ones included")] = 20,
    timeout: Annotated[float, typer.Option(min=0, help="seconds after which no further trial is started")] = float("inf"),
    dataset: Annotated[str, typer.Option(help="a name, the path of a zip, or `lake`")] = "ml-latest-small",
    config: Annotated[Path, typer.Option(help="training configuration that trials start from")] = DEFAULT_CONFIG,
    space: Annotated[
        Path | None, typer.Option(help="search space; by default the file in configs/tuning with the configuration's name")
    ] = None,
    hold_out: Annotated[
        str | None, typer.Option(help="what is held out: time (the latest 20 %) or loo (each user's last event)")
    ] = None,
    study: Annotated[str | None, typer.Option(help="name; by default DATASET-SPACE")] = None,
    seed: Annotated[int, typer.Option(min=0, help="seed of the search and of every trial")] = 1,
    out: Annotated[Path | None, typer.Option(help="file for the best configuration; by default under MARQUEE_HOME")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="check everything and show the plan; train nothing")] = False,
) -> None:
    """Search for the training configuration with the best validation NDCG, trial by trial, and write it to a file.

    Trials that fall behind are pruned. Press Ctrl-C at any time: the same command resumes, even in the middle of a trial.
    Each trial is a run in MLflow, nested in the study's.
    """
    if hold_out not in (None, "time", "loo"):
        raise InvalidInput("--hold-out", hold_out, "time or loo")
    from app.usecases import tuning

    home = settings()
    space = space or CONFIGS / "tuning" / config.name
    name = study or f"{Path(dataset).stem}-{space.stem}"
    search = tuning.TuningRun(
        config=config,
        space=space,
        study=name,
        trials=trials,
        timeout=timeout,
        seed=seed,
        out=out or home.folder("tuning") / f"{name}.toml",
        command=shlex.join(["marquee", *sys.argv[1:]]),
    )
    tuning.tune(home, tuning.tuning_data(home, dataset, hold_out), search, dry_run, echo)  # type: ignore[arg-type]
