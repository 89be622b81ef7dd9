"""`marquee data import`: reads files of any layout, checks them and adds them to the lake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.table import Table

from app.commands import file_flags as flags
from app.console import echo, out, settings
from app.usecases.import_order import Order
from app.usecases.importing import import_files
from app.usecases.lake_content import content, empty
from core.events import EARLIEST_SECONDS
from core.settings import Settings

EXAMPLE = (
    "Example: marquee data import --interactions plays.csv --map user_id=uid,ts=when --value count --dry-run; "
    "only the catalogue, also while it is served: marquee data import --items films.csv --map-items item_id=id,title=name"
)
Replace = Annotated[bool, typer.Option("--replace", help="first take out everything that the lake holds; asks before")]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask for confirmation")]
_HIDDEN = ("event_id", "request_id", "log_offset", "external_user")  # not in a preview


def import_(
    interactions: Annotated[Path | None, typer.Option(help="events: user_id, item_id, ts [, kind, value, event_id]")] = None,
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
    hold_out: Annotated[float, typer.Option(min=0.0, max=0.5, help="share of the newest events to hold out for replay")] = 0.0,
    hide_missing: Annotated[
        bool,
        typer.Option(
            "--hide-missing", help="the item file is the whole catalogue: what it lacks is in no list, until it returns"
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="read, check and show a preview; write nothing")] = False,
    add: Annotated[bool, typer.Option("--add", help="add to a MovieLens set that `data load` put into the lake")] = False,
    replace: Replace = False,
    yes: Yes = False,
) -> None:
    """Add your own events, items and users to the lake: CSV of any dialect, JSON Lines or Parquet. Harmless to repeat.

    An event is identified by event_id, or by user, item, kind and time, and its value is updated; items and users by their ids.
    Rows that cannot be used are quarantined with line, text and reason. A file that is refused leaves the lake as it was.
    """
    order = Order(
        interactions=interactions,
        items=items,
        users=users,
        reading=flags.reading(mapping, value, kind, dayfirst, ts_format, decimal, encoding, delimiter, quotes, ts),
        item_names=flags.pairs("--map-items", map_items),
        user_names=flags.pairs("--map-users", map_users),
        max_bad=max_bad,
        hold_out=hold_out,
        add=add,
        hide_missing=hide_missing,
        dry_run=dry_run,
        replace=replace,
    )
    _run(settings(), order, yes)


def take_out(yes: bool) -> None:
    """Take everything out of the lake, after saying how much it is and asking."""
    there = content(settings())
    if there.empty:
        return
    out.print(f"--replace takes out of {settings().folder('lake')}: {there}, and every user's online features", markup=False)
    if there.streamed:
        out.print("streamed events came from people, and no file brings them back; MARQUEE_HOME=other keeps both", markup=False)
    if not yes:
        typer.confirm("Take all of this out?", abort=True)
    empty(settings(), echo)


def _run(home: Settings, order: Order, yes: bool) -> None:
    result = import_files(home, order, lambda: take_out(yes))
    for line in (*result.understood, "", *result.rows, "", *result.lake):
        out.print(line, markup=False, soft_wrap=True)
    if order.dry_run:
        if result.preview is not None:
            out.print("\nthe first new rows, as they would be stored:")
            out.print(_table(result.preview))
        out.print("dry run: nothing was written")
    elif result.next:
        out.print("\nnext: " + "; ".join(result.next), markup=False, soft_wrap=True)


def _table(rows: pl.DataFrame) -> Table:
    names = [name for name in rows.columns if name not in _HIDDEN and rows[name].null_count() < len(rows)]
    table = Table(*names)
    for row in rows.select(names).iter_rows(named=True):
        table.add_row(*("" if one is None else _shown(name, one) for name, one in row.items()))
    return table


def _shown(name: str, value: object) -> str:
    if name == "ts" and isinstance(value, float):
        return _moment(value) if value >= EARLIEST_SECONDS else f"position {value:.0f}"
    return "|".join(map(str, value)) if isinstance(value, list) else str(value)


def _moment(seconds: float) -> str:
    return str(pl.select(pl.from_epoch(pl.lit(int(seconds)))).to_series().dt.strftime("%Y-%m-%d %H:%M:%SZ")[0])
