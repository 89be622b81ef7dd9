"""The commands that run something: the processes, the demo and the doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.commands.build_flags import DEFAULT_CONFIG, Preset
from app.console import echo, out, settings
from core.errors import DependencyUnavailable

app = typer.Typer()
ReplaySeconds = Annotated[float, typer.Option(min=0.0, help="how long to replay held-out events")]


@app.command(epilog="Example: marquee demo --replay-seconds 60 --exit")
def demo(
    replay_seconds: ReplaySeconds = 120.0,
    preset: Preset = None,
    shift: Annotated[
        bool | None,
        typer.Option(
            "--shift/--no-shift", help="let tastes shift until the watchdog acts; by default once, on the bundled films only"
        ),
    ] = None,
    leave: Annotated[bool, typer.Option("--exit", help="stop when all was shown instead of staying up")] = False,
) -> None:
    """Run the whole loop: load, materialise, train, release, serve, replay, drift. A second run reuses what is there.

    It runs on what the lake holds, your own data included; the bundled films go into an empty lake only.
    """
    from app.usecases.demo import run_demo

    run_demo(settings(), preset, replay_seconds, shift, leave)


@app.command(epilog="Example: marquee init --preset auto")
def init(preset: Preset = None) -> None:
    """Prepare what `demo` prepares, without starting processes: features and a release from what the lake holds.

    The bundled films go into an empty lake only, so it may run on every start of a container.
    """
    from app.usecases import steps
    from datasets.movielens import read_movielens

    steps.prepare(settings(), read_movielens, preset, echo)
    try:
        steps.publish(settings(), echo)
    except DependencyUnavailable:
        if settings().milvus_uri:
            raise
        echo("`marquee up` starts this folder's own Milvus and brings it the vectors")


@app.command(epilog="Example: MARQUEE_API_PORT=8080 marquee serve")
def serve() -> None:
    """Run the API alone. The same as `uvicorn serving.app:app`, on the address of the settings."""
    from app.usecases import run

    run.serve(settings())


@app.command(epilog="Example: marquee consume")
def consume() -> None:
    """Run the stream consumer alone. The same as `python -m streaming.consumer`."""
    from app.usecases import run

    run.consume(settings())


@app.command(epilog="Example: marquee watch --once")
def watch(
    once: Annotated[bool, typer.Option("--once", help="one check, then stop")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="show the latest decisions instead: when, what, why, what next")
    ] = False,
) -> None:
    """Run the watchdog alone. The same as `python -m monitoring.watchdog`."""
    from app.usecases import run

    if explain:
        from app.usecases.explaining import timeline_table

        out.print(timeline_table(settings()))
        return
    run.watch(settings(), once)


@app.command(epilog="Example: marquee train --config configs/training/demo.toml")
def train(
    config: Annotated[Path, typer.Option(help="training configuration")] = DEFAULT_CONFIG,
    seed: Annotated[int, typer.Option(min=0, help="makes the run repeatable")] = 1,
    devices: Annotated[int, typer.Option(min=1, help="processes of this machine that torchrun started")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="machines that torchrun started processes on")] = 1,
) -> None:
    """Train only the two towers, on the lake, and log the run to MLflow. The same as `python -m retrieval.train`.

    `marquee release build` does this and the rest of a release.

    On several devices: torchrun --nproc-per-node 2 -m retrieval.train --devices 2
    """
    from app.usecases import run

    run.train(settings(), config, seed, echo, devices, nodes)


@app.command(epilog="Example: marquee doctor")
def doctor() -> None:
    """Check each dependency of this machine and say how to fix what is wrong."""
    from app.ops.doctor import examine

    raise typer.Exit(examine(settings()))
