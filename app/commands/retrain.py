"""`marquee retrain`: retraining now, and what is remembered of the last ones."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from app.console import out, settings
from core.errors import AlreadyRunning
from lifecycle.retraining import cooldown, shown

app = typer.Typer()


@app.command(epilog="Example: marquee retrain --dry-run")
def retrain(
    reason: Annotated[str, typer.Option(help="why; it goes to the MLflow run")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what is known and whether one may start; start nothing")
    ] = False,
) -> None:
    """Retrain now, within limits of cores, memory and time, and promote what passes the gate; waits for the end."""
    from app.usecases.retraining import Retrainer, config_of
    from app.usecases.retraining_files import RetrainFiles

    retrainer = Retrainer(settings())
    if not dry_run:
        answer = retrainer.ask("manual", [reason] if reason else [])
        if not answer.started:
            raise AlreadyRunning(f"no retraining was started: {answer.reason}", next_at=answer.next_at)
        out.print(f"{answer.reason}; its log is {retrainer.log}", markup=False, soft_wrap=True)
        retrainer.wait()
        state = RetrainFiles(settings().folder("retrain")).state(time.time())
        out.print(state.outcome, markup=False, soft_wrap=True)
        raise typer.Exit(0 if state.failures == 0 else 1)
    state, by_itself = retrainer.look("drift")
    _, by_hand = retrainer.look()
    config = config_of(settings())
    ended = f"{shown(state.ended_at)}: {state.outcome}" if state.ended_at is not None else state.outcome
    lines = {
        "running": f"{state.running.trigger}, since {shown(state.running.started_at)}" if state.running else "no",
        "last": ended,
        "failures in a row": f"{state.failures}, which makes the cool-down {cooldown(config, state.failures):.0f} s",
        "within 24 hours": f"{len(state.starts)} of at most {config.max_per_day}",
        "by itself": "may start now" if by_itself.allowed else by_itself.reason,
        "next by itself": shown(by_itself.next_at) if by_itself.next_at is not None else "not before that changes",
        "by hand": by_hand.reason,
    }
    for name, line in lines.items():
        out.print(f"{name}: {line}", markup=False, soft_wrap=True)
