"""Detects how a file is written: its form, its encoding and its delimiter."""

from __future__ import annotations

import codecs
import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.errors import DatasetError, InvalidInput

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip (or a spreadsheet)", b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "zstd"}
_UTF16 = 0.2  # share of zero bytes: half of a text in Latin letters, and a stray one is only that
_BY_CHANCE = 0.1  # letters in UTF-8 for each byte that is none, in texts of other encodings at most
_NOT_IN_CP1252 = b"\x81\x8d\x8f\x90\x9d"
_AT_ONCE = 1 << 20  # bytes


@dataclass(frozen=True)
class Dialect:
    """The form of a file, and of a CSV the encoding and the delimiter. `digest` identifies its contents, not its name."""

    form: Literal["csv", "jsonl", "parquet"]
    encoding: str
    delimiter: str
    digest: str

    def __str__(self) -> str:
        if self.form == "parquet":
            return "Parquet"
        if self.form == "jsonl":
            return f"JSON Lines, {self.encoding}"
        return f"CSV, {self.encoding}, fields separated by {DELIMITERS.get(self.delimiter, repr(self.delimiter))}"


def sniff(path: Path, encoding: str | None = None, delimiter: str | None = None) -> Dialect:
    """Detect the encoding from all of a file and the delimiter from its first line, unless they are given.

    Raises DatasetError for a file that cannot be read as any form, InvalidInput for an encoding that does not exist.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_AT_ONCE)
        if head.startswith(b"PAR1"):
            return Dialect("parquet", "", "", _digest(path))
        for magic, name in _PACKED.items():
            if head.startswith(magic):
                raise DatasetError(f"{path} is a {name} file; unpack it, or save it as CSV, and import that")
        found = _checked(encoding) if encoding else _encoding(path, head)
        first = _first_line(path, found)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror or error}") from error
    if not first.strip():
        what = "its first line is empty" if head.strip() else "it is empty"
        raise DatasetError(f"{path} cannot be read: {what}; the first line must name the columns")
    if first.lstrip().startswith("[") and first.strip()[1:].lstrip()[:1] in ("", "{"):
        raise DatasetError(f"{path} is a JSON array; save it as JSON Lines, one object a line without brackets around them")
    if first.lstrip().startswith("{"):
        return Dialect("jsonl", found, "", _digest(path))
    return Dialect("csv", found, delimiter or _delimiter(first), _digest(path))


def _checked(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError as error:
        raise InvalidInput("--encoding", encoding, "a name that Python knows, for example utf-8, cp1252 or utf-16") from error


def _encoding(path: Path, head: bytes) -> str:
    """By the byte order mark; else UTF-16 if there are many zero bytes, UTF-8 if it is valid, otherwise Windows' Latin-1.

    Raises DatasetError for a file that is UTF-8 but for a few bytes: as Latin-1 all of its other letters would be wrong.
    """
    for mark, name in _BOMS.items():
        if head.startswith(mark):
            return name
    if head.count(b"\0") > _UTF16 * len(head):
        return "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    wrong = letters = 0
    latin = False
    with path.open("rb") as file:
        while part := file.read(_AT_ONCE):
            latin = latin or any(byte in part for byte in _NOT_IN_CP1252)
            if not part.isascii() or decoder.getstate()[0]:
                text = decoder.decode(part)
                here = text.count("\ufffd")
                wrong, letters = wrong + here, letters + sum(not one.isascii() for one in text) - here
        wrong += decoder.decode(b"", final=True).count("\ufffd")
    if not wrong:
        return "utf-8"
    if letters > _BY_CHANCE * wrong:
        raise DatasetError(
            f"{path} has {letters:,} letters in UTF-8 and {wrong:,} bytes that are not UTF-8; mend them, "
            "or name the encoding of all of it with --encoding"
        )
    return "latin-1" if latin else "cp1252"


def _first_line(path: Path, encoding: str) -> str:
    try:
        with path.open(encoding=encoding, newline=None) as file:
            return file.readline(_AT_ONCE)
    except UnicodeError as error:
        raise DatasetError(f"{path} is not text in {encoding} ({error}); name it with --encoding") from error


def _delimiter(header: str) -> str:
    """The delimiter that splits the header into the most names; names consist of letters, not separators."""
    counts = {one: len(next(csv.reader([header], delimiter=one))) for one in DELIMITERS}
    return max(counts, key=lambda one: counts[one])


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]
