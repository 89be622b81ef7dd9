"""Changes the details of items. Every process applies a change within a second or two, without a new release.

`marquee items` and `PATCH /items/{item_id}` are two ways to the same `change`, with the same rules for values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from core import columns as c
from core.errors import InvalidInput, NotFound
from core.ids import ExternalId
from core.item_facts import ItemFacts
from core.items import ITEM_SCHEMA
from lake.items_feed import keys_of_ids
from lake.ports import Lake
from lake.tables import ITEMS

MAX_TITLE, MAX_GENRES, MAX_GENRE = 1000, 50, 100  # characters, names, characters of a name
MAX_YEAR = 9999
MAX_MATURITY, MAX_RUNTIME, MAX_COST, MAX_TIME = 99, 100_000, 1e9, 253_402_300_799  # years, minutes, any unit, 9999-12-31
MAX_LANGUAGE, MAX_SERIES = 35, 1000  # characters; a language tag of BCP 47 has at most 35
MAX_PEOPLE = 200
_PRINTABLE = re.compile("[^\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def _is_text(value: object, max_length: int) -> bool:
    return isinstance(value, str) and len(value) <= max_length and bool(_PRINTABLE.fullmatch(value)) and not value.isspace()


class _Rule(NamedTuple):
    allowed: str
    holds: Callable[[object], bool]


def _is_number(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _number(what: str, low: float, high: float, whole: bool) -> _Rule:
    """For a number or null, with which nothing is known any more."""
    return _Rule(
        f"{what} from {low:.15g} to {high:.15g}, or null",
        lambda value: value is None or (_is_number(value, low, high) and (type(value) is int or not whole)),
    )


def _words(what: str, max_length: int) -> _Rule:
    return _Rule(
        f"{what} of 1 to {max_length} characters without control characters, or null",
        lambda value: value is None or _is_text(value, max_length),
    )


def _are_names(value: object, max_names: int) -> bool:
    if not isinstance(value, list | tuple) or len(value) > max_names:
        return False
    return all(_is_text(name, MAX_GENRE) for name in value) and len(set(value)) == len(value)


def _names(max_names: int) -> _Rule:
    allowed = f"a list of at most {max_names} different names of 1 to {MAX_GENRE} characters each"
    return _Rule(allowed, lambda value: _are_names(value, max_names))


_RULES = {
    c.TITLE: _Rule(
        f"a string of 1 to {MAX_TITLE} characters without control characters, not only spaces",
        lambda value: _is_text(value, MAX_TITLE),
    ),
    c.GENRES: _names(MAX_GENRES),
    c.YEAR: _Rule(f"an integer from 1 to {MAX_YEAR}", lambda value: type(value) is int and 1 <= value <= MAX_YEAR),
    c.HIDDEN: _Rule("true or false", lambda value: isinstance(value, bool)),
    c.MATURITY: _number("an age in years", 0, MAX_MATURITY, whole=True),
    c.LANGUAGE: _words("a language tag", MAX_LANGUAGE),
    c.AVAILABLE_FROM: _number("Unix seconds", 0, MAX_TIME, whole=False),
    c.AVAILABLE_UNTIL: _number("Unix seconds", 0, MAX_TIME, whole=False),
    c.SERIES: _words("a name", MAX_SERIES),
    c.PEOPLE: _names(MAX_PEOPLE),
    c.COST: _number("the cost of one play", 0, MAX_COST, whole=False),
    c.RUNTIME: _number("whole minutes", 1, MAX_RUNTIME, whole=True),
}
CHANGEABLE = tuple(_RULES)


@dataclass(frozen=True)
class Changed:
    """The result of a change. `unchanged` items had these values already."""

    changed: tuple[ExternalId, ...]
    unchanged: tuple[ExternalId, ...]


def complaints(values: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """(column, what is allowed) of each value that an item cannot have; the columns must be CHANGEABLE."""
    return ((name, _RULES[name].allowed) for name, value in values.items() if not _RULES[name].holds(value))


def change(lake: Lake, ids: Sequence[ExternalId], values: Mapping[str, object], dry_run: bool = False) -> Changed:
    """Set columns of CHANGEABLE for these items, all or nothing.

    Of two changes of one item at the same moment both are kept, and where they set the same column the later one wins. An item
    that is no longer hidden is shown, also if the last whole catalogue lacked it. Raises InvalidInput for an unknown column or a
    value outside its rule, NotFound that names the missing items, DependencyUnavailable and StorageFull.
    """
    _check(values)
    decided = {**values, c.ABSENT: False} if values.get(c.HIDDEN) is False else values
    found = Changed((), ())

    def revision(items: pl.DataFrame) -> pl.DataFrame:
        nonlocal found
        keys = _keys(ItemFacts(items, keys_of_ids(lake)), ids)
        before = items.filter(pl.col(c.ITEM).is_in(list(keys.values())))
        after = before.with_columns(_literal(name, value) for name, value in decided.items())
        pairs = zip(_comparable(before), _comparable(after), strict=True)
        rows = after.filter(pl.Series([old != new for old, new in pairs], dtype=pl.Boolean))
        changed = set(rows[c.ITEM].to_list())
        found = Changed(
            tuple(id_ for id_, key in keys.items() if key in changed),
            tuple(id_ for id_, key in keys.items() if key not in changed),
        )
        return rows

    if dry_run:
        revision(lake.read(ITEMS))
    else:
        lake.revise(ITEMS, revision, [c.ITEM])
    return found


def _keys(facts: ItemFacts, ids: Sequence[ExternalId]) -> dict[ExternalId, int]:
    keys = {id_: facts.key_of(id_) for id_ in ids}
    missing = [str(id_) for id_, key in keys.items() if key < 0]
    if missing:
        raise NotFound(f"not in the catalogue: {', '.join(missing)}; nothing was changed", missing=missing)
    return keys


def _check(values: Mapping[str, object]) -> None:
    for name in values:
        if name not in _RULES:
            raise InvalidInput("column", name, ", ".join(CHANGEABLE))
    for name, allowed in complaints(values):
        raise InvalidInput(name, values[name], allowed)


def _literal(name: str, value: object) -> pl.Expr:
    if isinstance(value, list | tuple):
        return pl.lit(pl.Series([list(value)], dtype=ITEM_SCHEMA[name])).first().alias(name)
    return pl.lit(value, dtype=ITEM_SCHEMA[name]).alias(name)


def _comparable(items: pl.DataFrame) -> list[tuple[object, ...]]:
    """The rows with `shown` normalised: an item that was never hidden is the same as one that was shown again."""
    return items.with_columns(pl.col(c.HIDDEN, c.ABSENT).fill_null(False)).select(*CHANGEABLE, c.ABSENT).rows()
