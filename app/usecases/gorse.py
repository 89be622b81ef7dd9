"""The Gorse-compatible API, assembled: its records beside the lake, and items that come through it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import polars as pl

from app.usecases.upserting import item_changes, upsert
from core import columns as c
from core.errors import NotFound
from core.ids import ExternalId, parse_id
from core.items import complete
from core.settings import Settings
from lake.item_changes import MAX_GENRE, MAX_GENRES, MAX_TITLE, change
from lake.item_keys import assign
from lake.ports import Lake
from lake.tables import ITEMS
from serving.gorse.facade import Gorse
from serving.gorse.kinds import FeedbackKinds
from serving.gorse.records import Item
from serving.gorse.store import RECORDS, GorseStore


def gorse(settings: Settings, lake: Lake) -> Gorse | None:
    """None where it is off. Raises NotFound, InvalidInput for a file of feedback types that is none."""
    if not settings.gorse_api:
        return None
    kinds = FeedbackKinds.load(settings.gorse_api)
    store = GorseStore(settings.folder("gorse") / RECORDS)
    return Gorse(store, kinds, partial(insert, lake), partial(hide, lake))


def insert(lake: Lake, items: Sequence[Item]) -> None:
    """Items for the catalogue; one that is there gets these details. Raises StorageFull, DependencyUnavailable."""
    ids = {one.item_id: parse_id(one.item_id) for one in items}
    keys = assign(lake, [id_ for id_ in ids.values() if isinstance(id_, str)])
    latest = {one.item_id: one for one in items}.values()  # of two with one id the later one counts
    frame = complete(
        pl.DataFrame(
            {
                c.ITEM: [_key(ids[one.item_id], keys) for one in latest],
                c.TITLE: [(one.comment or one.item_id)[:MAX_TITLE] for one in latest],
                c.GENRES: [_genres(one) for one in latest],
                c.AVAILABLE_FROM: [one.timestamp if one.timestamp and one.timestamp > 0 else None for one in latest],
                c.HIDDEN: [one.is_hidden for one in latest],
            },
            schema_overrides={c.GENRES: pl.List(pl.String), c.AVAILABLE_FROM: pl.Float64},
        )
    )
    brought = frame.select(c.ITEM, c.TITLE, c.GENRES, c.AVAILABLE_FROM, c.HIDDEN)
    upsert(lake, ITEMS, c.ITEM, partial(item_changes, brought=brought, whole=frame), dry_run=False)


def hide(lake: Lake, item_id: str) -> None:
    """Take an item out of every list; harmless for one that the catalogue does not have."""
    try:
        change(lake, [parse_id(item_id)], {c.HIDDEN: True})
    except NotFound:
        return


def _key(id_: ExternalId, keys: dict[str, int]) -> int:
    return id_ if isinstance(id_, int) else keys[id_]


def _genres(one: Item) -> list[str]:
    names = [name.strip()[:MAX_GENRE] for name in one.categories or () if name.strip()]
    return list(dict.fromkeys(names))[:MAX_GENRES]
