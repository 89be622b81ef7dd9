"""What a person may specify about files of their own: the same flags wherever Marquee reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.errors import InvalidInput
from datasets.interactions import Reading
from datasets.timestamps import FORMATS
from datasets.values import ALLOWED

Items = Annotated[Path | None, typer.Option("--items", help="item_id [, title, genres (a|b), year, overview, ...]")]
Users = Annotated[Path | None, typer.Option("--users", help="user_id, and attributes that become the user's profile")]
Map = Annotated[str, typer.Option("--map", help="events: our column=your column, comma-separated")]
MapItems = Annotated[str, typer.Option("--map-items", help="the same for the item file")]
MapUsers = Annotated[str, typer.Option("--map-users", help="the same for the user file; attribute=your column")]
Value = Annotated[str | None, typer.Option("--value", help=f"what values are: {ALLOWED}; guessed if left out")]
Kind = Annotated[
    str | None, typer.Option("--kind", help="the kind of rows that have none and no value that makes one; view if left out")
]
DayFirst = Annotated[bool | None, typer.Option("--dayfirst/--monthfirst", help="how 02/01/2020 is meant")]
TsFormat = Annotated[str | None, typer.Option("--ts-format", help=f"how times are written: {FORMATS}")]
Ts = Annotated[
    str,
    typer.Option(
        "--ts", help="time, or position: the column has positions 0, 1, 2, ...; without one the order of the rows counts"
    ),
]
Decimal = Annotated[str | None, typer.Option("--decimal", help="comma or point, where numbers do not tell")]
Encoding = Annotated[str | None, typer.Option("--encoding", help="of the files; detected if left out")]
Delimiter = Annotated[str | None, typer.Option("--delimiter", help="of CSV files; detected if left out")]
Quotes = Annotated[bool, typer.Option("--quotes/--no-quotes", help="whether quotes in CSV files enclose fields")]
MaxBad = Annotated[float, typer.Option("--max-bad", min=0.0, max=1.0, help="maximum share of bad events")]


def reading(
    mapping: str,
    value: str | None,
    kind: str | None,
    dayfirst: bool | None,
    ts_format: str | None,
    decimal: str | None,
    encoding: str | None,
    delimiter: str | None,
    quotes: bool,
    ts: str,
) -> Reading:
    """The flags as what the reader takes. Raises InvalidInput."""
    if decimal not in (None, "comma", "point"):
        raise InvalidInput("--decimal", decimal, "comma or point")
    names = pairs("--map", mapping)
    return Reading(names, value, kind, dayfirst, ts_format, decimal, encoding, _character(delimiter), quotes, ts)


def pairs(flag: str, text: str) -> dict[str, str]:
    """`our=yours,our=yours` as a mapping. Raises InvalidInput."""
    found = [pair.split("=", 1) for pair in text.split(",") if pair]
    if any(len(pair) != 2 for pair in found):
        raise InvalidInput(flag, text, "our=yours,our=yours, for example user_id=uid,ts=when")
    return {ours.strip(): theirs.strip() for ours, theirs in found}


def _character(text: str | None) -> str | None:
    if text is None:
        return None
    found = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(found) != 1:
        raise InvalidInput("--delimiter", text, "one character, or tab")
    return found
