"""Keys for item ids that are not integers: assigned once, in order of arrival, and never reused for another item."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from core import columns as c
from core.ids import ExternalId, assign_keys
from lake.items_feed import keys_of_ids
from lake.ports import Lake, Writer
from lake.tables import ITEM_IDS

_WRITER = "item-keys"


def assign(lake: Lake, ids: Iterable[ExternalId]) -> dict[str, int]:
    """The keys of these ids and of all that had one, the new ones stored. Raises StorageFull, DependencyUnavailable.

    Two processes that assign at once cannot give one key to two items: the table's length is the writer's number, so the later
    append is refused, and starts again from what the earlier one stored.
    """
    wanted = list(ids)
    while True:
        known = keys_of_ids(lake)
        keys = assign_keys(wanted, known)
        new = {id_: key for id_, key in keys.items() if id_ not in known}
        if not new:
            return keys
        rows = pl.DataFrame({c.KEY: list(new.values()), c.ID: list(new)})
        if lake.append(ITEM_IDS, rows, Writer(_WRITER, len(keys))):
            return keys


def settle(lake: Lake, provisional: Mapping[str, int]) -> dict[int, int]:
    """Store the keys of ids that were given keys without the lake (`core.ids.assign_keys`), when their rows are to be written.

    Returns provisional key -> the stored one, for those that another process has given to another id meanwhile, or whose id
    it has given another key. Raises StorageFull, DependencyUnavailable.
    """
    stored = assign(lake, provisional)
    return {key: stored[id_] for id_, key in provisional.items() if stored[id_] != key}
