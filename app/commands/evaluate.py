"""`marquee evaluate`: models compared by full ranking under standard protocols."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import wiring
from app.commands import file_flags as flags
from app.commands.build_flags import DEFAULT_CONFIG
from app.console import echo, out, settings
from core.errors import InvalidInput

if TYPE_CHECKING:
    from app.usecases.evaluating import Comparison
    from datasets.tables import Files

app = typer.Typer()
EXAMPLE = (
    "Example: marquee evaluate --dataset ml-1m --protocol loo --models ease,markov,marquee; "
    "a file of your own: marquee evaluate --dataset plays.csv --map user_id=uid,ts=when --models popularity,ease"
)


@app.command(epilog=EXAMPLE)
def evaluate(
    dataset: Annotated[
        str,
        typer.Option(
            help="a name (ml-latest-small, ml-1m, ...), a MovieLens zip, a file of events as for data import, or `lake`"
        ),
    ] = "ml-latest-small",
    protocol: Annotated[str, typer.Option(help="loo, last, successive or strong")] = "successive",
    models: Annotated[str, typer.Option(help="comma-separated")] = "popularity,itemknn,ease,markov,marquee",
    config: Annotated[Path, typer.Option(help="training configuration of two_tower")] = DEFAULT_CONFIG,
    preset: Annotated[
        str, typer.Option(help="of marquee, as of init: auto, a name in configs/training, or a TOML file")
    ] = "auto",
    seeds: Annotated[str, typer.Option(help="seeds of two_tower and marquee, comma-separated; each is a separate model")] = "1",
    folds: Annotated[int, typer.Option(min=1, max=50, help="rolling cut-offs of last and successive")] = 5,
    to: Annotated[
        Path | None, typer.Option("--out", help="folder of the report; by default a new one under MARQUEE_HOME")
    ] = None,
    items: flags.Items = None,
    users: flags.Users = None,
    mapping: flags.Map = "",
    map_items: flags.MapItems = "",
    map_users: flags.MapUsers = "",
    value: flags.Value = None,
    kind: flags.Kind = None,
    dayfirst: flags.DayFirst = None,
    ts: flags.Ts = "time",
    ts_format: flags.TsFormat = None,
    decimal: flags.Decimal = None,
    encoding: flags.Encoding = None,
    delimiter: flags.Delimiter = None,
    quotes: flags.Quotes = True,
    max_bad: flags.MaxBad = 0.05,
) -> None:
    """Compare models by full ranking: a table, JSON, pictures, and a run in MLflow.

    Flags about files are those of `marquee data import`, and the file is read as there; nothing is written to the lake.

    Nothing is sampled, ties are broken by a fixed hash, items that a user has seen are left out, and intervals are over users. An
    interrupted run of the towers resumes where it stopped when the same command is run again.
    """
    from app.usecases.evaluating import Comparison
    from datasets.tables import Files
    from retrieval.config import TrainConfig
    from retrieval.preset import Preset

    wanted = Comparison(
        protocol,  # type: ignore[arg-type]  # Comparison checks it
        tuple(name.strip() for name in models.split(",") if name.strip()),
        folds,
        _numbers(seeds),
        TrainConfig.load(config),
        Preset.named(preset),
    )
    reading = flags.reading(mapping, value, kind, dayfirst, ts_format, decimal, encoding, delimiter, quotes, ts)
    names = flags.pairs("--map-items", map_items), flags.pairs("--map-users", map_users)
    _judge(Files(Path(dataset), items, users, reading, *names, max_bad), wanted, config.stem, to)


def _judge(files: Files, wanted: Comparison, config: str, to: Path | None) -> None:
    from app.usecases.evaluating import evaluate, publish
    from app.usecases.judged_data import judged_data
    from retrieval.threads import training_threads

    home = settings()
    data = judged_data(home, files, lambda line: out.print(line, markup=False, soft_wrap=True))
    with training_threads(home.train_threads):
        found = evaluate(data, wanted, home.folder("evaluation") / data.name / config, True, echo)
    folder = to or home.folder("evaluation") / data.name / f"{wanted.protocol}-report"
    publish(found, data, wanted, shlex.join(["marquee", *sys.argv[1:]]), folder, wiring.tracker(home), _print, _width())


def _width() -> int | None:
    """Columns of the terminal; None where the output is none: whoever reads a file or a pipe wants all."""
    return out.width if out.is_terminal else None


def _print(line: str) -> None:
    out.print(line, markup=False, soft_wrap=True)


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise InvalidInput("--seeds", text, "comma-separated numbers: 1,2,3") from error
