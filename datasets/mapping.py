"""Maps the columns of a file to ours: by the same name, by `--map`, or by a synonym."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core import columns as c
from core.errors import DatasetError
from core.items import ITEM_SCHEMA

EVENT_FIELDS = (c.USER, c.ITEM, c.TS)
EVENT_OPTIONAL = (c.KIND, c.VALUE, c.EVENT_ID)
ITEM_FIELDS = (c.ITEM,)
ITEM_OPTIONAL = tuple(name for name in ITEM_SCHEMA if name not in (c.ITEM, c.ABSENT))
USER_FIELDS = (c.USER,)
# Synonyms, in lower case and without separators between words.
_ALIASES: dict[str, tuple[str, ...]] = {
    c.USER: ("userid", "user", "uid", "customerid", "customer", "memberid", "visitorid", "accountid"),
    c.ITEM: ("itemid", "item", "movieid", "filmid", "productid", "product", "sku", "trackid", "songid", "articleid", "asin"),
    c.TS: ("timestamp", "time", "datetime", "date", "when", "eventtime", "createdat"),
    c.VALUE: ("rating", "stars", "score"),
    c.KIND: ("eventtype", "event", "action"),
    c.TITLE: ("name", "itemname", "productname"),
    c.GENRES: ("genre", "categories", "category"),
}


@dataclass(frozen=True)
class ColumnMapping:
    """The mapping between our columns and the file's."""

    theirs: dict[str, str]  # our name -> the file's
    guessed: tuple[str, ...]  # ours that were found by an alias
    unused: tuple[str, ...]  # the file's columns that are not read


def called(there: Sequence[str], names: Sequence[str]) -> list[str]:
    """Those of a file's columns whose name means one of `names`."""
    return [one for one in there if re.sub(r"[^a-z]", "", one.lower()) in names]


def time_columns(there: Sequence[str]) -> list[str]:
    """Those of a file's columns that are called like times."""
    return called(there, (*_ALIASES[c.TS], c.TS))


def resolve(
    file: str, there: Sequence[str], names: Mapping[str, str], needed: Sequence[str], optional: Sequence[str], flag: str = "--map"
) -> ColumnMapping:
    """Find our columns in a file. `names` is our name -> the file's, from `flag`. Raises DatasetError."""
    ours = (*needed, *optional)
    unknown = sorted(set(names) - set(ours))
    if unknown:
        raise DatasetError(f"the mapping names {', '.join(unknown)}; Marquee's columns for {flag} are {', '.join(ours)}")
    absent = [theirs for theirs in names.values() if theirs not in there]
    if absent:
        raise DatasetError(f"{file} lacks the column(s) {', '.join(absent)} of {flag}; it has {', '.join(there) or 'none'}")
    found = {name: names.get(name, name) for name in ours if names.get(name, name) in there}
    free = [name for name in there if name not in found.values()]
    guessed = []
    for name in ours:
        meant = called(free, (*_ALIASES.get(name, ()), name.replace("_", "")))
        if name not in found and len(meant) == 1:
            found[name] = meant[0]
            free.remove(meant[0])
            guessed.append(name)
    missing = [name for name in needed if name not in found]
    if missing:
        example = ",".join(f"{name}=YOURS" for name in missing)
        order = "; where there is no time, --ts position goes by the order of the rows" if c.TS in missing else ""
        raise DatasetError(
            f"{file} lacks the column(s) {', '.join(missing)}; it has {', '.join(there) or 'none'}; "
            f"map them with: {flag} {example}{order}"
        )
    return ColumnMapping(found, tuple(guessed), tuple(free))
