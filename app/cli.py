"""The `marquee` command line. Each group of commands is one module of `app/commands`; errors end here, never in a trace."""

from __future__ import annotations

import sys

import typer

from app.commands import (
    data,
    deadletter,
    drill,
    evaluate,
    events,
    experiment,
    explain_request,
    features,
    index,
    items,
    keys,
    ope,
    operate,
    reference,
    release,
    retrain,
    simulate,
    topics,
    tradeoff,
    tune,
)
from app.console import failed
from core.errors import InvalidInput, MarqueeError

app = typer.Typer(
    name="marquee",
    help="Marquee: a real-time recommender. Start with `marquee demo`; check this machine with `marquee doctor`.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data.app, name="data")
app.add_typer(features.app, name="features")
app.add_typer(index.app, name="index")
app.add_typer(items.app, name="items")
app.add_typer(release.app, name="release")
app.add_typer(topics.app, name="topics")
app.add_typer(deadletter.app, name="deadletter")
app.add_typer(events.app, name="events")
app.add_typer(experiment.app, name="experiment")
app.add_typer(drill.app, name="drill")
app.add_typer(keys.app, name="keys")
operate.register(app)
app.command(epilog="Example: marquee retrain --dry-run")(retrain.retrain)
app.command("explain-request", epilog="Example: marquee explain-request 0123456789abcdef0123456789abcdef --json")(
    explain_request.explain_request
)
app.command(epilog=evaluate.EXAMPLE)(evaluate.evaluate)
app.command(epilog=ope.EXAMPLE)(ope.ope)
app.command(epilog="Example: marquee tune --trials 30 --config configs/training/demo.toml --dry-run")(tune.tune)
app.command(
    epilog="Example: marquee simulate --users 1000000 --rate 200 --seconds 60; make data: marquee simulate --world var/world"
)(simulate.simulate)
app.command(epilog=tradeoff.EXAMPLE)(tradeoff.tradeoff)
app.command(hidden=True, epilog="Example: marquee reference --check")(reference.reference)


def main() -> None:
    """Run a command; a Marquee error becomes one line that says what to do. Exit codes: 1 failed, 2 wrong input."""
    try:
        app(prog_name="marquee")
    except MarqueeError as error:
        failed(error)
        sys.exit(2 if isinstance(error, InvalidInput) else 1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
