"""Loading a whole, checked data set (MovieLens) into a lake that is empty, or that has it already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from app import wiring
from app.usecases import lake_content as there
from app.usecases.upserting import item_changes, upsert, user_changes
from core import columns as c
from core.errors import DatasetError
from core.ports import Echo
from core.settings import Settings
from core.words import counted
from datasets.contract import Seen, fingerprints
from datasets.dataset import Dataset
from datasets.splits import cutoff
from lake import tables
from lake.item_keys import assign

HOLD_OUT = 0.05
_MOST = 0.5  # share of a set's events that the lake has, if the set is another edition of what was loaded


def load_data(settings: Settings, dataset: Dataset, hold_out: float, echo: Echo) -> None:
    """Write a checked data set to the lake. Its last `hold_out` share by time stays out, for replay.

    The same set again adds what is missing, corrects what the file says otherwise, and takes nothing away: events that came from
    the stream stay, and so do those that a smaller `hold_out` let in. Raises DatasetError when the lake holds other data.
    """
    known, there_before = there.marked(settings), there.content(settings)
    events, same = dataset.interactions, known.get("digest") == dataset.digest
    fates = (
        None if there_before.empty else Seen(there.known_events(settings, False, False)).add(events.select(fingerprints(False)))
    )
    if fates and not same and not (there.was_loaded(settings) and float(fates.known.mean()) > _MOST):
        raise DatasetError(
            f"the lake holds {there.loaded_name(settings) or 'other data'}: {there_before}; "
            "use --replace to take all of it out first, or set MARQUEE_HOME to keep both"
        )
    if not _write_catalogue(settings, dataset, echo) and same and known.get("hold_out") == hold_out:
        echo(f"the lake has {dataset.name} already ({dataset.digest})")
        return
    cut = cutoff(events, 1 - hold_out) if hold_out else float("inf")
    added, out = there.add_events(settings, [events.filter(pl.Series(~fates.known)) if fates else events], cut)
    if fates and fates.changed.any():
        there.correct_events(settings, [events.filter(pl.Series(fates.changed))], own_ids=False)
    if len(dataset.quarantined):
        echo(f"quarantined rows are in {_set_aside(settings, dataset)}")
    there.mark(settings, name=dataset.name, digest=dataset.digest, hold_out=hold_out, source="load")
    if fates:
        if there.features_were_made(settings):
            echo("the users' features are older than these events: `marquee init` or `marquee features backfill` makes them anew")
        there.features_made(settings, None)
        echo(f"the lake had {int(fates.known.sum()):,} of these events already; of them {int(fates.changed.sum()):,} changed")
    echo(f"lake: {counted(added, 'interaction')}, {counted(len(dataset.items), 'item')}; {out:,} held out")


def _write_catalogue(settings: Settings, dataset: Dataset, echo: Echo) -> bool:
    """Items, tags and users' attributes; whether anything of it was new or changed."""
    lake = wiring.lake(settings)
    assign(lake, dataset.item_ids)
    items = upsert(lake, tables.ITEMS, c.ITEM, lambda stored: item_changes(stored, dataset.items, dataset.items), dry_run=False)
    found = [items]
    if items.changed:
        echo(f"items: {items}")
    if dataset.users is not None:
        profiles = dataset.users
        found.append(upsert(lake, tables.USERS, c.USER, lambda stored: user_changes(stored, profiles), dry_run=False))
    old, tags = tables.read_or_empty(lake, tables.TAGS), tables.conform(tables.TAGS, dataset.tags)
    other_tags = not old.sort(old.columns).equals(tags.sort(tags.columns))
    if other_tags or lake.version(tables.TAGS) < 0:
        lake.replace(tables.TAGS, tags)
    return other_tags or any(len(one.rows) for one in found)


def fill(settings: Settings, read: Callable[[], Dataset], echo: Echo) -> None:
    """See to it that the lake holds data: what it holds stays, whatever it is; the bundled films go into an empty one only.

    Raises DatasetError for a catalogue without an event: nothing can be learned from it, and it is not ours to overwrite.
    """
    found = there.content(settings)
    if found.empty:
        load_data(settings, read(), HOLD_OUT, echo)
    elif not found.imported + found.streamed:
        raise DatasetError(f"the lake has {found.items:,} items and no event; add some: marquee data import --interactions FILE")
    else:
        echo(f"the lake has {there.loaded_name(settings) or 'data'} already, which is used: {found}")


def _set_aside(settings: Settings, dataset: Dataset) -> Path:
    path = settings.folder("quarantine") / f"{dataset.name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.quarantined.write_parquet(path)
    return path
