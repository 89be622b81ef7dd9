"""Rows that cannot be used, with position, text and reason. The rest of their file is read without them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from core.errors import StorageFull
from datasets.texts import BETWEEN

REASON = "reason"
REPEATED = "repeats an earlier row"
CONTRADICTS = "is the event of an earlier row with another kind, time or value; the earlier row counts"
_NO_FAULTS = (REPEATED, CONTRADICTS)  # not errors of a row, so not counted in the share of bad rows
SCHEMA = pl.Schema(
    {"file": pl.String, "line": pl.Int64, "column": pl.String, "text": pl.String, "reason": pl.String, "row": pl.String}
)
_TEXT = 500  # characters kept of a text, because a broken quote may span half a file


def faults(file: str, rows: list[tuple[int, str, str, str]]) -> pl.DataFrame:
    """Rows of `SCHEMA` from (line, column, text, reason); the text is the whole row."""
    return pl.DataFrame(
        [(file, line, column, text[:_TEXT], reason, text[:_TEXT]) for line, column, text, reason in rows],
        schema=SCHEMA,
        orient="row",
    )


class Quarantine:
    """Counts rows by reason, keeps an example of each, and writes all of them to a JSON Lines file if there is one."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.reasons: Counter[str] = Counter()
        self.broken = 0
        self._examples: dict[str, str] = {}

    def add(self, rows: pl.DataFrame) -> None:
        """Rows of `SCHEMA`. Raises StorageFull."""
        if rows.is_empty():
            return
        rows = rows.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()).with_columns(
            pl.col("text", "row").str.replace_all(BETWEEN, "|", literal=True)
        )
        for reason, count in rows.group_by(REASON, maintain_order=True).len().iter_rows():
            self.reasons[reason] += count
            if reason not in self._examples:
                first = rows.filter(pl.col(REASON) == reason).row(0, named=True)
                column = f", column {first['column']!r}" if first["column"] else ""
                self._examples[reason] = (
                    f"{first['file']}, line {first['line']}{column}: {' '.join((first['text'] or 'empty').split())}"
                )
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                rows.write_ndjson(file)
        except OSError as error:
            raise StorageFull("quarantine", f"{self.path}: {error}", "free some space, or fix the permissions") from error

    def add_broken(self, rows: pl.DataFrame) -> None:
        """Adds rows that are in no batch because they could not be split into fields."""
        self.broken += len(rows)
        self.add(rows)

    @property
    def bad(self) -> int:
        """The number of bad rows, without those that concern the event of an earlier row."""
        return self.reasons.total() - sum(self.reasons[reason] for reason in _NO_FAULTS)

    def lines(self) -> Iterator[str]:
        """Text for users: the count and the first row for each reason."""
        for reason, count in sorted(self.reasons.items()):
            if count:
                yield f"  quarantined {count:,}: {reason} (for example {self._examples[reason]!s:.120})"
