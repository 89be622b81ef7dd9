"""A file of events: decides from all rows how its columns are interpreted, then reads the rows as events of the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from core import columns as c
from core.errors import DatasetError, InvalidInput
from core.events import ClockRule
from core.ids import ExternalId, assign_keys
from datasets import keys, mapping, positions, timestamps
from datasets.contract import ANY_TIME, Rule, Seen, event_id, event_rules, fingerprints, own_id_rule
from datasets.id_columns import IdSurvey
from datasets.mapping import EVENT_FIELDS, EVENT_OPTIONAL, ColumnMapping, resolve
from datasets.quarantine import CONTRADICTS, REPEATED, Quarantine
from datasets.sources import LINE, OnShare, SourceFile
from datasets.values import ValueMeaning, ValueReading, ValueSurvey, default_kind

_PROBLEM, _COLUMN, _ROW = "problem", "column", "row"
_IDS = (c.USER, c.ITEM, c.EVENT_ID)
_FOREIGN = "event_id is that of an event of another user or item, which is there already"
EVENTS = (c.EVENT_ID, c.USER, c.ITEM, c.KIND, c.VALUE, c.TS, c.EXTERNAL_USER, c.REQUEST_ID, c.OFFSET)


def _ignore(_: float) -> None:
    return None


@dataclass(frozen=True)
class Reading:
    """What a user may specify about a file; the rest is detected."""

    names: Mapping[str, str] = field(default_factory=dict)  # our column -> the file's
    value: str | None = None  # --value
    kind: str | None = None  # --kind
    day_first: bool | None = None
    ts_format: str | None = None
    decimal: str | None = None  # comma or point
    encoding: str | None = None
    delimiter: str | None = None
    quotes: bool = True
    ts: str = positions.TIME  # --ts: what the column of times holds

    def __post_init__(self) -> None:
        if self.ts not in positions.ALLOWED:
            raise InvalidInput("--ts", self.ts, " or ".join(positions.ALLOWED))
        if self.ts == positions.POSITION and self.ts_format:
            raise InvalidInput("--ts-format", self.ts_format, "nothing beside --ts position, which reads no times")

    def open(self, path: Path) -> SourceFile:
        """A file of the data set, read in the dialect that was given."""
        return SourceFile(path, self.encoding, self.delimiter, self.quotes)


class InteractionFile:
    """A file of events and the interpretation of its columns."""

    def __init__(self, source: SourceFile, reading: Reading, on_share: OnShare = _ignore) -> None:
        """Reads the file once. Raises DatasetError and InvalidInput that name the flag for what cannot be detected."""
        self.source = source
        self.has_time = reading.ts == positions.TIME  # else `ts` orders one user's events and compares nothing across users
        self.columns: ColumnMapping = _columns(source, reading)
        theirs = self.columns.theirs
        source.require(theirs.values())
        self.has_kind, self.own_ids = c.KIND in theirs, c.EVENT_ID in theirs
        self._value_given = reading.value is not None
        kind = default_kind(reading.kind)
        times, values = timestamps.TimeSurvey(theirs.get(c.TS, "")), ValueSurvey(theirs.get(c.VALUE, ""))
        given = ValueMeaning.parse(reading.value) if reading.value else None
        format_ = _declared_format(reading)
        wanted = list(dict.fromkeys(theirs[name] for name in (*_IDS, c.TS, c.VALUE) if name in theirs))
        ids = {name: IdSurvey() for name in _IDS if name in theirs}
        rows = 0
        for batch in source.batches(wanted, on_share=on_share):
            rows += len(batch)
            for name, survey in ids.items():
                survey.add(batch[theirs[name]])
            if format_ is None:
                times.add(batch[theirs[c.TS]])
            if c.VALUE in theirs:
                values.add(batch[theirs[c.VALUE]])
        if not rows:
            raise DatasetError(f"{source.name} has no row below the names of its columns")
        self.ids = {name: survey.conclude() for name, survey in ids.items()}
        self.times: timestamps.TimeFormat | positions.Positions = format_ or times.conclude(reading.day_first)
        meaning = given or (ValueMeaning("stars") if self.has_kind or c.VALUE not in theirs else values.guess())
        comma = values.decimal_comma(reading.decimal) if c.VALUE in theirs and meaning.name != "none" else False
        self.values = ValueReading(meaning, kind, comma)
        self._range = values.range()

    def lines(self) -> Iterator[str]:
        """How each column was interpreted, as text for users."""
        theirs = self.columns.theirs
        yield f"{self.source.name}: {self.source.dialect}"
        for name in EVENT_FIELDS + EVENT_OPTIONAL:
            if name in theirs:
                found = " (found by its name; --map decides)" if name in self.columns.guessed else ""
                yield f"  {name} from column {theirs[name]!r}{self._understood(name)}{found}"
        if c.TS not in theirs:
            yield "  no ts: the order of the rows, counted from 0 for each user (--ts position)"
        if not self.has_kind and c.VALUE not in theirs:
            yield f"  no kind and no value: each row is a {self.values.kind.value} (--kind decides)"
        if self.columns.unused:
            yield f"  not used: {', '.join(self.columns.unused)}"

    def _understood(self, name: str) -> str:
        if name in self.ids:
            return str(self.ids[name])
        if name == c.TS:
            return f": {self.times} ({'--ts-format decides' if self.has_time else '--ts position'})"
        if name != c.VALUE:
            return ""
        comma = ", with a decimal comma" if self.values.decimal_comma else ""
        if self.has_kind and self.values.meaning.name == "stars":
            return f": {self._range}{comma}, as each row's kind demands"
        how = "" if self._value_given else "; a guess, --value decides"
        return f": {self._range}{comma}, {self.values.meaning}: {self.values.meaning.becomes(self.values.kind)}{how}"

    def read(
        self,
        catalogue: ImportCatalogue,
        quarantine: Quarantine,
        seen: Seen,
        clock: ClockRule = ANY_TIME,
        now: float = 0.0,
        on_share: OnShare = _ignore,
    ) -> Iterator[InteractionBatch]:
        """The rows that keep the contract, batch by batch, as the lake stores them; the others go to `quarantine`."""
        clock, order = clock if self.has_time else ANY_TIME, positions.FileOrder()
        rules = [*_missing(self.has_kind, self.own_ids), *event_rules(clock, now), *([own_id_rule()] if self.own_ids else [])]
        for texts in self.source.batches(self.source.columns, quarantine.add_broken, on_share):
            rows = self._converted(texts, catalogue, order)
            named = [pl.when(rule.broken).then(pl.lit(at)) for at, rule in enumerate(rules)]
            broken = rows.select(pl.when(pl.col(_PROBLEM).is_null()).then(pl.coalesce(named)).alias("rule"))["rule"]
            rows = rows.with_columns(
                pl.coalesce(_PROBLEM, broken.replace_strict(list(range(len(rules))), [r.reason for r in rules], default=None)),
                pl.coalesce(_COLUMN, broken.replace_strict(list(range(len(rules))), [r.column for r in rules], default=None)),
            )
            good = rows.filter(pl.col(_PROBLEM).is_null())
            if not self.own_ids:
                good = good.with_columns(event_id().alias(c.EVENT_ID))
            fates = seen.add(good.select(fingerprints(self.own_ids)))
            quarantine.add(self._quarantine_rows(rows.filter(pl.col(_PROBLEM).is_not_null()), texts))
            for fate, why, column in (
                (fates.repeated & ~fates.contradicting, REPEATED, ""),
                (fates.contradicting, CONTRADICTS, ""),
                (fates.foreign, _FOREIGN, c.EVENT_ID),
            ):
                left = good.filter(pl.Series(fate)).with_columns(pl.lit(why).alias(_PROBLEM), pl.lit(column).alias(_COLUMN))
                quarantine.add(self._quarantine_rows(left, texts))
            new, changed = ~fates.repeated & ~fates.known, fates.changed
            yield InteractionBatch(
                len(texts),
                good.filter(pl.Series(new)).select(EVENTS),
                good.filter(pl.Series(changed)).select(EVENTS),
                int((fates.known & ~changed & ~fates.foreign).sum()),
            )

    def _converted(self, texts: pl.DataFrame, catalogue: ImportCatalogue, order: positions.FileOrder) -> pl.DataFrame:
        """Texts as keys and numbers. `problem` is why a text has none, and `column` which text it is."""
        theirs = self.columns.theirs
        ids = {theirs[name]: reading for name, reading in self.ids.items()}
        texts = texts.with_columns(reading.read(texts[name]) for name, reading in ids.items())
        users, items = keys.users(texts[theirs[c.USER]]), texts[theirs[c.ITEM]]
        ts = self.times.read(texts[theirs[c.TS]]) if c.TS in theirs else order.positions(users[c.USER])
        kinds = texts[theirs[c.KIND]].str.to_lowercase() if self.has_kind else None
        empty = pl.Series(c.VALUE, [None] * len(texts), dtype=pl.String)
        valued = self.values.read(texts[theirs[c.VALUE]] if c.VALUE in theirs else empty, kinds)
        rows = pl.DataFrame(
            [
                texts[LINE],
                *users,
                catalogue.keys_of(items),
                valued[c.KIND],
                valued[c.VALUE],
                ts.alias(c.TS),
                valued[_PROBLEM].alias("value problem"),
                texts[theirs[c.EVENT_ID]].alias(c.EVENT_ID) if self.own_ids else empty.alias(c.EVENT_ID),
                keys.are_ids(items).alias("item is id"),
                *((texts[theirs[name]] if name in theirs else ts).is_not_null().alias(f"has {name}") for name in EVENT_FIELDS),
            ]
        )
        why = [
            (pl.col(c.USER).is_null() & pl.col(f"has {c.USER}"), c.USER, f"{c.USER} is not an id"),
            (~pl.col("item is id") & pl.col(f"has {c.ITEM}"), c.ITEM, f"{c.ITEM} is not an id"),
            (pl.col(c.ITEM).is_null() & pl.col(f"has {c.ITEM}"), c.ITEM, f"{c.ITEM} is not in the catalogue"),
            (pl.col(c.TS).is_null() & pl.col(f"has {c.TS}"), c.TS, f"{c.TS} is not one of the {self.times.short}"),
        ]
        problem = pl.coalesce(*(pl.when(broken).then(pl.lit(words)) for broken, _, words in why), "value problem")
        of_value = pl.when(pl.col("value problem").is_not_null()).then(pl.lit(c.VALUE))
        column = pl.coalesce(*(pl.when(broken).then(pl.lit(name)) for broken, name, _ in why), of_value)
        return rows.with_columns(
            problem.alias(_PROBLEM),
            column.alias(_COLUMN),
            pl.lit(None, dtype=pl.String).alias(c.REQUEST_ID),
            pl.lit(-1, dtype=pl.Int64).alias(c.OFFSET),
        )

    def _quarantine_rows(self, rows: pl.DataFrame, texts: pl.DataFrame) -> pl.DataFrame:
        """Rows as `quarantine.SCHEMA`: the text of the faulty column, and the whole row as it was read."""
        wanted = texts.filter(pl.col(LINE).is_in(rows[LINE].implode()))
        written = wanted.select(
            pl.concat_str(
                [pl.col(name).fill_null("") for name in self.source.columns], separator=self.source.dialect.delimiter or ","
            )
        ).to_series()
        theirs = rows[_COLUMN].replace_strict(self.columns.theirs, default="", return_dtype=pl.String)
        cells = wanted.with_columns(theirs.alias("their column"), written.alias(_ROW))
        cell = pl.coalesce(*(pl.when(pl.col("their column") == name).then(pl.col(name)) for name in self.source.columns), _ROW)
        return cells.select(
            pl.lit(self.source.name).alias("file"), LINE, pl.col("their column").alias("column"), cell.alias("text"),
            rows[_PROBLEM].alias("reason"), _ROW,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class InteractionBatch:
    """The number of rows `read`, the new `events` among them, those `changed` since, and how many are `known` as they are."""

    read: int
    events: pl.DataFrame
    changed: pl.DataFrame
    known: int


Assign = Callable[[Sequence[ExternalId]], Mapping[str, int]]


class ImportCatalogue:
    """The items that events may refer to, and the keys of their ids. Without `items` the catalogue is open: any id is an item."""

    def __init__(self, items: pl.Series | None, item_keys: Mapping[str, int], assign: Assign | None = None) -> None:
        """`assign` returns the keys of an open catalogue's ids, including earlier ones; by default for this run only."""
        self._items = items
        self.item_keys = dict(item_keys)
        self._assign = assign or (lambda ids: assign_keys(ids, self.item_keys))

    def keys_of(self, ids: pl.Series) -> pl.Series:
        """The keys of items [n], null for an item that is not in the catalogue."""
        if self._items is not None:
            found = keys.items(ids, self.item_keys)
            return found.set(~found.is_in(self._items.implode()), None)
        if new := [id_ for id_ in keys.distinct(ids) if isinstance(id_, str) and id_ not in self.item_keys]:
            self.item_keys = dict(self._assign(new))
        return keys.items(ids, self.item_keys)


def _columns(source: SourceFile, reading: Reading) -> ColumnMapping:
    """Which column is which; where there are no times, which one has the positions, if any has. Raises DatasetError."""
    if reading.ts == positions.TIME:
        return resolve(source.name, source.columns, reading.names, EVENT_FIELDS, EVENT_OPTIONAL)
    names = dict(reading.names)
    if c.TS not in (*names, *source.columns):
        meant = mapping.called(source.columns, positions.NAMES) or mapping.time_columns(source.columns)
        if len(meant) > 1:
            raise DatasetError(f"{source.name} has {' and '.join(meant)}; name the one with the positions: --map ts=YOURS")
        if meant and meant[0] not in names.values():
            names[c.TS] = meant[0]
    return resolve(source.name, source.columns, names, (c.USER, c.ITEM), (c.TS, *EVENT_OPTIONAL))


def _declared_format(reading: Reading) -> timestamps.TimeFormat | positions.Positions | None:
    """The given format of the column of times, if any. Raises InvalidInput."""
    if reading.ts == positions.POSITION:
        return positions.Positions()
    return timestamps.given(reading.ts_format) if reading.ts_format else None


def _missing(has_kind: bool, own_ids: bool) -> list[Rule]:
    needed = (*EVENT_FIELDS, *((c.KIND,) if has_kind else ()), *((c.EVENT_ID,) if own_ids else ()))
    return [Rule(pl.col(name).is_null(), name, f"{name} is missing") for name in needed]
