"""A data set that passed its checks, and a report of the rows that did not."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import polars as pl

from core import columns as c
from core import ids
from core.errors import DatasetError
from core.items import TAG_SCHEMA, complete
from core.words import counted
from datasets.contract import event_id, event_rules

REASON = "reason"
_AT_ONCE = 1_000_000  # rows


@dataclass(frozen=True)
class ValidationReport:
    """How many rows were read and kept, and why the rest was quarantined."""

    read: int
    kept: int
    users: int
    items: int
    reasons: dict[str, int]  # reason -> rows

    @property
    def bad_share(self) -> float:
        return (self.read - self.kept) / self.read if self.read else 0.0

    def lines(self) -> list[str]:
        """The report as text for users."""
        head = (
            f"{counted(self.read, 'row')} read, {self.kept:,} kept: {counted(self.users, 'user')}, "
            f"{counted(self.items, 'item')} in the catalogue"
        )
        return [head, *(f"  quarantined {count:,}: {reason}" for reason, count in sorted(self.reasons.items()))]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Interactions and items with the lake's columns; `quarantined` has the columns of interactions and a reason."""

    name: str
    interactions: pl.DataFrame
    items: pl.DataFrame
    quarantined: pl.DataFrame
    report: ValidationReport
    tags: pl.DataFrame = field(default_factory=TAG_SCHEMA.to_frame)  # the tags that users gave to items, and when
    users: pl.DataFrame | None = None  # user_id and profile: static attributes as tokens
    item_ids: Mapping[str, int] = field(default_factory=dict)  # the keys of item ids that are not whole numbers
    has_time: bool = True  # if false, `ts` is a position that orders one user's events and is not comparable across users

    @property
    def digest(self) -> str:
        """Twelve hex digits over the kept interactions, independent of the file format: the `data_hash` of a benchmark."""
        ordered = self.interactions.select(c.USER, c.ITEM, c.KIND, c.VALUE, c.TS).sort(c.TS, c.USER, c.ITEM, c.KIND)
        digest = hashlib.sha256()
        for start, part in zip(count(step=_AT_ONCE), ordered.iter_slices(_AT_ONCE), strict=False):
            digest.update(part.write_csv(include_header=start == 0).encode())
        return digest.hexdigest()[:12]


def validate(name: str, interactions: pl.DataFrame, items: pl.DataFrame, max_bad_share: float = 0.05) -> Dataset:
    """Check every row against the event contract and the catalogue.

    `interactions` needs user_id, item_id, kind, value and ts; `items` needs item_id, title, genres and year, and may have
    more of `core.items.ITEM_SCHEMA`. Bad rows are quarantined with a reason. Raises DatasetError when nothing is left or
    more than `max_bad_share` is bad.
    """
    check_items(name, items)
    rules = _rules(items[c.ITEM])
    broken = _broken(interactions, [rule for rule, _ in rules])
    good = interactions.filter(broken.is_null())
    bad = _with_reasons(interactions, broken, [reason for _, reason in rules])
    report = ValidationReport(
        read=len(interactions),
        kept=len(good),
        users=good[c.USER].n_unique(),
        items=len(items),
        reasons=dict(bad.group_by(REASON).len().iter_rows()),
    )
    if good.is_empty():
        raise DatasetError(f"{name}: no usable interaction: " + "; ".join(report.lines()))
    if report.bad_share > max_bad_share:
        raise DatasetError(
            f"{name}: {report.bad_share:.1%} of the rows are bad, more than the {max_bad_share:.0%} allowed: "
            + "; ".join(line.strip() for line in report.lines()[1:])
        )
    return Dataset(name, _as_events(good), complete(items).sort(c.ITEM), bad, report)


def check_items(name: str, items: pl.DataFrame) -> None:
    """Raises DatasetError for a catalogue without films, and for an item_id that is missing, repeated or out of range."""
    if items.is_empty():
        raise DatasetError(f"{name}: the catalogue is empty, so there is nothing to recommend")
    if items[c.ITEM].null_count() or items[c.ITEM].n_unique() != len(items):
        raise DatasetError(f"{name}: the catalogue has a missing or repeated item_id")
    outside = items.filter(~(pl.col(c.ITEM) >= 1))
    if len(outside):
        raise DatasetError(f"{name}: item_id {outside[c.ITEM][0]} is not an id ({len(outside)} are not); allowed: {ids.ALLOWED}")


def _rules(known_items: pl.Series) -> list[tuple[pl.Expr, str]]:
    """Conditions that a row must not meet, and the reason to report for each."""
    rules = [(pl.any_horizontal(pl.col(c.USER, c.ITEM, c.KIND, c.TS).is_null()), "a required field is missing")]
    rules += [(~(pl.col(column) >= 1), f"{column} is not an id") for column in (c.USER, c.ITEM)]
    rules += [(rule.broken, rule.reason) for rule in event_rules()]
    rules += [(~pl.col(c.ITEM).is_in(known_items.implode()), "item_id is not in the catalogue")]
    return rules


def _broken(rows: pl.DataFrame, rules: list[pl.Expr]) -> pl.Series:
    """The number of the first rule that each row breaks, `len(rules)` for a duplicate of an earlier row, or null.

    The number takes one byte, and duplicates are found by a hash: 32 million reasons as text would not fit into memory.
    """
    numbered = [pl.when(rule).then(pl.lit(number, pl.UInt8)) for number, rule in enumerate(rules)]
    broken = rows.select(pl.coalesce(numbered).alias("rule"))["rule"]
    key = rows.select(pl.col(c.USER).hash() ^ pl.col(c.ITEM).hash(1) ^ pl.col(c.TS).hash(2)).to_series()
    ordered = key.sort()
    suspects = rows.with_row_index("row").filter(key.is_in(ordered.filter(ordered == ordered.shift(1)).unique().implode()))
    repeated = suspects.filter(~pl.struct(c.USER, c.ITEM, c.KIND, c.TS).is_first_distinct())["row"]
    return broken.scatter(repeated, broken[repeated].fill_null(len(rules)))


def _with_reasons(rows: pl.DataFrame, broken: pl.Series, reasons: list[str]) -> pl.DataFrame:
    """The rows that break a rule, with its reason."""
    words = dict(enumerate((*reasons, "duplicate of an earlier row")))
    bad = rows.with_columns(broken.alias(REASON)).filter(pl.col(REASON).is_not_null())
    return bad.with_columns(pl.col(REASON).replace_strict(words, return_dtype=pl.String))


def _as_events(rows: pl.DataFrame) -> pl.DataFrame:
    """Lake columns: a deterministic event_id, so that loading twice stores each event once, and log_offset -1."""
    # in parts, because the numbers of 32 million rows as text would not fit into memory
    named = pl.concat([part.select(event_id().alias(c.EVENT_ID)) for part in rows.iter_slices(_AT_ONCE)])
    external = pl.col(c.EXTERNAL_USER) if c.EXTERNAL_USER in rows.columns else pl.lit(None, dtype=pl.String)
    columns = rows.select(c.USER, c.ITEM, c.KIND, c.VALUE, c.TS, external.alias(c.EXTERNAL_USER))
    return named.hstack(columns).with_columns(
        pl.lit(None, dtype=pl.String).alias(c.REQUEST_ID), pl.lit(-1, dtype=pl.Int64).alias(c.OFFSET)
    )


def require_columns(name: str, frame_columns: Sequence[str], needed: Sequence[str]) -> None:
    """Raises DatasetError that names the missing and the existing columns."""
    missing = [column for column in needed if column not in frame_columns]
    if missing:
        raise DatasetError(f"{name} lacks the column(s) {', '.join(missing)}; it has {', '.join(frame_columns) or 'none'}")
