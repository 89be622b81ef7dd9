"""The catalogue as columns: row r of every array is the same item. Item ids are sorted, so a look-up is a binary search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from core import columns as c
from core.errors import DatasetError, NotFound
from core.items import ITEM_SCHEMA, complete
from core.sorted_keys import KeyRows


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Items that can be recommended: n rows, G genres."""

    ids: NDArray[np.int64]  # [n], ascending
    titles: tuple[str, ...]  # [n]
    genre_names: tuple[str, ...]  # [G], sorted
    genres: NDArray[np.float32]  # [n, G], 0 or 1
    years: NDArray[np.float32]  # [n], 0 where unknown
    # What else is known, [n] each or left out; "" and () where unknown.
    overviews: tuple[str, ...] = ()
    tags: tuple[tuple[str, ...], ...] = ()
    people: tuple[tuple[str, ...], ...] = ()
    keywords: tuple[tuple[str, ...], ...] = ()
    posters: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    runtimes: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))  # [n] minutes, 0 where unknown
    costs: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))  # [n] of showing it, NaN where unknown

    def __post_init__(self) -> None:
        for name, missing in (("runtimes", 0.0), ("costs", np.nan)):
            if not len(getattr(self, name)):
                object.__setattr__(self, name, np.full(len(self.ids), missing, dtype=np.float32))
        unknown: dict[str, object] = dict.fromkeys(("overviews", "posters", "languages", "series"), "")
        unknown |= dict.fromkeys(("tags", "people", "keywords"), ())
        for name, nothing in unknown.items():
            if not getattr(self, name):
                object.__setattr__(self, name, (nothing,) * len(self.ids))

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, item_ids: ArrayLike) -> NDArray[np.intp]:
        """The row of each id, -1 for an id that is not in the catalogue. Shape [m] -> [m]."""
        return self._rows.of(item_ids)

    def known_rows(self, item_ids: ArrayLike) -> NDArray[np.intp]:
        """The rows of those ids that are in the catalogue. Shape [m] -> at most [m]."""
        rows = self.rows(item_ids)
        return rows[rows >= 0]

    def row(self, item_id: int) -> int:
        """The row of one id. Raises NotFound."""
        row = int(self.rows([item_id])[0])
        if row < 0:
            raise NotFound(f"item {item_id} is not in the catalogue", item_id=item_id)
        return row

    def genres_of(self, row: int) -> tuple[str, ...]:
        return tuple(self.genre_names[g] for g in np.flatnonzero(self.genres[row]))

    @cached_property
    def _rows(self) -> KeyRows:
        return KeyRows(self.ids)

    @cached_property
    def breadths(self) -> NDArray[np.float32]:
        """How many genres each item has, 1 where none is known. [n]"""
        return np.asarray(np.maximum(self.genres.sum(axis=1), np.float32(1.0)), dtype=np.float32)

    @cached_property
    def known_costs(self) -> NDArray[np.float32]:
        """The cost of each item, 0 where unknown. [n]"""
        return np.nan_to_num(self.costs, nan=0.0)

    @cached_property
    def decade_codes(self) -> NDArray[np.int64]:
        """The decade of each item, such as 199, 0 where unknown. [n]"""
        return np.asarray(np.floor(self.years / 10.0), dtype=np.int64)

    @cached_property
    def language_codes(self) -> NDArray[np.int64]:
        """Numbers from 1 on of the languages, 0 where unknown. [n]"""
        number = {name: at for at, name in enumerate(sorted(set(self.languages) - {""}), start=1)}
        return np.array([number.get(name, 0) for name in self.languages], dtype=np.int64)

    @cached_property
    def with_people(self) -> csr_matrix | None:
        """Which item names which person [n, persons], 1 where it does; None where nobody is named."""
        number: dict[str, int] = {}
        columns = [[number.setdefault(person, len(number)) for person in people] for people in self.people]
        if not number:
            return None
        ends = np.append(0, np.cumsum([len(one) for one in columns]))
        flat = np.array([column for one in columns for column in one], dtype=np.int64)
        return csr_matrix((np.ones(len(flat), np.float32), flat, ends), shape=(len(columns), len(number)))

    @classmethod
    def from_frame(cls, items: pl.DataFrame) -> Catalogue:
        """From columns item_id, title, genres (list of strings) and year (null where unknown), and what there is of
        `core.items.CONTENT_SCHEMA`. Raises DatasetError."""
        if items.is_empty():
            raise DatasetError("the catalogue is empty: there is nothing to recommend; import items first")
        if items[c.ITEM].n_unique() != len(items):
            raise DatasetError("the catalogue names an item_id twice")
        items = complete(items).sort(c.ITEM)
        genre_lists: list[Sequence[str]] = items[c.GENRES].to_list()
        names = tuple(sorted({genre for genres in genre_lists for genre in genres}))
        column = {name: g for g, name in enumerate(names)}
        hot = np.zeros((len(items), len(names)), dtype=np.float32)
        for row, genres in enumerate(genre_lists):
            hot[row, [column[genre] for genre in genres]] = 1.0
        return cls(
            ids=items[c.ITEM].cast(pl.Int64).to_numpy(),
            titles=tuple(items[c.TITLE].to_list()),
            genre_names=names,
            genres=hot,
            years=items[c.YEAR].fill_null(0).cast(pl.Float32).to_numpy(),
            overviews=_texts(items[c.OVERVIEW]),
            tags=_lists(items[c.TAGS]),
            people=_lists(items[c.PEOPLE]),
            keywords=_lists(items[c.KEYWORDS]),
            posters=_texts(items[c.POSTER]),
            languages=_texts(items[c.LANGUAGE]),
            series=_texts(items[c.SERIES]),
            runtimes=items[c.RUNTIME].fill_null(0).cast(pl.Float32).to_numpy(),
            costs=items[c.COST].cast(pl.Float32).fill_null(np.nan).to_numpy(),
        )

    def to_frame(self) -> pl.DataFrame:
        """The inverse of `from_frame`; what is unknown is 0 or empty, and null where 0 would be a figure that conditions read."""
        hot = self.genres != 0
        names = np.array(self.genre_names, dtype=object)[np.nonzero(hot)[1]]
        ends = np.cumsum(hot.sum(axis=1)).tolist()
        known: dict[str, Sequence[object] | NDArray[np.generic] | pl.Series] = {
            c.ITEM: self.ids,
            c.TITLE: self.titles,
            c.GENRES: [names[start:end].tolist() for start, end in zip([0, *ends], ends, strict=False)],
            c.YEAR: self.years.astype(np.int32),
            c.OVERVIEW: self.overviews,
            c.TAGS: self.tags,
            c.PEOPLE: self.people,
            c.KEYWORDS: self.keywords,
            c.POSTER: self.posters,
            c.LANGUAGE: self.languages,
            c.SERIES: [name or None for name in self.series],
            c.RUNTIME: [int(minutes) or None for minutes in self.runtimes.tolist()],
            c.COST: pl.Series(self.costs, dtype=pl.Float64).fill_nan(None),
        }
        return pl.DataFrame([pl.Series(name, values, dtype=ITEM_SCHEMA[name]) for name, values in known.items()])


def _texts(column: pl.Series) -> tuple[str, ...]:
    return tuple(column.fill_null(""))


def _lists(column: pl.Series) -> tuple[tuple[str, ...], ...]:
    return tuple(map(tuple, column.fill_null([]).to_list()))


@dataclass(frozen=True, eq=False)
class ItemStats:
    """What is known about each catalogue row as of one moment. All arrays have shape [n], row-aligned with the catalogue."""

    as_of: float  # Unix seconds: only events before it are counted
    n_events: NDArray[np.float32]  # all interactions so far
    recent: NDArray[np.float32]  # users who like it, with exponential time decay and some of all time: what is popular now
    rating_mean: NDArray[np.float32]  # shrunk towards the global mean
    impressions: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))  # times shown; 0 if left out
    answers: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))  # impressions that were accepted
    users: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))  # who ever liked it; events if left out

    def __post_init__(self) -> None:
        if not len(self.users):
            object.__setattr__(self, "users", self.n_events)
        for name in ("impressions", "answers"):
            if not len(getattr(self, name)):
                object.__setattr__(self, name, np.zeros(len(self.n_events), dtype=np.float32))

    def popular_rows(self, k: int) -> NDArray[np.intp]:
        """The k rows with the most recent popularity, best first; ties go to the lower row."""
        return np.argsort(-self.recent, kind="stable")[:k]

    def write(self, path: Path) -> None:
        columns = {"n_events": self.n_events, "recent": self.recent, "rating_mean": self.rating_mean, "users": self.users}
        frame = pl.DataFrame(columns)
        frame.with_columns(as_of=pl.lit(self.as_of, dtype=pl.Float64)).write_parquet(path)

    @classmethod
    def read(cls, path: Path) -> ItemStats:
        frame = pl.read_parquet(path)
        return cls(
            as_of=float(frame["as_of"][0]),
            n_events=frame["n_events"].to_numpy(),
            recent=frame["recent"].to_numpy(),
            rating_mean=frame["rating_mean"].to_numpy(),
            users=frame["users" if "users" in frame.columns else "n_events"].to_numpy(),  # releases of before have no users
        )
