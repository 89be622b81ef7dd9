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
_PRINTABLE = re.compile("[^\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def _is_text(value: object, max_length: int) -> bool:
    return isinstance(value, str) and len(value) <= max_length and bool(_PRINTABLE.fullmatch(value)) and not value.isspace()


def _are_genres(value: object) -> bool:
    if not isinstance(value, list | tuple) or len(value) > MAX_GENRES:
        return False
    return all(_is_text(name, MAX_GENRE) for name in value) and len(set(value)) == len(value)


class _Rule(NamedTuple):
    allowed: str
    holds: Callable[[object], bool]


_RULES = {
    c.TITLE: _Rule(
        f"a string of 1 to {MAX_TITLE} characters without control characters, not only spaces",
        lambda value: _is_text(value, MAX_TITLE),
    ),
    c.GENRES: _Rule(f"a list of at most {MAX_GENRES} different names of 1 to {MAX_GENRE} characters each", _are_genres),
    c.YEAR: _Rule(f"an integer from 1 to {MAX_YEAR}", lambda value: type(value) is int and 1 <= value <= MAX_YEAR),
    c.HIDDEN: _Rule("true or false", lambda value: isinstance(value, bool)),
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
