"""MovieLens in every layout that GroupLens has published, identified by the contents of the zip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.errors import DatasetError
from datasets import layout_100k, layout_csv, layout_dat, layout_sequences
from datasets.archive import Archive, opened
from datasets.dataset import Dataset, validate
from datasets.layout import Layout

BUNDLED = Path(__file__).with_name("bundled") / "ml-latest-small.zip"
LAYOUTS = (layout_csv.LAYOUT, layout_dat.LAYOUT, layout_100k.LAYOUT, layout_sequences.LAYOUT)


def read_movielens(path: Path = BUNDLED) -> Dataset:
    """Read and check a MovieLens zip; the one that ships with Marquee by default. Raises DatasetError."""
    with opened(path) as archive:
        tables = _layout(archive).read(archive)
    dataset = validate(path.stem, tables.interactions, tables.items)
    return replace(dataset, tags=tables.tags, users=tables.users, has_time=tables.has_time)


def ratings_member(path: Path) -> str:
    """The member of a MovieLens zip that has the ratings, one per line. Raises DatasetError."""
    with opened(path) as archive:
        return archive.members[_layout(archive).members[0]]


def _layout(archive: Archive) -> Layout:
    for layout in LAYOUTS:
        if layout.members[0] in archive.members:
            missing = [name for name in layout.members if name not in archive.members]
            if missing:
                wanted = ", ".join(layout.members)
                raise DatasetError(f"{archive.path.name} lacks {', '.join(missing)}; a MovieLens zip has {wanted}")
            return layout
    known = ", ".join(layout.members[0] for layout in LAYOUTS)
    raise DatasetError(f"{archive.path.name} is not a MovieLens zip: it has none of {known}")
