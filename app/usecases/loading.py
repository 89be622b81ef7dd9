"""Loading a whole, checked data set (MovieLens) into a lake that is empty, or that has it already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from app import wiring
from app.usecases import lake_content as there
from core.errors import DatasetError
from core.ports import Echo
from core.settings import Settings
from datasets.contract import Seen, identity
from datasets.dataset import Dataset
from datasets.splits import cutoff
from lake import tables
from lake.item_keys import assign

HOLD_OUT = 0.05


def load_data(settings: Settings, dataset: Dataset, hold_out: float, echo: Echo) -> None:
    """Write a checked data set to the lake. Its last `hold_out` share by time stays out, for replay.

    The same set again adds what is missing and takes nothing away: events that came from the stream stay, and so do those that
    a smaller `hold_out` let in. Raises DatasetError when the lake holds other data.
    """
    known = there.marked(settings)
    same = known.get("digest") == dataset.digest
    if same and known.get("hold_out") == hold_out:
        echo(f"the lake has {dataset.name} already ({dataset.digest})")
        return
    if not same and not (content := there.content(settings)).empty:
        raise DatasetError(
            f"the lake holds {there.loaded_name(settings) or 'other data'}: {content}; "
            "use --replace to take all of it out first, or set MARQUEE_HOME to keep both"
        )
    lake = wiring.lake(settings)
    assign(lake, dataset.item_ids)
    if not same:
        lake.replace(tables.ITEMS, dataset.items)
        lake.replace(tables.TAGS, dataset.tags)
        lake.replace(tables.USERS, dataset.users if dataset.users is not None else tables.SCHEMAS[tables.USERS].to_frame())
    cut = cutoff(dataset.interactions, 1 - hold_out) if hold_out else float("inf")
    seen = Seen(there.identities(settings, own_ids=False, held_out_too=False))
    there_already, _ = seen.add(dataset.interactions.select(identity(False)).to_series().to_numpy())
    added, out = there.add_events(settings, [dataset.interactions.filter(pl.Series(~there_already))], cut)
    if len(dataset.quarantined):
        echo(f"quarantined rows are in {_set_aside(settings, dataset)}")
    there.mark(settings, name=dataset.name, digest=dataset.digest, hold_out=hold_out, source="load")
    if same:
        there.features_made(settings, None)
        echo(f"the lake had {int(there_already.sum()):,} of these events already, and they stay")
    echo(f"lake: {added:,} interactions, {len(dataset.items):,} items; {out:,} held out")


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
