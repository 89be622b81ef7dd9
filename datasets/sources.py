"""A file as batches of text: CSV, JSON Lines or Parquet, with every cell as it is written, whatever its type.

A file is never in memory as a whole. How the cells are interpreted is decided later, from all of them, and reported.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from core.errors import DatasetError
from datasets import quarantine
from datasets.sniffing import Dialect, sniff
from datasets.texts import as_text, is_readable, text_of

LINE = "line"  # line number in the file, from 1; for Parquet the row number
_BLOCK = 8 << 20  # bytes of a CSV per batch
_ROWS = 200_000  # rows per batch in the other formats

OnBad = Callable[[pl.DataFrame], None]
OnShare = Callable[[float], None]


def _ignore(_: object) -> None:
    return None


class SourceFile:
    """One file of rows, which can be read repeatedly."""

    def __init__(self, path: Path, encoding: str | None = None, delimiter: str | None = None, quotes: bool = True) -> None:
        """Without `quotes`, a quote in a CSV is an ordinary character. Raises DatasetError for a file that cannot be read."""
        self._quotes = quotes
        self.path = path
        self.dialect: Dialect = sniff(path, encoding, delimiter)
        read = {"csv": self._csv, "jsonl": self._jsonl, "parquet": self._parquet}
        self._read = read[self.dialect.form]
        self._types: dict[str, str] = {}  # of the columns that cannot be read
        self.columns: list[str] = self._names()

    @property
    def name(self) -> str:
        return self.path.name

    def require(self, columns: Iterable[str]) -> None:
        """Raises DatasetError for a column whose type none of ours has. A column that is not used may have any."""
        for name in columns:
            if name in self._types:
                raise DatasetError(
                    f"{self.name}: column {name} has the type {self._types[name]}; "
                    "allowed: text, numbers, dates, times and lists of them"
                )

    def batches(self, columns: Sequence[str], on_bad: OnBad = _ignore, on_share: OnShare = _ignore) -> Iterator[pl.DataFrame]:
        """Batches with these columns as trimmed text (empty is null) and `LINE`; rows without any text are skipped.

        Malformed rows (too many fields, invalid JSON) go to `on_bad` as `quarantine.SCHEMA`; `on_share` gets the share of the
        file that was read. Raises DatasetError when the file is truncated.
        """
        try:
            for batch in self._read(list(columns), on_bad, on_share):
                texts = batch.with_columns(pl.col(columns).str.strip_chars()).with_columns(
                    pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in columns
                )
                filled = texts.filter(pl.any_horizontal(pl.col(columns).is_not_null()))
                if len(filled):
                    yield filled
        except (OSError, pa.ArrowException, pl.exceptions.PolarsError, UnicodeError) as error:
            hint = (
                "; a quote that is never closed may be the cause: fix it, or use --no-quotes"
                if self.dialect.form == "csv"
                else ""
            )
            raise DatasetError(f"{self.path} cannot be read as {self.dialect}: {str(error).splitlines()[0]}{hint}") from error

    def _names(self) -> list[str]:
        try:
            if self.dialect.form == "parquet":
                schema = pl.DataFrame(pq.ParquetFile(self.path).schema_arrow.empty_table()).schema
                self._types = {name: str(kind) for name, kind in schema.items() if not is_readable(kind)}
                return schema.names()
            with self.path.open(encoding=self.dialect.encoding, newline="") as file:
                if self.dialect.form == "jsonl":
                    found = list(dict.fromkeys(key for line in file for key in _object(line) or {}))
                    if not found:
                        raise DatasetError(f"{self.path} cannot be read as {self.dialect}: no line of it is a JSON object")
                    return found
                header = next(csv.reader(file, delimiter=self.dialect.delimiter))
                names = [name.strip() or f"column {at}" for at, name in enumerate(header, start=1)]
        except (OSError, pa.ArrowException, UnicodeError, csv.Error) as error:
            raise DatasetError(f"{self.path} cannot be read as {self.dialect}: {error}") from error
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DatasetError(f"{self.name} names the column(s) {', '.join(map(repr, twice))} twice; give each its own name")
        return names

    def _csv(self, columns: list[str], on_bad: OnBad, on_share: OnShare) -> Iterator[pl.DataFrame]:
        skipped: set[int] = set()  # numbers of the malformed rows
        found: list[tuple[int, str, str, str]] = []

        number, breaks = 2, 0  # number of the next row, and count of line breaks within fields so far

        def bad(row: pc.InvalidRow) -> str:
            skipped.add(row.number)
            if row.text.strip():
                reason = f"{row.actual_columns} fields, not {row.expected_columns}"
                found.append((row.number + breaks, "", row.text, reason))
            return "skip"

        plain = self.dialect.encoding in ("utf-8", "utf-8-sig")
        options = {
            "read_options": pc.ReadOptions(
                use_threads=False,
                block_size=_BLOCK,
                encoding="utf8" if plain else self.dialect.encoding,
                column_names=self.columns,
                skip_rows=1,
            ),
            "parse_options": pc.ParseOptions(
                delimiter=self.dialect.delimiter,
                quote_char='"' if self._quotes else False,
                newlines_in_values=self._quotes,
                ignore_empty_lines=False,
                invalid_row_handler=bad,
            ),
            "convert_options": pc.ConvertOptions(
                column_types=dict.fromkeys(self.columns, pa.string()), strings_can_be_null=False, include_columns=columns
            ),
        }
        size = max(self.path.stat().st_size, 1)
        with self.path.open("rb") as file:
            if file.seek(0, 2) and not self._has_rows():
                return
            file.seek(0)
            for arrow in pc.open_csv(file, **options):
                batch = pl.DataFrame(arrow)
                numbers, number = _numbers(number, len(batch), skipped)
                inside = batch.select(pl.sum_horizontal(pl.all().str.count_matches("\n", literal=True))).to_series().cum_sum()
                before = inside.shift(1, fill_value=0) + breaks
                breaks += int(inside[-1]) if len(inside) else 0
                if breaks:
                    for line, cell in _of_several_lines(batch, numbers):
                        self._refuse_swallowed(line, cell)
                self._report_malformed(found, on_bad)
                on_share(file.tell() / size)
                yield batch.with_columns((pl.Series(numbers, dtype=pl.Int64) + before).alias(LINE))
            self._report_malformed(found, on_bad)

    def _report_malformed(self, found: list[tuple[int, str, str, str]], on_bad: OnBad) -> None:
        """Report the malformed rows. Raises DatasetError for one that contains other rows."""
        for line, _, text, _ in found:
            self._refuse_swallowed(line, text)
        on_bad(quarantine.faults(self.name, found))
        found.clear()

    def _refuse_swallowed(self, line: int, text: str) -> None:
        """Raises DatasetError for an unclosed quote that pulled the following rows into one field."""
        commas = len(self.columns) - 1
        if commas and any(one.count(self.dialect.delimiter) == commas for one in text.split("\n")[1:]):
            raise DatasetError(
                f"{self.name}: about line {line} a quote is opened and not closed, so the rows behind it would be one field; "
                "fix it, or use --no-quotes if quotes have no meaning in this file"
            )

    def _has_rows(self) -> bool:
        """Whether there is anything after the header; Arrow raises an error for a file without rows."""
        with self.path.open(encoding=self.dialect.encoding, newline="") as file:
            file.readline()
            return any(line.strip() for line in file)

    def _jsonl(self, columns: list[str], on_bad: OnBad, on_share: OnShare) -> Iterator[pl.DataFrame]:
        size, done = max(self.path.stat().st_size, 1), 0
        rows: list[list[object]] = []
        found: list[tuple[int, str, str, str]] = []
        schema = {**dict.fromkeys(columns, pl.String), LINE: pl.Int64}
        with self.path.open(encoding=self.dialect.encoding, newline="") as file:
            for number, line in enumerate(file, start=1):
                done += len(line)
                row = _object(line)
                if row is not None:
                    rows.append([*(text_of(row.get(name)) for name in columns), number])
                elif line.strip():
                    found.append((number, "", line.strip(), "not a JSON object"))
                if len(rows) == _ROWS:
                    on_bad(quarantine.faults(self.name, found))
                    on_share(done / size)
                    yield pl.DataFrame(rows, schema=schema, orient="row")
                    rows, found = [], []
        on_bad(quarantine.faults(self.name, found))
        yield pl.DataFrame(rows, schema=schema, orient="row")

    def _parquet(self, columns: list[str], on_bad: OnBad, on_share: OnShare) -> Iterator[pl.DataFrame]:  # noqa: ARG002
        file = pq.ParquetFile(self.path)
        total, done = max(file.metadata.num_rows, 1), 0
        for arrow in file.iter_batches(batch_size=_ROWS, columns=columns):
            batch = pl.DataFrame(arrow)
            texts = [
                as_text(batch[name]) if name not in self._types else pl.Series(name, [None] * len(batch), dtype=pl.String)
                for name in columns
            ]
            yield pl.DataFrame([*texts, pl.int_range(done + 1, done + len(batch) + 1, dtype=pl.Int64, eager=True).alias(LINE)])
            done += len(batch)
            on_share(done / total)


def _of_several_lines(batch: pl.DataFrame, numbers: list[int]) -> Iterator[tuple[int, str]]:
    for column in batch.iter_columns():
        found = column.str.contains("\n", literal=True)
        yield from zip(pl.Series(numbers, dtype=pl.Int64).filter(found), column.filter(found), strict=True)


def _numbers(first: int, count: int, skipped: set[int]) -> tuple[list[int], int]:
    """The next `count` numbers from `first` that are not skipped, and the number after them."""
    if not skipped:
        return list(range(first, first + count)), first + count
    numbers: list[int] = []
    while len(numbers) < count:
        if first not in skipped:
            numbers.append(first)
        first += 1
    return numbers, first


def _object(line: str) -> dict[str, object] | None:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
