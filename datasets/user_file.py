"""A file of users: each column except the id is an attribute and becomes a token `name:value` of the profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from core import columns as c
from core.errors import DatasetError
from datasets import keys
from datasets.id_columns import IdReading, reading_of
from datasets.mapping import USER_FIELDS, ColumnMapping, resolve
from datasets.quarantine import Quarantine
from datasets.sources import LINE, SourceFile
from datasets.texts import BETWEEN

_VALUES = 1000  # maximum of one attribute; with more, it identifies people rather than groups
_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class UserFile:
    """Users' profiles: `core.items.PROFILE_SCHEMA`, by ascending key."""

    source: SourceFile
    columns: ColumnMapping
    rows: pl.DataFrame
    attributes: tuple[str, ...]
    left_out: tuple[str, ...]  # attributes with nearly as many values as there are users
    read: int
    id_reading: IdReading

    def lines(self) -> Iterator[str]:
        """How the file was interpreted, as text for users."""
        yield f"{self.source.name}: {self.source.dialect}"
        yield f"  user_id from column {self.columns.theirs[c.USER]!r}{self.id_reading}"
        yield f"  attributes: {', '.join(self.attributes) or 'none'}"
        if self.left_out:
            yield f"  left out, because nearly every user has a value of their own: {', '.join(self.left_out)}"


def read_user_file(source: SourceFile, names: Mapping[str, str], quarantine: Quarantine) -> UserFile:
    """Read users; `names` may map user_id and attributes to columns (`age=Age group`). If it names no attribute, every column
    is one. Raises DatasetError."""
    wanted = {ours: theirs for ours, theirs in names.items() if ours != c.USER}
    absent = [theirs for theirs in wanted.values() if theirs not in source.columns]
    if absent:
        raise DatasetError(
            f"{source.name} lacks the column(s) {', '.join(absent)} of --map-users; it has {', '.join(source.columns)}"
        )
    columns = resolve(
        source.name,
        source.columns,
        {c.USER: names[c.USER]} if c.USER in names else _id_of(source),
        USER_FIELDS,
        (),
        "--map-users",
    )
    source.require((columns.theirs[c.USER], *(wanted.values() or columns.unused)))
    batches = list(source.batches(source.columns, quarantine.add_broken))
    texts = pl.concat(batches) if batches else pl.DataFrame(schema={**dict.fromkeys(source.columns, pl.String), LINE: pl.Int64})
    id_reading = reading_of(texts[columns.theirs[c.USER]])
    raw = id_reading.read(texts[columns.theirs[c.USER]])
    key = keys.users(raw)[c.USER]
    bad = key.is_null() | ~key.is_first_distinct()
    why = (
        pl.DataFrame({"key": key})
        .select(
            pl.when(pl.col("key").is_null())
            .then(pl.lit("user_id is missing or not an id"))
            .otherwise(pl.lit("user_id is that of an earlier row"))
        )
        .to_series()
    )
    row = texts.select(pl.concat_str([pl.col(name).fill_null("") for name in source.columns], separator=",")).to_series()
    quarantine.add(
        pl.DataFrame(
            {
                "file": [source.name] * len(texts),
                "line": texts[LINE],
                "text": texts[columns.theirs[c.USER]],
                "reason": why,
                "row": row,
            }
        )
        .with_columns(pl.lit(columns.theirs[c.USER]).alias("column"))
        .filter(bad)
    )
    attributes = wanted or {name: name for name in columns.unused}
    left_out = [ours for ours, theirs in attributes.items() if not wanted and _identifies_people(texts[theirs])]
    used = {ours: theirs for ours, theirs in attributes.items() if ours not in left_out}
    plain = texts.with_columns(reading_of(texts[theirs]).read(texts[theirs]) for theirs in used.values())  # `25.0` is the age 25
    rows = plain.select(key.alias(c.USER), _tokens(used).alias(c.PROFILE)).filter(~bad).sort(c.USER)
    return UserFile(source, columns, rows, tuple(used), tuple(left_out), len(texts), id_reading)


def _id_of(source: SourceFile) -> dict[str, str]:
    return {c.USER: "id"} if c.USER not in source.columns and "id" in source.columns else {}


def _identifies_people(text: pl.Series) -> bool:
    distinct = text.drop_nulls().n_unique()
    return distinct > _VALUES or (len(text) > 20 and distinct > _SHARE * len(text))


def _tokens(attributes: Mapping[str, str]) -> pl.Expr:
    """A list of `name:value`, one for each value that the user has; `|` separates several values of one attribute."""
    if not attributes:
        return pl.lit([], dtype=pl.List(pl.String))
    lists = []
    for ours, theirs in attributes.items():
        values = pl.col(theirs).str.replace_all(BETWEEN, "|", literal=True).str.split("|")
        lists.append(
            values.list.eval(pl.element().str.strip_chars())
            .list.eval(pl.lit(f"{ours}:") + pl.element().filter(pl.element() != ""))
            .fill_null([])
        )
    return pl.concat_list(lists)
