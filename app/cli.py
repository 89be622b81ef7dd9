"""The `marquee` command line. Each group of commands is one module of `app/commands`; errors end here, never in a trace."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from app.console import failed, out, settings
from core.errors import InvalidInput, MarqueeError
from core.version import VERSION

# Command -> its module in `app.commands`, in the order of `--help`; a group of commands has the name of its module.
MODULES: Mapping[str, str] = MappingProxyType(
    {
        "up": "up",
        **dict.fromkeys(("demo", "init", "serve", "consume", "watch", "train", "doctor"), "operate"),
        "retrain": "retrain",
        "explain-request": "explain_request",
        **{name: name for name in ("evaluate", "ope", "tune", "simulate", "tradeoff", "reference")},
    }
)
GROUPS = (
    "data",
    "features",
    "index",
    "items",
    "release",
    "topics",
    "deadletter",
    "events",
    "experiment",
    "drill",
    "keys",
    "privacy",
)


class Commands(Mapping[str, Any]):
    """Every command by its name, imported when it is asked for: a process has in memory what its own command needs."""

    def __getitem__(self, name: str) -> Any:
        module = import_module(f"app.commands.{name if name in GROUPS else MODULES[name]}")
        group = typer.main.get_group(module.app)
        group.name = name
        return group if name in GROUPS else group.commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*MODULES, *GROUPS))

    def __len__(self) -> int:
        return len(MODULES) + len(GROUPS)


class Root(TyperGroup):
    """`marquee` itself."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = Commands()  # type: ignore[assignment]  # Typer only reads it


app = typer.Typer(
    name="marquee",
    cls=Root,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from app.code_version import code_version

        made_from = code_version(settings())
        out.print(f"marquee {VERSION}" + (f" ({made_from})" if made_from != VERSION else ""))
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="show the version and stop")
    ] = False,
) -> None:
    """Marquee: a real-time recommender. Start with `marquee demo`; check this machine with `marquee doctor`."""


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
