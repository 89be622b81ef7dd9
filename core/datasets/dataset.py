"""A data set that passed its checks, and the report of what did not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from core import columns as c
from core.errors import DatasetError
from core.events import KIND_CODE, MAX_ID, VALUE_RANGE, Kind

REASON = "reason"
LATEST = 253_402_300_800.0  # Unix seconds of the year 10000: dates end there


@dataclass(frozen=True)
class ValidationReport:
    """What was read, what was kept, and why the rest was set aside."""

    read: int
    kept: int
    users: int
    items: int
    reasons: dict[str, int]  # reason -> rows

    @property
    def bad_share(self) -> float:
        return (self.read - self.kept) / self.read if self.read else 0.0

    def lines(self) -> list[str]:
        """The report for people."""
        head = f"{self.read:,} rows read, {self.kept:,} kept: {self.users:,} users, {self.items:,} items in the catalogue"
        return [head, *(f"  quarantined {count:,}: {reason}" for reason, count in sorted(self.reasons.items()))]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Interactions and items with the lake's columns; `quarantined` has the interaction columns and a reason."""

    name: str
    interactions: pl.DataFrame
    items: pl.DataFrame
    quarantined: pl.DataFrame
    report: ValidationReport

    @property
    def digest(self) -> str:
        """Twelve hex digits over the kept interactions, whatever file they came from: the `data_hash` of a benchmark."""
        ordered = self.interactions.select(c.USER, c.ITEM, c.KIND, c.VALUE, c.TS).sort(c.TS, c.USER, c.ITEM, c.KIND)
        return hashlib.sha256(ordered.write_csv().encode()).hexdigest()[:12]


def validate(name: str, interactions: pl.DataFrame, items: pl.DataFrame, max_bad_share: float = 0.05) -> Dataset:
    """Check every row against the event contract and the catalogue.

    `interactions` needs user_id, item_id, kind, value and ts; `items` needs item_id, title, genres and year. Bad rows are
    set aside with a reason. Raises DatasetError when nothing is left or more than `max_bad_share` is bad.
    """
    if items.is_empty():
        raise DatasetError(f"{name}: the catalogue is empty, so there is nothing to recommend")
    if items[c.ITEM].null_count() or items[c.ITEM].n_unique() != len(items):
        raise DatasetError(f"{name}: the catalogue has a missing or repeated item_id")
    judged = interactions.with_columns(_reason(items[c.ITEM]).alias(REASON))
    bad = judged.filter(pl.col(REASON).is_not_null())
    good = judged.filter(pl.col(REASON).is_null()).drop(REASON)
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
    return Dataset(name, _as_events(name, good), items.sort(c.ITEM), bad, report)


def _reason(known_items: pl.Series) -> pl.Expr:
    """Why a row breaks the contract, or null: the first rule that it breaks."""
    rules = [(pl.any_horizontal(pl.col(c.USER, c.ITEM, c.KIND, c.TS).is_null()), "a required field is missing")]
    rules += [(~pl.col(column).is_between(1, MAX_ID), f"{column} outside 1 to 2^53-1") for column in (c.USER, c.ITEM)]
    rules += [(~pl.col(c.KIND).is_in(list(KIND_CODE)), f"kind is none of {', '.join(KIND_CODE)}")]
    rules += [(~(pl.col(c.TS) >= 0) | ~(pl.col(c.TS) < LATEST), "ts is no Unix time in seconds")]
    for kind, (low, high, unit) in VALUE_RANGE.items():
        inside = pl.col(c.VALUE).is_between(low, high).fill_null(kind is Kind.REVIEW)
        rules += [((pl.col(c.KIND) == kind.value) & ~inside, f"{kind.value} outside {low} to {high} {unit}")]
    rules += [(~pl.col(c.ITEM).is_in(known_items.implode()), "item_id is not in the catalogue")]
    rules += [(~pl.struct(c.USER, c.ITEM, c.KIND, c.TS).is_first_distinct(), "duplicate of an earlier row")]
    return pl.coalesce(pl.when(broken).then(pl.lit(reason)) for broken, reason in rules)


def _as_events(name: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Lake columns: a deterministic event_id, so that importing twice stores once, and log_offset -1."""
    return rows.select(
        pl.format(f"{name}-{{}}-{{}}-{{}}-{{}}", c.USER, c.ITEM, c.KIND, pl.col(c.TS).cast(pl.Int64)).alias(c.EVENT_ID),
        c.USER,
        c.ITEM,
        c.KIND,
        c.VALUE,
        c.TS,
        pl.lit(None, dtype=pl.String).alias(c.REQUEST_ID),
        pl.lit(-1, dtype=pl.Int64).alias(c.OFFSET),
    )


def require_columns(name: str, frame_columns: Sequence[str], needed: Sequence[str]) -> None:
    """Raises DatasetError that names the missing columns and what is there."""
    missing = [column for column in needed if column not in frame_columns]
    if missing:
        raise DatasetError(f"{name} lacks the column(s) {', '.join(missing)}; it has {', '.join(frame_columns) or 'none'}")
