"""Changing what is known of items. Every process takes it over within a second or two; no release is built for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from core import columns as c
from core.errors import InvalidInput, NotFound
from core.ids import ALLOWED, ExternalId, parse_id
from core.item_facts import ItemFacts
from core.items import ITEM_SCHEMA
from lake.items_feed import keys_of_ids
from lake.ports import Lake
from lake.tables import ITEMS

CHANGEABLE = (c.TITLE, c.GENRES, c.YEAR, c.HIDDEN)


@dataclass(frozen=True)
class Changed:
    """What a change came to. `unchanged` items were that way already."""

    changed: tuple[ExternalId, ...]
    unchanged: tuple[ExternalId, ...]


def parsed(raw: Sequence[str]) -> list[ExternalId]:
    """Ids as a person typed them. Raises InvalidInput that names the first one that is none."""
    return [_parsed(one) for one in raw]


def _parsed(raw: str) -> ExternalId:
    try:
        return parse_id(raw)
    except ValueError as error:
        raise InvalidInput("item id", raw, ALLOWED) from error


def change(lake: Lake, ids: Sequence[ExternalId], values: Mapping[str, object], dry_run: bool = False) -> Changed:
    """Set columns of CHANGEABLE for these items. All or nothing: raises NotFound that names the items that are not there."""
    items = lake.read(ITEMS)
    facts = ItemFacts(items, keys_of_ids(lake))
    keys = {id_: facts.key_of(id_) for id_ in ids}
    missing = [str(id_) for id_, key in keys.items() if key < 0]
    if missing:
        raise NotFound(f"not in the catalogue: {', '.join(missing)}; nothing was changed", missing=missing)
    before = items.filter(pl.col(c.ITEM).is_in(list(keys.values())))
    after = before.with_columns(_literal(name, value) for name, value in values.items())
    differs = pl.Series([old != new for old, new in zip(_comparable(before), _comparable(after), strict=True)], dtype=pl.Boolean)
    rows = after.filter(differs)
    if len(rows) and not dry_run:
        lake.upsert(ITEMS, rows, [c.ITEM])
    changed = set(rows[c.ITEM].to_list())
    return Changed(
        tuple(id_ for id_, key in keys.items() if key in changed), tuple(id_ for id_, key in keys.items() if key not in changed)
    )


def _literal(name: str, value: object) -> pl.Expr:
    if name not in CHANGEABLE:
        raise InvalidInput("column", name, ", ".join(CHANGEABLE))
    if isinstance(value, list | tuple):
        return pl.lit(pl.Series([list(value)], dtype=ITEM_SCHEMA[name])).first().alias(name)
    return pl.lit(value, dtype=ITEM_SCHEMA[name]).alias(name)


def _comparable(items: pl.DataFrame) -> list[tuple[object, ...]]:
    """The rows with `shown` normalised: an item that was never hidden is the same as one that was shown again."""
    return items.with_columns(pl.col(c.HIDDEN).fill_null(False)).select(CHANGEABLE).rows()
